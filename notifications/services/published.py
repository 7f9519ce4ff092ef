"""Remembering which notifications the sockets have been woken for, which bounds what the sweep looks at."""

import uuid
from collections import deque
from collections.abc import Iterable

from kernel import clock
from notifications.models import Notification

# Those that are dropped are found by the sweep, which costs their streams one wake-up in vain.
MOST_REMEMBERED = 10_000

_pushed: "deque[uuid.UUID | str]" = deque(maxlen=MOST_REMEMBERED)


def mark_published(*, notification_ids: Iterable[uuid.UUID | str]) -> int:
    """Remember that the sockets have been woken for these rows; the number that was new."""
    rows = Notification.objects.filter(pk__in=list(notification_ids), published_at__isnull=True)
    return rows.update(published_at=clock.now())


def mark_published_soon(*, notification_ids: Iterable[uuid.UUID | str]) -> None:
    """The same, but together with others and a moment later: it only spares the sweep a look."""
    _pushed.extend(notification_ids)


def mark_waiting_published() -> int:
    """Mark what `mark_published_soon` was told of; the number that was new."""
    waiting = []
    while _pushed:
        waiting.append(_pushed.popleft())
    return mark_published(notification_ids=waiting) if waiting else 0


def has_waiting() -> bool:
    """Whether `mark_waiting_published` has anything to do."""
    return bool(_pushed)
