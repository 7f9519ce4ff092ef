"""The log: adding to streams."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import (
    BigAutoField,
    CharField,
    Count,
    DateTimeField,
    Exists,
    F,
    OuterRef,
    PositiveBigIntegerField,
    Q,
    Subquery,
)

from kernel import clock
from kernel.bulk import change_all, insert_all
from kernel.events import publish_many
from kernel.realtime import encode
from kernel.statements import Change, Given, GivenMany, PairAmong, Statement, carry_out, inserting
from notifications.events import NotificationCreated
from notifications.models import FanOut, HeldBack, Kind, Membership, Notification, Priority, Stream
from notifications.selectors import message_of, stream_of_user
from notifications.services.memberships import find_or_begin_stream, join_stream

MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)

Name = tuple[int, str, str]


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


def create_notification(**values: Any) -> Notification:
    """Add one row to a stream, which begins to exist where it does not yet; `values` are those of `NewNotification`.

    What the stream has already told under the same `dedup_key` or `external_id` is answered with the row of then.
    """
    (row,) = create_notifications(new=[NewNotification(**values)])
    return cast(Notification, row)  # nothing is held back where no limit was named


@transaction.atomic
def create_notifications(*, new: Sequence[NewNotification]) -> list[Notification | None]:
    """Add many rows at the cost of one or two; the row of each in the same order, none for what is held back."""
    return _add(new, _lock_streams({one.stream_name for one in new}))


def _add(new: Sequence[NewNotification], streams: dict[str, Stream]) -> list[Notification | None]:
    page = _Page(streams, new)
    rows = [page.add(one) for one in new]
    page.save()
    publish_many([NotificationCreated(str(row.pk), row.stream.name, row.seq, row.text) for row in page.rows])
    return rows


def _lock_streams(names: set[str]) -> dict[str, Stream]:
    """The streams' rows by name, held until the end of the transaction: their next numbers are ours alone."""
    # Not a full lock: those who join meanwhile only refer to the row and need not wait. In one order, so that two
    # who lock several do not wait for each other.
    locked = _locked(names)
    if missing := names - locked.keys():
        for name in sorted(missing):
            find_or_begin_stream(name)
        locked = _locked(names)
    return locked


def _locked(names: set[str]) -> dict[str, Stream]:
    rows = [Stream.from_db(DEFAULT_DB_ALIAS, _STREAM_COLUMNS, row) for row in _LOCKED.rows(names=names)]
    return {stream.name: stream for stream in rows}


_STREAM_COLUMNS = [column.attname for column in Stream._meta.concrete_fields]
_LOCKED = Statement(
    lambda: (
        Stream.objects.select_for_update(no_key=True)
        .filter(name__among=GivenMany("names", CharField()))
        .order_by("name")
    ),
    *_STREAM_COLUMNS,
)


class _Page:
    """The rows that are added to some locked streams at once."""

    def __init__(self, streams: dict[str, Stream], new: Sequence[NewNotification]) -> None:
        self.rows: list[Notification] = []
        self._streams = streams
        self._told = _told_before(streams, new)
        self._held = _held_before(streams, new)
        self._recent = _told_lately(streams, new)
        self._numbers = _kind_numbers(streams, new)
        self._new_kinds: list[Kind] = []
        self._newly_held: list[HeldBack] = []

    def add(self, one: NewNotification) -> Notification | None:
        stream = self._streams[one.stream_name]
        for name in _names_of(stream.pk, one):
            if name in self._told:
                return self._told[name]
        if self._is_held_back(one, stream):
            return None
        return self._told_now(one, stream)

    def _is_held_back(self, one: NewNotification, stream: Stream) -> bool:
        if one.most_a_minute is None or not one.dedup_key:
            return False
        place = (stream.pk, one.dedup_key)
        if place not in self._held and self._recent[stream.pk] >= one.most_a_minute:
            self._held.add(place)
            self._newly_held.append(HeldBack(stream=stream, dedup_key=one.dedup_key))
        return place in self._held

    def _told_now(self, one: NewNotification, stream: Stream) -> Notification:
        stream.head += 1
        stream.told_at = _later(stream.told_at)
        kind = (stream.pk, one.type, one.priority)
        if kind not in self._numbers:
            self._new_kinds.append(Kind(stream=stream, type=one.type, priority=one.priority))
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        row = one.row(stream, self._numbers[kind])
        self._recent[stream.pk] += 1
        self._told |= dict.fromkeys(_names_of(stream.pk, one), row)
        self.rows.append(row)
        return row

    def save(self) -> None:
        Kind.objects.bulk_create(self._new_kinds, ignore_conflicts=True)
        HeldBack.objects.bulk_create(self._newly_held, ignore_conflicts=True)
        if len(self.rows) == 1:
            (row,) = self.rows
            grown = _GROWN.command(id=row.stream_id, head=row.stream.head, told_at=row.stream.told_at)
            carry_out([inserting(row), inserting(FanOut(notification=row)), grown])
            return
        insert_all(self.rows)
        insert_all([FanOut(notification=row) for row in self.rows])
        change_all(list({row.stream_id: row.stream for row in self.rows}.values()), ["head", "told_at"])


_GROWN = Change(
    lambda: Stream.objects.filter(pk=Given("id", BigAutoField())),
    head=Given("head", PositiveBigIntegerField()),
    told_at=Given("told_at", DateTimeField()),
)


