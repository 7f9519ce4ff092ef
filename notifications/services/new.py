"""What a stream is to tell, before it has a place there."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from kernel import clock
from kernel.realtime import encode
from notifications.models import Notification, Priority, Stream
from notifications.selectors import message_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotification:
    """What a stream is to tell. Scores are 0 to 100; `data` and `posted` are plain JSON.

    A stream tells the same `dedup_key` or `external_id` once. Where it has told `most_a_minute` within the last
    minute, this is held back, to be told as one of many by a summary; it needs a `dedup_key` for that.
    """

    stream_name: str
    type: str
    title: str
    message: str
    priority: str = Priority.MEDIUM
    source: str = ""
    symbol: str | None = None
    topic: str | None = None
    confidence_score: Decimal | None = None
    urgency_score: Decimal | None = None
    promise_score: Decimal | None = None
    data: Mapping[str, Any] | None = None
    sender_id: int | None = None
    external_id: str = ""
    dedup_key: str = ""
    posted: Mapping[str, Any] | None = None
    most_a_minute: int | None = None

    def row(self, stream: Stream, kind_seq: int) -> Notification:
        """The notification at the head of `stream`, made at its `told_at`."""
        told = {name: getattr(self, name) for name in _COLUMNS}
        row = Notification(
            stream=stream, seq=stream.head, kind_seq=kind_seq, created_at=stream.told_at or clock.now(), **told
        )
        row.data = dict(self.data or {})
        row.text = encode(message_of(row, stream, self.posted))
        return row


_COLUMNS = tuple({one.name for one in fields(NewNotification)} - {"stream_name", "posted", "most_a_minute"})
