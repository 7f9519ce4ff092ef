"""A person's inbox: its pages and figures, at a cost that does not grow with what is in it.

Numbers in a stream have no gap. So how many rows a membership has is a subtraction, and the newest twenty of the
inbox are among the newest twenty of each stream: nothing is sorted or counted but what a page shows and what its
reader has touched row by row.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, reduce
from operator import or_

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from kernel.permissions import Person
from notifications.errors import NotificationNotFound
from notifications.models import Membership, Notification, NotificationQuerySet, ReadingState

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# More conditions than a database likes in one statement are asked in several.
MOST_WINDOWS = 200
EXPORTED_AT_ONCE = 500


def inbox(user: Person) -> NotificationQuerySet:
    """What is addressed to `user`, newest first, with their reading state and the stream, in one query."""
    return _shown(Notification.objects.visible_to(user), user)


def _shown(rows: NotificationQuerySet, user: Person) -> NotificationQuerySet:
    return rows.with_state(user).select_related("stream").defer("text")


def as_new(notification: Notification) -> Notification:
    """`notification` as the inbox of somebody shows it who has not touched it yet."""
    for name in ("read_at", "response", "note", "responded_at"):
        setattr(notification, name, None)
    return notification


def outbox(user: Person) -> NotificationQuerySet:
    """What `user` has sent to others alone, in the same form: of what is addressed to them the inbox decides."""
    own = Membership.objects.filter(user_id=user.pk, stream_id=OuterRef("stream_id"), after_seq__lt=OuterRef("seq"))
    reaching = own.filter(Q(until_seq__isnull=True) | Q(until_seq__gte=OuterRef("seq")))
    sent = Notification.objects.filter(~Exists(reaching), sender_id=user.pk)
    return _shown(sent.touched_by(user), user)


def find_notification(user: Person, key: str, *, or_sent: bool = False) -> Notification:
    """The notification of `user`'s inbox with this UUID or sender's own id, or the one they have sent; raises
    `NotificationNotFound`."""
    notification = find_first(inbox(user), key)
    if notification is None and or_sent:
        notification = find_first(outbox(user), key)
    if notification is None:
        raise NotificationNotFound
    return notification


def find_first(rows: NotificationQuerySet, key: str) -> Notification | None:
    """The newest of `rows` with this UUID, or else with this id of its sender's own."""
    if _UUID.fullmatch(key) and (notification := rows.filter(pk=uuid.UUID(key)).first()):
        return notification
    # Written as the partial index is, so that PostgreSQL uses it.
    return rows.filter(~Q(external_id=""), external_id=key).first()


@dataclass(frozen=True, slots=True)
class Span:
    """The rows `after < seq <= end` of a stream, which a person has not cleared; up to `read` they have read all."""

    stream_id: int
    stream: str
    told_at: datetime | None
    after: int
    end: int
    read: int
    is_open: bool

    @property
    def length(self) -> int:
        return max(0, self.end - self.after)

    @property
    def unread(self) -> "Span":
        """The part that was not read as a whole."""
        return replace(self, after=max(self.after, self.read))


@dataclass(frozen=True, slots=True)
class Touched:
    """Of one stream's rows, how many a person has touched one by one: `hidden`; `done`, those hidden or read after
    what was read as a whole; `kept` unread before it; `responded` and not hidden."""

    hidden: int = 0
    done: int = 0
    kept: int = 0
    responded: int = 0


UNTOUCHED = Touched()