def _later(told_at: datetime | None) -> datetime:
    """Now, but after `told_at`, whatever this machine's clock says: a stream's rows are ordered by time as by `seq`."""
    return max(clock.now(), told_at + TICK) if told_at else clock.now()


def _names_of(stream_id: int, one: NewNotification | Notification) -> list[Name]:
    """By what a stream may know `one` already."""
    names = ((stream_id, "dedup", one.dedup_key), (stream_id, "external", one.external_id))
    return [name for name in names if name[2]]


def _told_before(streams: dict[str, Stream], new: Sequence[NewNotification]) -> dict[Name, Notification]:
    keys = {(streams[one.stream_name].pk, one.dedup_key) for one in new if one.dedup_key}
    names = {(streams[one.stream_name].pk, one.external_id) for one in new if one.external_id}
    found = [*(_TOLD_BY_KEY.rows(pairs=keys) if keys else ()), *(_TOLD_BY_NAME.rows(pairs=names) if names else ())]
    if not found:
        return {}
    rows = Notification.objects.filter(pk__in=[pk for (pk,) in found]).select_related("stream")
    return {name: row for row in rows for name in _names_of(row.stream_id, row)}


_TOLD_BY_KEY = Statement(
    lambda: Notification.objects.filter(PairAmong("stream_id", "dedup_key", "pairs"), ~Q(dedup_key="")), "pk"
)
_TOLD_BY_NAME = Statement(
    lambda: Notification.objects.filter(PairAmong("stream_id", "external_id", "pairs"), ~Q(external_id="")), "pk"
)


def _held_before(streams: dict[str, Stream], new: Sequence[NewNotification]) -> set[tuple[int, str]]:
    keys = {(streams[one.stream_name].pk, one.dedup_key) for one in new if one.most_a_minute is not None}
    return {(stream_id, key) for stream_id, key in _HELD.rows(pairs=keys)} if keys else set()


_HELD = Statement(
    lambda: HeldBack.objects.filter(PairAmong("stream_id", "dedup_key", "pairs")), "stream_id", "dedup_key"
)


def _told_lately(streams: dict[str, Stream], new: Sequence[NewNotification]) -> Counter[int]:
    """How many rows each stream that has a limit has told within the last minute, counted no further than the limit."""
    since = clock.now() - MINUTE
    limits = {streams[one.stream_name].pk: one.most_a_minute for one in new if one.most_a_minute is not None}
    busy = [one.pk for one in streams.values() if one.pk in limits and one.told_at and one.told_at > since]
    if not busy:
        return Counter()
    rows = Notification.objects.filter(
        stream_id__in=busy, seq__gt=F("stream__head") - max(limits.values()), created_at__gt=since
    )
    return Counter(dict(rows.order_by().values_list("stream_id").annotate(Count("pk"))))


def _kind_numbers(streams: dict[str, Stream], new: Sequence[NewNotification]) -> dict[Name, int]:
    """The last number of each kind that the streams have told before."""
    if len(new) == 1:
        kind = (streams[new[0].stream_name].pk, new[0].type, new[0].priority)
        last = _LAST_OF_KIND.first(**dict(zip(("stream_id", "type", "priority"), kind, strict=True)))
        return {kind: last[0] or 0} if last else {}
    ids, types = [stream.pk for stream in streams.values()], {one.type for one in new}
    return {tuple(kind): last or 0 for *kind, last in _LAST_OF_KINDS.rows(streams=ids, types=types)}


def _last_of_kind() -> Subquery:
    same = Notification.objects.filter(
        stream_id=OuterRef("stream_id"), type=OuterRef("type"), priority=OuterRef("priority")
    )
    return Subquery(same.order_by("-seq").values("kind_seq")[:1])


_LAST_OF_KIND = Statement(
    lambda: Kind.objects.filter(
        stream_id=Given("stream_id", BigAutoField()),
        type=Given("type", CharField()),
        priority=Given("priority", CharField()),
    ),
    _last_of_kind(),
)
_LAST_OF_KINDS = Statement(
    lambda: Kind.objects.filter(
        stream__pk__among=GivenMany("streams", BigAutoField()), type__among=GivenMany("types", CharField())
    ),
    *("stream_id", "type", "priority"),
    _last_of_kind(),
)


@transaction.atomic
def notify_user(*, user_id: int, **values: Any) -> Notification:
    """Add a notification to somebody's own stream; `values` as in `NewNotification`."""
    name = stream_of_user(user_id)
    stream = _lock_own_stream(user_id, name)
    if stream is None:
        join_stream(user_id=user_id, stream_name=name, from_start=True)
        stream = _lock_streams({name})[name]
    (row,) = _add([NewNotification(stream_name=name, **values)], {name: stream})
    return cast(Notification, row)  # nothing is held back where no limit was named


def _lock_own_stream(user_id: int, name: str) -> Stream | None:
    """The stream as `_lock_streams` finds it, if it is addressed to the person already: in one question."""
    row = _OWN_STREAM.first(user_id=user_id, name=name)
    return Stream.from_db(DEFAULT_DB_ALIAS, _STREAM_COLUMNS, row) if row else None


_OWN_STREAM = Statement(
    lambda: Stream.objects.select_for_update(no_key=True, of=("self",)).filter(
        Exists(Membership.objects.is_open().filter(user_id=Given("user_id", BigAutoField()), stream_id=OuterRef("pk"))),
        name=Given("name", CharField()),
    ),
    *_STREAM_COLUMNS,
)
