"""The one place that knows what time it is."""

import time
from datetime import UTC, datetime

from django.utils import timezone


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return timezone.now()


def monotonic() -> float:
    """Seconds of a clock that never jumps, for time-outs and durations."""
    return time.monotonic()


def from_epoch(seconds: int) -> datetime:
    """The aware UTC datetime of epoch `seconds`."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def isoformat(moment: datetime) -> str:
    """ISO 8601 in UTC ending in `Z`, the form every answer and message uses."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