class Inbox:
    """The notifications of `user`, or the part of them in one stream after a `seq`; read once, when first asked."""

    def __init__(self, user: Person) -> None:
        self.user = user
        self._stream: str | None = None
        self._after = 0

    def narrowed(self, stream: str | None, after_seq: int = 0) -> "Inbox":
        """The part in `stream` (all where unsaid) of rows after `after_seq`."""
        part = Inbox(self.user)
        part._stream, part._after = stream, after_seq
        part.spans = [
            replace(span, after=max(span.after, after_seq)) for span in self.spans if stream in {None, span.stream}
        ]
        return part

    @cached_property
    def spans(self) -> list[Span]:
        rows = Membership.objects.visible_to(self.user).order_by().values_list(
            "stream_id", "stream__name", "stream__told_at", "stream__floor", "stream__head",
            "after_seq", "hidden_seq", "until_seq", "read_seq",
        )  # fmt: skip
        spans = [
            Span(pk, name, told_at, max(after, hidden, floor), head if until is None else until, read, until is None)
            for pk, name, told_at, floor, head, after, hidden, until, read in rows
        ]
        return [span for span in spans if span.length]

    @cached_property
    def touched(self) -> dict[int, Touched]:
        """By stream."""
        figures = self._states().values("stream_id").annotate(
            hidden_rows=Count("pk", filter=Q(hidden=True)),
            done=Count("pk", filter=(Q(hidden=True) | Q(read_at__isnull=False)) & Q(seq__gt=F("read_seq"))),
            kept=Count("pk", filter=Q(hidden=False, kept_unread=True, seq__lte=F("read_seq"))),
            responded=Count("pk", filter=Q(hidden=False, responded_at__isnull=False)),
        )  # fmt: skip
        names = ("stream_id", "hidden_rows", "done", "kept", "responded")
        return {stream_id: Touched(*counts) for stream_id, *counts in figures.values_list(*names)}

    def _states(self) -> QuerySet[ReadingState]:
        states = ReadingState.objects.in_inbox_of(self.user).filter(seq__gt=self._after).order_by()
        return states if self._stream is None else states.filter(stream__name=self._stream)

    @cached_property
    def length(self) -> int:
        return sum(span.length for span in self.spans)

    @cached_property
    def length_unread(self) -> int:
        return sum(span.unread.length for span in self.spans)

    def total(self) -> int:
        return self.length - sum(one.hidden for one in self.touched.values())

    def unread(self) -> int:
        return self.length_unread + sum(one.kept - one.done for one in self.touched.values())

    def responded(self) -> int:
        return sum(one.responded for one in self.touched.values())

    def page(
        self, start: int, stop: int, *, unread_only: bool = False, oldest_first: bool = False
    ) -> list[Notification]:
        """The rows from `start` to `stop`, newest first unless said otherwise, each with its reading state."""
        windows = self._windows(stop, unread_only, oldest_first)
        if len(windows) <= MOST_WINDOWS:
            return list(self._rows(windows, unread_only, oldest_first)[start:stop])
        found: list[Notification] = []
        for begin in range(0, len(windows), MOST_WINDOWS):
            found += self._rows(windows[begin : begin + MOST_WINDOWS], unread_only, oldest_first)[:stop]
        found.sort(key=lambda row: (row.created_at, row.pk), reverse=not oldest_first)
        return found[start:stop]

    def _rows(self, windows: list[Q], unread_only: bool, oldest_first: bool) -> QuerySet[Notification]:
        if not windows:
            return Notification.objects.none()
        rows = Notification.objects.filter(reduce(or_, windows)).touched_by(self.user).not_hidden()
        rows = _shown(rows.untouched() if unread_only else rows, self.user)
        return rows.order_by("created_at", "pk") if oldest_first else rows.order_by("-created_at", "-pk")

    def _windows(self, count: int, unread_only: bool, oldest_first: bool) -> list[Q]:
        """Where the first `count` rows must be: in each stream as many, and as many more as its reader has touched."""
        spans = [span.unread for span in self.spans] if unread_only else self.spans
        windows = []
        for span in spans if oldest_first else self._newest(spans, count):
            touched = self._touched_in(span)
            size = count + (touched.done if unread_only else touched.hidden)
            begin = span.after if oldest_first else max(span.after, span.end - size)
            end = min(span.end, span.after + size) if oldest_first else span.end
            if begin < end:
                windows.append(Q(stream_id=span.stream_id, seq__gt=begin, seq__lte=end))
        return windows + self._kept_windows(unread_only)

    def _newest(self, spans: list[Span], count: int) -> list[Span]:
        """Those that may have one of the newest `count` rows.

        What is older than the last word of `count` others cannot, if those have that word to show: their members are
        in them still and have touched nothing there.
        """
        certain = [
            span.told_at
            for span in spans
            if span.told_at and span.is_open and span.length and self._touched_in(span) == UNTOUCHED
        ]
        if len(certain) < count:
            return spans
        oldest = sorted(certain, reverse=True)[count - 1]
        return [span for span in spans if span.told_at is None or span.told_at >= oldest]

    def _touched_in(self, span: Span) -> Touched:
        return self.touched.get(span.stream_id, UNTOUCHED)

    def everything(self) -> Iterator[list[Notification]]:
        """All rows in batches, stream by stream, oldest first, each with its reading state."""
        for span in self.spans:
            for begin in range(span.after, span.end, EXPORTED_AT_ONCE):
                end = min(span.end, begin + EXPORTED_AT_ONCE)
                window = Q(stream_id=span.stream_id, seq__gt=begin, seq__lte=end)
                yield list(self._rows([window], unread_only=False, oldest_first=True))

    def _kept_windows(self, unread_only: bool) -> list[Q]:
        """Where the rows are that were taken back to unread from what was read as a whole."""
        if not unread_only or not any(one.kept for one in self.touched.values()):
            return []
        kept = self._states().filter(hidden=False, kept_unread=True, seq__lte=F("read_seq"))
        return [Q(pk__in=list(kept.values_list("notification_id", flat=True)))]


@dataclass(frozen=True, slots=True)
class InboxRows:
    """An inbox as a page of it is cut: counted and sliced like a queryset."""

    inbox: Inbox
    unread_only: bool = False
    oldest_first: bool = False

    def count(self) -> int:
        return self.inbox.unread() if self.unread_only else self.inbox.total()

    def __getitem__(self, part: slice) -> list[Notification]:
        return self.inbox.page(part.start or 0, part.stop, unread_only=self.unread_only, oldest_first=self.oldest_first)


def count_unread(user: Person) -> int:
    return Inbox(user).unread()
