"""What notifications say and take on sockets."""

import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from kernel.realtime import Answer, Payload, Push, Request
from notifications.events import Change

BIGGEST_SEQ = 2**63 - 1
# Where somebody's own doings are told, by their id.
INBOX_TOPIC = "inbox:{}"

Word = Annotated[str, Meta(max_length=100)]
Words = Annotated[list[Word], Meta(max_length=100)]


class NotificationPayload(Payload, frozen=True, kw_only=True):
    """A notification as REST shows it before anybody has touched it; times are ISO 8601 UTC."""

    id: str
    stream: str
    seq: int
    type: str
    priority: str
    title: str
    message: str
    source: str
    symbol: str | None
    topic: str | None
    confidence_score: Decimal | None
    urgency_score: Decimal | None
    promise_score: Decimal | None
    data: dict[str, Any]
    status: Literal["unread"]
    read: bool
    response: str | None
    created_at: str
    read_at: str | None
    responded_at: str | None


class NotificationMessage(Push, frozen=True, kw_only=True, tag="notification"):
    """A notification; its text is the same for all its recipients. `posted` is the payload of a broadcast as its
    sender posted it."""

    payload: NotificationPayload
    posted: dict[str, Any] | None = None


class Position(Payload, frozen=True, kw_only=True):
    """A place in a stream's history: everything up to `seq` is known."""

    epoch: Annotated[str, Meta(max_length=64)]
    seq: Annotated[int, Meta(ge=0, le=BIGGEST_SEQ)]


class StreamsPayload(Payload, frozen=True, kw_only=True):
    """Where each stream stands."""

    streams: dict[str, Position]


class NotificationsLive(Push, frozen=True, kw_only=True, tag="notifications.live"):
    """Everything missed has been sent; from here on it is live. Keep these positions, also those of streams left."""

    payload: StreamsPayload


class Heads(Push, frozen=True, kw_only=True, tag="notifications.heads"):
    """How far each stream has been sent on this connection: shows a loss of the last message."""

    payload: StreamsPayload


class ChangedPayload(Payload, frozen=True, kw_only=True):
    """What somebody did with their own notifications; with all of them where `ids` is empty."""

    change: Change
    ids: list[str]
    response: str | None = None


class NotificationsChanged(Push, frozen=True, kw_only=True, tag="notifications.changed"):
    """One's own notifications were read, answered or hidden, here or on another screen. Not kept: read the list anew
    after being away."""

    payload: ChangedPayload


class ResetPayload(Payload, frozen=True, kw_only=True):
    """The streams whose past cannot be sent from the position that was named."""

    streams: list[str]


class Reset(Push, frozen=True, kw_only=True, tag="reset"):
    """Forget the positions in these streams and read the list by REST; they go on live from their present end."""

    payload: ResetPayload


class NotificationsSubscribe(Request, frozen=True, kw_only=True):
    """Follow one's streams, from the positions named or else live. The filters leave out what does not fit."""

    streams: Annotated[dict[str, Position], Meta(max_length=1_000)] = field(default_factory=dict)
    topics: Words | None = None
    types: Words | None = None
    min_priority: Literal["critical", "high", "error", "medium", "low", "info"] | None = None


class NotificationsUnsubscribe(Request, frozen=True, kw_only=True):
    """Follow no stream any longer."""


class NotificationsRead(Request, frozen=True, kw_only=True):
    """Mark notifications read."""

    ids: Annotated[list[uuid.UUID], Meta(min_length=1, max_length=100)]


class NotificationsAck(Request, frozen=True, kw_only=True):
    """Notifications have arrived: all of `stream` up to `seq`, or those with these `ids`."""

    stream: Annotated[str, Meta(max_length=200)] | None = None
    seq: Annotated[int, Meta(ge=0, le=BIGGEST_SEQ)] | None = None
    ids: Annotated[list[uuid.UUID], Meta(min_length=1, max_length=100)] | None = None


class StreamsAnswer(Answer, frozen=True, kw_only=True):
    """The streams that are followed."""

    streams: list[str]


class MarkedAnswer(Answer, frozen=True, kw_only=True):
    """How many notifications were marked."""

    marked: int


class AcknowledgedAnswer(Answer, frozen=True, kw_only=True):
    """How many notifications, or positions of streams, were new."""

    acknowledged: int
