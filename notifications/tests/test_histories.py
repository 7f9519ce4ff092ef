"""Whatever people and writers do in whatever order, an inbox is what a plain list of it would be.

`HISTORIES` in the environment asks for more examples than a quick run takes.
"""

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from accounts.models import User
from kernel import clock
from notifications import services
from notifications.models import Notification, Stream
from notifications.selectors import Inbox, find_notification, streams_of, summarize

EXAMPLES = int(os.environ.get("HISTORIES", "20"))
PEOPLE, STREAMS = 2, ("all", "formula:1", "role:user")
KINDS = (("info", "low"), ("order", "high"))


@dataclass
class Told:
    """One notification as the model knows it."""

    pk: uuid.UUID
    stream: str
    seq: int
    kind: tuple[str, str]
    order: int


@dataclass
class Reader:
    """What one person should see, kept in the plainest way there is."""

    inbox: list[Told] = field(default_factory=list)
    joined: set[str] = field(default_factory=set)
    read: set[uuid.UUID] = field(default_factory=set)
    answered: set[uuid.UUID] = field(default_factory=set)

    def unread(self) -> list[Told]:
        return [one for one in self.inbox if one.pk not in self.read]

    def drop(self, gone: Callable[[Told], bool]) -> None:
        self.inbox = [one for one in self.inbox if not gone(one)]


