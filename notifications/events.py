"""What happens to notifications that others act upon."""

from dataclasses import dataclass

from kernel.events import Event


@dataclass(frozen=True)
class NotificationCreated(Event):
    """A notification is in the log; `text` is its canonical message. Not durable: its row says itself whether it has
    been pushed."""

    notification_id: str
    stream: str
    seq: int
    text: str
