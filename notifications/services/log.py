"""The log: adding to streams."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import (
    BigAutoField,
    CharField,
    DateTimeField,
    Exists,
    OuterRef,
    PositiveBigIntegerField,
)

from kernel import clock
from kernel.bulk import changing_all, inserting_all
from kernel.events import publish_many
from kernel.statements import Change, Given, GivenMany, Statement, carry_out, inserting
from notifications.events import NotificationCreated
from notifications.models import FanOut, HeldBack, Kind, Membership, Notification, Stream
from notifications.selectors import stream_of_user
from notifications.services.memberships import find_or_begin_stream, join_stream
from notifications.services.new import NewNotification
from notifications.services.told import names_of, told_before

TICK = timedelta(microseconds=1)


def create_notification(**values: Any) -> Notification:
    """Add one row to a stream, which begins to exist where it does not yet; `values` are those of `NewNotification`.

    What the stream has already told under the same `dedup_key` or `external_id` is answered with the row of then.
    """
    (row,) = create_notifications(new=[NewNotification(**values)])
    return cast(Notification, row)  # nothing is held back where no limit was named


@transaction.atomic(savepoint=False)
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
        before = told_before(streams, new)
        self._told, self._held, self._recent, self._numbers = before.rows, before.held, before.lately, before.numbers
        self._new_kinds: list[Kind] = []
        self._newly_held: list[HeldBack] = []

    def add(self, one: NewNotification) -> Notification | None:
        stream = self._streams[one.stream_name]
        for name in names_of(stream.pk, one):
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
        self._told |= dict.fromkeys(names_of(stream.pk, one), row)
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
        streams = list({row.stream_id: row.stream for row in self.rows}.values())
        fan_outs = [FanOut(notification=row) for row in self.rows]
        heads = changing_all(streams, ["head", "told_at"])
        carry_out([*inserting_all(self.rows), *inserting_all(fan_outs), *heads])


_GROWN = Change(
    lambda: Stream.objects.filter(pk=Given("id", BigAutoField())),
    head=Given("head", PositiveBigIntegerField()),
    told_at=Given("told_at", DateTimeField()),
)


def _later(told_at: datetime | None) -> datetime:
    """Now, but after `told_at`, whatever this machine's clock says: a stream's rows are ordered by time as by `seq`."""
    return max(clock.now(), told_at + TICK) if told_at else clock.now()


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
