"""The part of an inbox that is of some types or priorities, at the cost of a page as well.

The rows of one kind have numbers of their own without a gap. So how many a membership has of a kind is a subtraction,
and the newest twenty of some kinds are among the newest twenty of each kind in each stream.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Greatest

from kernel import clock
from kernel.permissions import Person
from notifications.models import Kind, Notification, ReadingState
from notifications.selectors.inboxes import Inbox, Touched


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which types and priorities: all that are not None, and never those of `but`."""

    types: frozenset[str] | None = None
    priorities: frozenset[str] | None = None
    but: frozenset[str] = frozenset()

    def of(self, path: str = "") -> Q:
        """The condition on rows that have `type` and `priority` at `path`."""
        wanted = ~Q(**{f"{path}type__in": self.but}) if self.but else Q()
        if self.types is not None:
            wanted &= Q(**{f"{path}type__in": self.types})
        return wanted if self.priorities is None else wanted & Q(**{f"{path}priority__in": self.priorities})


@dataclass(frozen=True, slots=True)
class Lane:
    """The rows `begin < seq <= end` of one kind in one stream, `length` of them; beyond `edge` none is needed."""

    stream_id: int
    type: str
    priority: str
    begin: int
    end: int
    length: int
    edge: int | None

    def window(self, *, oldest_first: bool) -> Q:
        first, last = (
            (self.begin + 1, self.edge or self.end) if oldest_first else (self.edge or self.begin + 1, self.end)
        )
        kind = Q(stream_id=self.stream_id, type=self.type, priority=self.priority)
        return kind & Q(seq__gte=first, seq__lte=last)


def lanes(
    user: Person,
    kinds: Kinds,
    *,
    stream: str | None = None,
    after: int = 0,
    unread_only: bool = False,
    needed: int = 1,
    oldest_first: bool = False,
) -> list[Lane]:
    """Every lane of `user`'s inbox, or of one `stream` after a `seq`, that is not empty; in one query."""
    rows = Notification.objects.filter(
        stream_id=OuterRef("stream_id"),
        type=OuterRef("type"),
        priority=OuterRef("priority"),
        seq__gt=OuterRef("begin"),
        seq__lte=OuterRef("end"),
    )
    oldest, newest = rows.order_by("seq"), rows.order_by("-seq")
    places = ["after_seq", "hidden_seq", *(["read_seq"] if unread_only else [])]
    begins = [F(f"stream__memberships__{place}") for place in places]
    found = Kind.objects.filter(kinds.of(), stream__memberships__user_id=user.pk)
    found = found.filter(stream__name=stream) if stream is not None else found
    found = found.annotate(
        begin=Greatest(*begins, "stream__floor", Value(after)),
        end=Coalesce("stream__memberships__until_seq", "stream__head"),
        first=Subquery(oldest.values("kind_seq")[:1]),
        last=Subquery(newest.values("kind_seq")[:1]),
        edge=Subquery((oldest if oldest_first else newest).values("seq")[needed - 1 : needed]),
    ).exclude(last=None)
    names = ("stream_id", "type", "priority", "begin", "end", "first", "last", "edge")
    return [
        Lane(stream_id, type, priority, begin, end, last - first + 1, edge)
        for stream_id, type, priority, begin, end, first, last, edge in found.values_list(*names)
    ]


class InboxOfKinds(Inbox):
    """Those notifications of `inbox` that are of some kinds."""

    def __init__(self, inbox: Inbox, kinds: Kinds) -> None:
        super().__init__(inbox.user)
        self._stream, self._after, self._kinds = inbox._stream, inbox._after, kinds

    def _states(self) -> QuerySet[ReadingState]:
        return super()._states().filter(self._kinds.of("notification__"))

    def _lanes(self, **asked: Any) -> list[Lane]:
        return lanes(self.user, self._kinds, stream=self._stream, after=self._after, **asked)

    @cached_property
    def length(self) -> int:
        return _together(self._lanes())

    @cached_property
    def length_unread(self) -> int:
        return _together(self._lanes(unread_only=True))

    def _windows(self, count: int, unread_only: bool, oldest_first: bool) -> list[Q]:
        taken = max((_left_out(one, unread_only) for one in self.touched.values()), default=0)
        asked = self._lanes(unread_only=unread_only, needed=count + taken, oldest_first=oldest_first)
        return [lane.window(oldest_first=oldest_first) for lane in asked] + self._kept_windows(unread_only)


def _left_out(touched: Touched, unread_only: bool) -> int:
    return touched.done if unread_only else touched.hidden


def _together(lanes: Iterable[Lane]) -> int:
    return sum(lane.length for lane in lanes)


def summarize(user: Person) -> dict[str, Any]:
    """`{total, unread, by_type, by_priority, by_status, responded, last_created_at}` of `user`'s inbox."""
    own = Inbox(user)
    total, unread, responded = own.total(), own.unread(), own.responded()
    kinds = _count_kinds(user)
    newest = own.page(0, 1)
    return {
        "total": total,
        "unread": unread,
        "by_type": _added_up((type, count) for (type, _), count in kinds.items()),
        "by_priority": _added_up((priority, count) for (_, priority), count in kinds.items()),
        "by_status": {"unread": unread, "read": total - unread - responded, "responded": responded},
        "responded": responded,
        "last_created_at": clock.isoformat(newest[0].created_at) if newest else None,
    }


def _count_kinds(user: Person) -> dict[tuple[str, str], int]:
    """How many of each type and priority."""
    shown = [((lane.type, lane.priority), lane.length) for lane in lanes(user, Kinds())]
    hidden = ReadingState.objects.in_inbox_of(user).filter(hidden=True).order_by()
    by_kind = hidden.values_list("notification__type", "notification__priority").annotate(Count("pk"))
    return _added_up([*shown, *(((type, priority), -count) for type, priority, count in by_kind)])


def _added_up(counts: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    """The sum for each key, in the order of the keys, without those that come to nothing."""
    sums: dict[Any, int] = {}
    for key, count in counts:
        sums[key] = sums.get(key, 0) + count
    return {key: sums[key] for key in sorted(sums) if sums[key]}