@dataclass
class World:
    """The tables and the model of them, moved on together."""

    users: list[User]
    moment: datetime
    readers: list[Reader] = field(default_factory=lambda: [Reader() for _ in range(PEOPLE)])
    heads: dict[str, int] = field(default_factory=dict)
    told_at: dict[uuid.UUID, datetime] = field(default_factory=dict)

    def tell(self, stream: int, count: int, kind: int) -> None:
        name, (type, priority) = STREAMS[stream], KINDS[kind]
        new = [
            services.NewNotification(stream_name=name, type=type, priority=priority, title="t", message="m")
            for _ in range(count)
        ]
        for row in services.create_notifications(new=new):
            assert row
            self.heads[name] = self.heads.get(name, 0) + 1
            assert row.seq == self.heads[name], "numbers have no gap"
            self.told_at[row.pk] = row.created_at
            told = Told(row.pk, name, row.seq, KINDS[kind], len(self.told_at))
            for reader in self.readers:
                if name in reader.joined:
                    reader.inbox.append(told)

    def tell_and_roll_back(self, stream: int) -> None:
        with transaction.atomic():
            services.create_notification(stream_name=STREAMS[stream], type="info", title="never", message="m")
            transaction.set_rollback(True)

    def tell_same(self, stream: int, key: int) -> None:
        """Told under one key again and again, it is told once."""
        name = STREAMS[stream]
        known = Notification.objects.filter(stream__name=name, dedup_key=f"k{key}").exists()
        row = services.create_notification(
            stream_name=name, type="info", priority="low", title="t", message="m", dedup_key=f"k{key}"
        )
        if not known:
            self.heads[name] = self.heads.get(name, 0) + 1
            self.told_at[row.pk] = row.created_at
            told = Told(row.pk, name, row.seq, KINDS[0], len(self.told_at))
            for reader in self.readers:
                if name in reader.joined:
                    reader.inbox.append(told)

    def join(self, who: int, stream: int) -> None:
        services.join_stream(user_id=self.users[who].pk, stream_name=STREAMS[stream])
        self.readers[who].joined.add(STREAMS[stream])

    def leave(self, who: int, stream: int) -> None:
        services.leave_stream(user_id=self.users[who].pk, stream_name=STREAMS[stream])
        self.readers[who].joined.discard(STREAMS[stream])

    def read(self, who: int, place: int) -> None:
        if one := self._pick(who, place):
            count = services.mark_read(user=self.users[who], notification_ids=[one.pk, uuid.UUID(int=1)])
            assert count == (one.pk not in self.readers[who].read)
            self.readers[who].read.add(one.pk)

    def take_back(self, who: int, place: int) -> None:
        if one := self._pick(who, place):
            row = find_notification(self.users[who], str(one.pk))
            services.mark_unread(user=self.users[who], notification=row)
            if one.pk not in self.readers[who].answered:
                self.readers[who].read.discard(one.pk)

    def answer(self, who: int, place: int) -> None:
        if one := self._pick(who, place):
            row = find_notification(self.users[who], str(one.pk))
            services.respond(user=self.users[who], notification=row, response="accept")
            self.readers[who].read.add(one.pk)
            self.readers[who].answered.add(one.pk)

    def hide(self, who: int, place: int) -> None:
        if one := self._pick(who, place):
            services.hide(user=self.users[who], notification=find_notification(self.users[who], str(one.pk)))
            self.readers[who].drop(lambda other: other.pk == one.pk)

    def receive(self, who: int, place: int) -> None:
        if one := self._pick(who, place):
            services.acknowledge(user=self.users[who], stream_name=one.stream, seq=one.seq)
            services.acknowledge_notifications(user=self.users[who], notification_ids=[one.pk])

    def read_all(self, who: int) -> None:
        reader = self.readers[who]
        assert services.mark_all_read(user=self.users[who]) == len(reader.unread())
        reader.read |= {one.pk for one in reader.inbox}

    def clear(self, who: int) -> None:
        assert services.clear_inbox(user=self.users[who]) == len(self.readers[who].inbox)
        self.readers[who].drop(lambda one: True)

    def forget(self, stream: int, keep: int) -> None:
        """What was told before the newest `keep` rows of the stream has grown too old."""
        row = Stream.objects.filter(name=STREAMS[stream]).first()
        if row is None:
            return
        last = max(0, row.head - keep)
        newest_old = Notification.objects.filter(stream=row, seq=last).first()
        if newest_old:
            moment = newest_old.created_at + timedelta(microseconds=1)
            services.forget_before(stream_id=row.pk, moment=moment)
            for reader in self.readers:
                reader.drop(lambda one: one.stream == row.name and one.seq <= last)

    def _pick(self, who: int, place: int) -> Told | None:
        inbox = self.readers[who].inbox
        return inbox[place % len(inbox)] if inbox else None

    def check(self) -> None:
        for user, reader in zip(self.users, self.readers, strict=True):
            self._check_lists(user, reader)
            self._check_figures(user, reader)
            self._check_positions(user, reader)

    def _check_lists(self, user: User, reader: Reader) -> None:
        newest = [one.pk for one in sorted(reader.inbox, key=lambda one: -one.order)]
        own, pages = Inbox(user), range(0, len(newest) + 1, 3)
        found = [row for start in pages for row in own.page(start, start + 3)]
        assert [row.pk for row in found] == newest
        assert {row.pk for row in found if row.read_at} == {one.pk for one in reader.inbox if one.pk in reader.read}
        assert [row.pk for row in own.page(0, 1)] == newest[:1]
        assert [row.pk for row in own.page(0, 100, oldest_first=True)] == newest[::-1]
        unread = [pk for pk in newest if pk not in reader.read]
        assert [row.pk for start in pages for row in own.page(start, start + 3, unread_only=True)] == unread
        assert [row.pk for row in own.page(0, 2, unread_only=True, oldest_first=True)] == unread[::-1][:2]
        assert [row.pk for row in own.page(0, 1, unread_only=True)] == unread[:1]
        visible = Notification.objects.visible_to(user)
        assert set(visible.values_list("pk", flat=True)) == set(newest)
        assert set(visible.unread().values_list("pk", flat=True)) == set(unread)
        assert [row.pk for rows in own.everything() for row in rows] == [
            one.pk for one in sorted(reader.inbox, key=lambda one: (self._first_seen(user, one), one.seq))
        ]

    @staticmethod
    def _first_seen(user: User, one: Told) -> int:
        """In which order the memberships of a person come: that of the spans of their inbox."""
        spans = [span.stream for span in Inbox(user).spans]
        return spans.index(one.stream)

    def _check_figures(self, user: User, reader: Reader) -> None:
        figures, kinds = summarize(user), [one.kind for one in reader.inbox]
        assert figures["total"] == len(reader.inbox)
        assert figures["unread"] == len(reader.unread())
        assert figures["responded"] == len([one for one in reader.inbox if one.pk in reader.answered])
        assert figures["by_type"] == {type: [t for t, _ in kinds].count(type) for type in sorted({t for t, _ in kinds})}
        assert sum(figures["by_priority"].values()) == len(kinds)
        for stream in STREAMS:
            for after in (0, 2):
                part = Inbox(user).narrowed(stream, after)
                mine = [one for one in reader.inbox if one.stream == stream and one.seq > after]
                assert part.total() == len(mine)
                assert part.unread() == len([one for one in mine if one.pk not in reader.read])
                assert [row.seq for row in part.page(0, 100, oldest_first=True)] == [one.seq for one in mine]

    def _check_positions(self, user: User, reader: Reader) -> None:
        """A socket that resumes from the beginning is sent what is kept of what was addressed, cleared or not."""
        for name, stream in streams_of(user.pk).items():
            assert stream.head == self.heads.get(name, 0)
            assert (stream.opened_after is not None) == (name in reader.joined)


