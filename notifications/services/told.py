"""What streams have told before, as far as it matters for what they are to tell next."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import (
    BigAutoField,
    CharField,
    Count,
    DateTimeField,
    F,
    OuterRef,
    PositiveBigIntegerField,
    Q,
    Subquery,
)

from kernel import clock
from kernel.statements import Given, GivenMany, PairAmong, Row, Statement, answers
from notifications.models import HeldBack, Kind, Notification, Stream
from notifications.services.new import NewNotification

MINUTE = timedelta(minutes=1)

Name = tuple[int, str, str]
Streams = Mapping[str, Stream]


@dataclass(slots=True)
class Told:
    """`rows` by what a stream knows them by, `held` back by stream and key, how many each stream told in the last
    minute, counted no further than its limit, and the last number of each kind."""

    rows: dict[Name, Notification] = field(default_factory=dict)
    held: set[tuple[int, str]] = field(default_factory=set)
    lately: Counter[int] = field(default_factory=Counter)
    numbers: dict[Name, int] = field(default_factory=dict)


def told_before(streams: Streams, new: Sequence[NewNotification]) -> Told:
    """What the locked `streams`, by name, have told that `new` may repeat or go on from."""
    asked = [*_by_name(streams, new), *_by_limit(streams, new), _kinds(streams, new)]
    told = Told()
    same: list[Any] = []
    for (statement, given), rows in zip(asked, answers(*asked), strict=True):
        if statement in (_TOLD_BY_KEY, _TOLD_BY_NAME):
            same += [pk for (pk,) in rows]
        elif statement is _HELD:
            told.held = {(stream_id, key) for stream_id, key in rows}
        elif statement is _LATELY:
            told.lately = Counter(dict(rows))
        else:
            told.numbers = {_kind_of(row, given): row[-1] or 0 for row in rows}
    if same:
        found = Notification.objects.filter(pk__in=same).select_related("stream")
        told.rows = {name: row for row in found for name in names_of(row.stream_id, row)}
    return told


Question = tuple[Statement, dict[str, Any]]


def _by_name(streams: Streams, new: Sequence[NewNotification]) -> list[Question]:
    keys = {(streams[one.stream_name].pk, one.dedup_key) for one in new if one.dedup_key}
    ids = {(streams[one.stream_name].pk, one.external_id) for one in new if one.external_id}
    asked = ((_TOLD_BY_KEY, keys), (_TOLD_BY_NAME, ids))
    return [(statement, {"pairs": pairs}) for statement, pairs in asked if pairs]


def _by_limit(streams: Streams, new: Sequence[NewNotification]) -> list[Question]:
    """What is held back already, and how much those streams told lately that told anything."""
    limited = [one for one in new if one.most_a_minute is not None]
    if not limited:
        return []
    keys = {(streams[one.stream_name].pk, one.dedup_key) for one in limited}
    since, most = clock.now() - MINUTE, max(one.most_a_minute or 0 for one in limited)
    met = {streams[one.stream_name].pk: streams[one.stream_name].told_at for one in limited}
    busy = [pk for pk, told_at in met.items() if told_at and told_at > since]
    lately = [(_LATELY, {"streams": busy, "most": most, "since": since})] if busy else []
    return [(_HELD, {"pairs": keys}), *lately]


def _kinds(streams: Streams, new: Sequence[NewNotification]) -> Question:
    if len(new) == 1:
        (one,) = new
        return _LAST_OF_KIND, {
            "stream_id": streams[one.stream_name].pk,
            "type": one.type,
            "priority": one.priority,
        }
    ids = {streams[one.stream_name].pk for one in new}
    return _LAST_OF_KINDS, {"streams": ids, "types": {one.type for one in new}}


def _kind_of(row: Row, given: Mapping[str, Any]) -> Name:
    if len(row) == 1:
        return given["stream_id"], given["type"], given["priority"]
    stream_id, type, priority, _ = row
    return stream_id, type, priority


def names_of(stream_id: int, one: NewNotification | Notification) -> list[Name]:
    """By what a stream may know `one` already."""
    names = ((stream_id, "dedup", one.dedup_key), (stream_id, "external", one.external_id))
    return [name for name in names if name[2]]


_TOLD_BY_KEY = Statement(
    lambda: Notification.objects.filter(PairAmong("stream_id", "dedup_key", "pairs"), ~Q(dedup_key="")), "pk"
)
_TOLD_BY_NAME = Statement(
    lambda: Notification.objects.filter(PairAmong("stream_id", "external_id", "pairs"), ~Q(external_id="")), "pk"
)
_HELD = Statement(
    lambda: HeldBack.objects.filter(PairAmong("stream_id", "dedup_key", "pairs")), "stream_id", "dedup_key"
)
_LATELY = Statement(
    lambda: (
        Notification.objects.filter(
            stream__pk__among=GivenMany("streams", BigAutoField()),
            seq__gt=F("stream__head") - Given("most", PositiveBigIntegerField()),
            created_at__gt=Given("since", DateTimeField()),
        )
        .order_by()
        .values("stream_id")
        .annotate(count=Count("pk"))
    ),
    *("stream_id", "count"),
)


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
