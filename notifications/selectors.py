"""Reading notifications: a person's inbox and figures, and the streams as sockets read them."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, QuerySet

from accounts.models import User
from kernel import clock
from kernel.api.fields import NumberField
from kernel.permissions import Person
from kernel.realtime import Head, StreamRow
from notifications.errors import NotificationNotFound
from notifications.messages import NotificationMessage, NotificationPayload
from notifications.models import Membership, Notification, Stream

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_number = NumberField()

EVERYBODY = "all"


def stream_of_user(user_id: int) -> str:
    return f"user:{user_id}"


def stream_of_formula(formula_id: int) -> str:
    return f"formula:{formula_id}"


def streams_by_position(user: User) -> set[str]:
    """The streams that are `user`'s by who they are: their own, everybody's, their role's and their company's."""
    role = "admin" if user.is_admin else user.role
    names = {stream_of_user(user.pk), EVERYBODY, f"role:{role}"}
    if user.company:
        names |= {f"company:{user.company.slug}", f"company:{user.company.slug}/role:{role}"}
    return names


def inbox(user: Person) -> QuerySet[Notification]:
    """What is addressed to `user`, newest first, with their reading state and the stream, in one query."""
    return Notification.objects.visible_to(user).with_state().select_related("stream").defer("text")


def find_notification(user: Person, key: str) -> Notification:
    """The notification of `user`'s inbox with this UUID or sender's own id; raises `NotificationNotFound`."""
    wanted = {"pk": uuid.UUID(key)} if _UUID.fullmatch(key) else {"external_id": key}
    notification = inbox(user).filter(**wanted).first() if key else None
    if notification is None:
        raise NotificationNotFound
    return notification


def count_unread(user: Person) -> int:
    return Notification.objects.visible_to(user).unread().count()


def summarize(user: Person) -> dict[str, Any]:
    """`{total, unread, by_type, by_priority, by_status, responded, last_created_at}` of `user`'s inbox."""
    rows = Notification.objects.visible_to(user).order_by()
    figures = rows.aggregate(
        total=Count("pk"),
        seen=Count("mine__read_at"),
        responded=Count("mine__responded_at"),
        last=Max("created_at"),
    )
    unread = figures["total"] - figures["seen"]
    return {
        "total": figures["total"],
        "unread": unread,
        "by_type": _counted(rows, "type"),
        "by_priority": _counted(rows, "priority"),
        "by_status": {
            "unread": unread,
            "read": figures["seen"] - figures["responded"],
            "responded": figures["responded"],
        },
        "responded": figures["responded"],
        "last_created_at": figures["last"] and clock.isoformat(figures["last"]),
    }


def _counted(rows: QuerySet[Notification], field: str) -> dict[str, int]:
    return dict(rows.values_list(field).annotate(Count("pk")).order_by(field))


def message_of(notification: Notification, stream: Stream) -> NotificationMessage:
    """The socket message that tells of `notification`: the same for everybody, hence without reading state."""
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
        stream=stream.name,
        epoch=stream.epoch,
        seq=notification.seq,
        ts=created_at,
        event_id=notification.pk.hex,
    )


@dataclass(frozen=True, slots=True)
class Addressed:
    """What of a stream is addressed to a person: `spans` of `after < seq <= until`, oldest first, the last perhaps
    open. `epoch` and `head` are the stream's."""

    epoch: str
    head: int
    spans: tuple[tuple[int, int | None], ...]

    @property
    def opened_after(self) -> int | None:
        """Where the open span begins; none for somebody who has left."""
        after, until = self.spans[-1]
        return after if until is None else None

    def missed(self, position: int) -> int:
        """How many rows after `position` are addressed to the person."""
        ends = ((after, self.head if until is None else until) for after, until in self.spans)
        return sum(max(0, end - max(after, position)) for after, end in ends)


def streams_of(user_id: int) -> dict[str, Addressed]:
    """Every stream of which anything is or was addressed to the person, by name."""
    rows = (
        Membership.objects.filter(user_id=user_id)
        .order_by("stream_id", "after_seq", "pk")
        .values_list("stream__name", "stream__epoch", "stream__head", "after_seq", "until_seq")
    )
    found: dict[str, Addressed] = {}
    for name, epoch, head, after, until in rows:
        earlier = found[name].spans if name in found else ()
        found[name] = Addressed(epoch, head, (*earlier, (after, until)))
    return found


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