who, stream, place = st.integers(0, PEOPLE - 1), st.integers(0, len(STREAMS) - 1), st.integers(0, 30)
STEPS = st.one_of(
    st.tuples(st.just("tell"), stream, st.integers(1, 4), st.integers(0, len(KINDS) - 1)),
    st.tuples(st.just("tell"), stream, st.integers(1, 4), st.integers(0, len(KINDS) - 1)),
    st.tuples(st.just("tell_and_roll_back"), stream),
    st.tuples(st.just("tell_same"), stream, st.integers(0, 2)),
    st.tuples(st.just("join"), who, stream),
    st.tuples(st.just("leave"), who, stream),
    st.tuples(st.sampled_from(["read", "answer"]), who, place),
    st.tuples(st.just("hide"), who, place),
    st.tuples(st.sampled_from(["take_back", "receive"]), who, place),
    st.tuples(st.sampled_from(["read_all", "clear"]), who),
    st.tuples(st.just("forget"), stream, st.integers(0, 5)),
)


@pytest.fixture
def users(person: Callable[..., User]) -> list[User]:
    return [person(f"reader{number}") for number in range(PEOPLE)]


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 20, suppress_health_check=list(HealthCheck),
    database=None, phases=[Phase.explicit, Phase.generate] if EXAMPLES <= 20 else list(Phase),
)  # fmt: skip
@example(steps=[("read_all", 0), ("take_back", 0, 2), ("read_all", 0), ("hide", 0, 8), ("tell", 0, 4, 0)])
@example(steps=[("read_all", 0), ("take_back", 0, 1), ("hide", 0, 1), ("forget", 0, 1), ("take_back", 0, 3)])
@example(steps=[("hide", 0, 8), ("hide", 0, 7), ("hide", 0, 6), ("read", 0, 5), ("read", 0, 4), ("leave", 0, 1)])
@given(steps=st.lists(STEPS, min_size=15, max_size=40))
def test_an_inbox_is_what_a_plain_list_of_it_would_be(users: list[User], steps: list[Any]) -> None:
    with rolled_back():
        world = World(users, clock.now())
        for number in range(len(STREAMS)):
            world.join(0, number)
            world.tell(number, 3, number % len(KINDS))
        world.join(1, 1)
        for name, *arguments in steps:
            getattr(world, name)(*arguments)
        world.check()


class rolled_back:  # noqa: N801  read as a statement
    """Each history begins with the same tables."""

    def __enter__(self) -> None:
        self._block = transaction.atomic()
        self._block.__enter__()

    def __exit__(self, *error: Any) -> None:
        transaction.set_rollback(True)
        self._block.__exit__(None, None, None)
