"""What accounts ask of the apps above them, which register here from the wiring page."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypedDict

from accounts.models import User


class BrokerStatus(TypedDict):
    """How one of somebody's broker connections stands."""

    id: int
    broker_name: str
    status: str
    expires_at: datetime | None


BrokerStatuses = Callable[[User], Sequence[BrokerStatus]]
_sources: list[BrokerStatuses] = []


def use_broker_statuses(source: BrokerStatuses) -> None:
    """Let `auth/status` list what `source` says of a user's broker connections."""
    _sources[:] = [source]


def broker_statuses(user: User) -> list[BrokerStatus]:
    return [status for source in _sources for status in source(user)]
