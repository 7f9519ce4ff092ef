"""The streams: what they are called, whose they are, and how sockets read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from kernel import clock
from kernel.api.fields import NumberField
from kernel.realtime import Head, StreamRow
from notifications.messages import NotificationMessage, NotificationPayload
from notifications.models import Membership, Notification, Stream

_number = NumberField()

EVERYBODY = "all"


def stream_of_user(user_id: int) -> str:
    return f"user:{user_id}"


def stream_of_formula(formula_id: int) -> str:
    return f"formula:{formula_id}"


def stream_of_role(role: str) -> str:
    return f"role:{role}"


def stream_of_company(slug: str, role: str | None = None) -> str:
    """The stream of a whole company, or of those of its members who have `role`."""
    return f"company:{slug}/role:{role}" if role else f"company:{slug}"


def streams_by_position(user: User) -> set[str]:
    """The streams that are `user`'s by who they are: their own, everybody's, their role's and their company's."""
    role = "admin" if user.is_admin else user.role
    names = {stream_of_user(user.pk), EVERYBODY, stream_of_role(role)}
    if user.company:
        names |= {stream_of_company(user.company.slug), stream_of_company(user.company.slug, role)}
    return names


def message_of(
    notification: Notification, stream: Stream, posted: Mapping[str, Any] | None = None
) -> NotificationMessage:
    """The socket message that tells of `notification`: the same for everybody, hence without reading state.

    `posted` is the payload that a broadcast's sender posted, for clients that know its own form.
    """
    created_at = clock.isoformat(notification.created_at)
    payload = NotificationPayload(
        id=str(notification.pk),
        stream=stream.name,
        seq=notification.seq,
        type=notification.type,
        priority=notification.priority,
        title=notification.title,
        message=notification.message,
        source=notification.source,
        symbol=notification.symbol,
        topic=notification.topic,
        confidence_score=_number.to_representation(notification.confidence_score),
        urgency_score=_number.to_representation(notification.urgency_score),
        promise_score=_number.to_representation(notification.promise_score),
        data=notification.data,
        status="unread",
        read=False,
        response=None,
        created_at=created_at,
        read_at=None,
        responded_at=None,
    )
    return NotificationMessage(
        payload=payload,
        posted=None if posted is None else dict(posted),
        stream=stream.name,
        epoch=stream.epoch,
        seq=notification.seq,
        ts=created_at,
        event_id=notification.pk.hex,
    )


@dataclass(frozen=True, slots=True)
class Addressed:
    """What of a stream is addressed to a person: `spans` of `after < seq <= until`, oldest first, the last perhaps
    open. `epoch`, `head` and `floor` are the stream's."""

    epoch: str
    head: int
    spans: tuple[tuple[int, int | None], ...]
    floor: int = 0

    @property
    def opened_after(self) -> int | None:
        """Where the open span begins; none for somebody who has left."""
        after, until = self.spans[-1]
        return after if until is None else None

    @property
    def ended_at(self) -> int | None:
        """Where the last span of somebody who has left ends; none where nothing of it is kept."""
        until = self.spans[-1][1]
        return until if until is not None and until > self.floor else None

    def missed(self, position: int) -> int:
        """How many rows after `position` are addressed to the person."""
        return sum(max(0, end - max(after, position)) for after, end in self._ends())

    def reaches(self, seq: int) -> bool:
        """Whether the row `seq` is addressed to the person."""
        return any(after < seq <= end for after, end in self._ends())

    def is_forgotten(self, position: int) -> bool:
        """Whether something after `position` that was addressed to the person is too old to be kept."""
        return any(max(after, position) < min(end, self.floor) for after, end in self._ends())

    def _ends(self) -> list[tuple[int, int]]:
        return [(after, self.head if until is None else until) for after, until in self.spans]


def streams_of(user_id: int) -> dict[str, Addressed]:
    """Every stream of which anything is or was addressed to the person, by name."""
    return streams_of_people([user_id])[0]


def streams_of_people(user_ids: Sequence[int]) -> list[dict[str, Addressed]]:
    """`streams_of` each, in one query."""
    rows = (
        Membership.objects.filter(user_id__in=user_ids)
        .order_by("stream_id", "after_seq", "pk")
        .values_list(
            "user_id", "stream__name", "stream__epoch", "stream__head", "stream__floor", "after_seq", "until_seq"
        )
    )
    found: dict[int, dict[str, Addressed]] = {user_id: {} for user_id in user_ids}
    for user_id, name, epoch, head, floor, after, until in rows:
        streams = found[user_id]
        earlier = streams[name].spans if name in streams else ()
        streams[name] = Addressed(epoch, head, (*earlier, (after, until)), floor)
    return [found[user_id] for user_id in user_ids]


class NotificationStreams:
    """The log as `kernel.realtime` reads it."""

    def heads(self, streams: Sequence[str]) -> dict[str, Head]:
        """The epoch and last seq of each stream that exists."""
        rows = Stream.objects.filter(name__in=streams).values_list("name", "epoch", "head")
        return {name: Head(epoch, head) for name, epoch, head in rows}

    def read(self, stream: str, after: int, limit: int) -> list[StreamRow]:
        """The committed rows with `seq > after`, in order, at most `limit`."""
        rows = Notification.objects.filter(stream__name=stream, seq__gt=after).order_by("seq")
        return [StreamRow(seq, text) for seq, text in rows.values_list("seq", "text")[:limit]]
