"""What happens to notifications that others act upon."""

from dataclasses import dataclass
from typing import Literal

from kernel.events import Event

Change = Literal["read", "unread", "responded", "hidden"]


@dataclass(frozen=True)
class NotificationCreated(Event):
    """A notification is in the log; `text` is its canonical message. Not durable: its row says itself whether it has
    been pushed."""

    notification_id: str
    stream: str
    seq: int
    text: str


@dataclass(frozen=True)
class InboxChanged(Event):
    """Somebody did something with their own notifications, with all of them where no ids are named.

    Not durable: it only lets their other screens agree.
    """

    user_id: int
    change: Change
    notification_ids: tuple[str, ...] = ()
    response: str | None = None
