"""What a connection follows of its person's streams: from which position, and out of those they leave."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from kernel.background import Together, on_thread
from kernel.realtime import Socket
from notifications import services
from notifications.channels import SOCKET
from notifications.delivery import rules_of_people
from notifications.errors import StreamForbidden
from notifications.messages import Heads, NotificationsLive, Position, Reset, ResetPayload, StreamsPayload
from notifications.rules import Rules
from notifications.selectors import EVERYBODY, Addressed, streams_of_people

logger = logging.getLogger(__name__)

RESUME_WINDOW = 5_000
HEADS_EVERY = 20.0
LOOK_EVERY, AT_A_TIME = 20.0, 200

_streams = Together(streams_of_people)
_rules = Together(rules_of_people)
# Of this process.
_inboxes: "WeakSet[Inbox]" = WeakSet()

Filter = Callable[[dict[str, Any]], bool]


@dataclass(eq=False)
class Inbox:
    """What one connection follows.

    `following` has, for each stream, where its open membership begins, and `ended` where the last one of a stream that
    was left ends. `asked` is the client's own filter, and `only` that together with what the person has muted. `held`
    has the positions at which streams stand still for a change that `awaited` refreshes are to look at.
    """

    socket: Socket
    asked: Filter | None = None
    only: Filter | None = None
    tells_positions: bool = False
    has_moved: bool = False
    following: dict[str, int] = field(default_factory=dict)
    muted: tuple[bool, set[str]] | None = None
    ended: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, str] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    awaited: int = 0
    heads: "asyncio.Task[None] | None" = None
    # A refresh may come while a subscription is still catching up.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def resume(self, positions: dict[str, Position], only: Filter | None = None) -> None:
        """Send what was missed after `positions`, stream by stream, then go live; see `_start_of` for the others.

        Raises `StreamForbidden`, and follows nothing new, where a stream is named that is not addressed to the person.
        """
        addressed = await self._addressed()
        if unknown := sorted(set(positions) - set(addressed)):
            raise StreamForbidden(errors={"streams": [f"{name[:100]} is not addressed to you" for name in unknown]})
        self.asked = only
        self._mute(await _rules.ask(self.socket.user.pk))
        starts = {name: self._start_of(name, stream, positions) for name, stream in addressed.items()}
        if lost := sorted(name for name, start in starts.items() if start is None):
            self.socket.tell(Reset(payload=ResetPayload(streams=lost)))
        for name, stream in addressed.items():
            # What is not named goes on from where it is by now.
            place = None if name in positions else self._place(name)
            start = starts[name] if place is None else place
            await self._catch_up(name, stream, stream.head if start is None else start)

    def _mute(self, rules: Rules) -> bool:
        """Leave out what `rules` mute; whether that is a change."""
        muted = rules.muted(SOCKET)
        self.muted, before = muted, self.muted
        self.only = _unmuted(rules, self.asked)
        return muted != before

    async def _addressed(self) -> dict[str, Addressed]:
        user_id = self.socket.user.pk
        addressed = await _streams.ask(user_id)
        if EVERYBODY not in addressed or addressed[EVERYBODY].opened_after is None:
            # An account that was made without a word, such as one from the command line.
            await on_thread(services.sync_memberships, user_id=user_id)
            addressed = await _streams.ask(user_id)
        return addressed

    def _start_of(self, name: str, stream: Addressed, positions: dict[str, Position]) -> int | None:
        """After which `seq` to begin; none where the position cannot be resumed.

        A stream that is not named goes on where this connection is. Where it is new here, one without any
        position begins live; a client that resumes names all it knew, so it joined that stream since: all of it.
        """
        position = positions.get(name)
        if position is None:
            followed = self._place(name)
            if followed is not None:
                return followed
            if not positions:
                return stream.head
            start = stream.spans[0][0]
            if stream.opened_after is None:
                # Left again, perhaps long ago: of what is too old nobody need be told.
                start = max(start, stream.floor)
        elif position.epoch != stream.epoch or position.seq > stream.head:
            return None
        else:
            start = position.seq
        is_kept = not stream.is_forgotten(start) and stream.missed(start) <= RESUME_WINDOW
        return start if is_kept else None

    def _place(self, name: str) -> int | None:
        """How far the stream has been sent; none where nothing of it was addressed since this connection went live."""
        place = self.held.get(name, self.socket.position(name))
        return self.ended.get(name) if place is None else place

    async def _catch_up(self, name: str, stream: Addressed, position: int) -> None:
        """Send what is addressed to the person after `position`, and follow the stream where they are still in it."""
        self.held.pop(name, None)
        await self.socket.unfollow(name)
        for known in (self.following, self.ended):
            known.pop(name, None)
        self.epochs[name] = stream.epoch
        try:
            await self._send_spans(name, stream, position)
        except Exception:
            # The next refresh goes on from here.
            self.held[name] = self._place(name) or position
            raise

    async def _send_spans(self, name: str, stream: Addressed, position: int) -> None:
        for after, until in stream.spans:
            start = max(after, position)
            if until is None and self.awaited:
                # They may have left it: the refresh that is to come goes on from here.
                self.held[name] = start
            elif until is None:
                self.following[name] = after
                await self.socket.follow(name, start, self.only)
            elif start < until:
                await self.socket.replay(name, start, until, self.only)
        if stream.ended_at is not None:
            self.ended[name] = stream.ended_at

    def hold(self) -> None:
        """Let nothing through until the next `refresh`: it may be addressed to the person no longer."""
        self.awaited += 1
        self.held |= self._places()
        self.socket.filter_streams(lambda payload: False)

    async def refresh(self) -> None:
        """Follow the streams joined since, from where they were joined, finish those that were left, and mute what has
        been muted since."""
        rules, addressed = await asyncio.gather(_rules.ask(self.socket.user.pk), self._addressed())
        has_changed = self._mute(rules) or bool(self.held)
        moved = [name for name, stream in addressed.items() if self._has_moved(name, stream)]
        self.has_moved, behind = self.has_moved or bool(moved), moved
        while not self.awaited and (behind := [*behind, *self._swallowed()]):
            for name in dict.fromkeys(behind):
                stream, place = addressed[name], self._place(name)
                await self._catch_up(name, stream, stream.spans[0][0] if place is None else place)
            behind = []
        if self.awaited:
            return  # once more, by that one; until then what is held stays so
        self.held = {}
        if has_changed:
            self.socket.filter_streams(self.only)
        self._tell_moves()

    def _tell_moves(self) -> None:
        if self.has_moved and self.tells_positions:
            self.socket.tell(NotificationsLive(payload=self.all_positions()))
        self.has_moved = False

    def _has_moved(self, name: str, stream: Addressed) -> bool:
        """Whether the person has joined or left the stream since it was looked up last, or both."""
        if stream.opened_after is not None:
            return stream.opened_after != self.following.get(name)
        return name in self.following or self.ended.get(name) != stream.ended_at

    def _swallowed(self) -> list[str]:
        """The streams of which something came while they were held."""
        return [name for name, place in self.held.items() if self.socket.position(name) != place]

    def _places(self) -> dict[str, int]:
        places = {name: self._place(name) for name in {**self.following, **self.held}}
        return {name: seq for name, seq in places.items() if seq is not None}

    def positions(self) -> StreamsPayload:
        """How far each stream has been sent."""
        return self._told(self._places())

    def all_positions(self) -> StreamsPayload:
        """The same, and the ends of those that were left: a client that does not name them has not had them."""
        return self._told(self.ended | self._places())

    def _told(self, places: dict[str, int]) -> StreamsPayload:
        return StreamsPayload(
            streams={name: Position(epoch=self.epochs[name], seq=seq) for name, seq in sorted(places.items())}
        )

    async def leave(self) -> None:
        for name in list(self.following):
            await self.socket.unfollow(name)
        for known in (self.following, self.ended, self.held):
            known.clear()
        self.tells_positions = False
        if self.heads:
            self.heads.cancel()
            self.heads = None

    def begin_heads(self) -> None:
        if self.heads is None:
            self.heads = self.socket.begin(self._tell_heads())

    async def _tell_heads(self) -> None:
        while True:
            await asyncio.sleep(HEADS_EVERY)
            self.socket.tell(Heads(payload=self.positions()))

    def is_behind(self, addressed: dict[str, Addressed], rules: Rules) -> bool:
        """Whether what the tables say is not what this connection follows."""
        return rules.muted(SOCKET) != self.muted or any(self._has_moved(*one) for one in addressed.items())

    async def refresh_soon(self, *, is_awaited: bool = False) -> None:
        """`refresh`, tried again for as long as the database is away; where another is to come, that one does it."""
        while True:
            try:
                async with self.lock:
                    # Not before: whoever has the lock may have looked up what was before the change.
                    self.awaited -= is_awaited
                    is_awaited = False
                    if (self.following or self.held) and not self.awaited:
                        await self.refresh()
                return
            except Exception:  # what is held or was not followed must not stay so
                logger.exception("the streams of a connection could not be looked up; trying again")
                await asyncio.sleep(1)


def _unmuted(rules: Rules, only: Filter | None) -> Filter | None:
    """`only`, without the types that the person does not want on sockets."""
    if rules.muted(SOCKET) == (False, set()):
        return only
    return lambda payload: not rules.mutes(SOCKET, payload["type"]) and (only is None or only(payload))


def inbox_of(socket: Socket) -> Inbox:
    """The one of this connection."""
    inbox: Inbox = socket.settings_of.setdefault("inbox", Inbox(socket))
    _inboxes.add(inbox)
    return inbox


async def watch_inboxes() -> None:
    """Look after the inboxes of this process for as long as it runs."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        await look_after_inboxes()


async def look_after_inboxes() -> None:
    """Refresh each whose person was moved between streams, or muted something, while the word of it was lost."""
    here = [one for one in tuple(_inboxes) if (one.following or one.held) and not one.socket.is_closing]
    for start in range(0, len(here), AT_A_TIME):
        batch = here[start : start + AT_A_TIME]
        found = await on_thread(_as_it_is, [inbox.socket.user.pk for inbox in batch])
        for inbox, addressed, rules in zip(batch, *found, strict=True):
            if not inbox.lock.locked() and inbox.is_behind(addressed, rules):
                inbox.socket.begin(inbox.refresh_soon())


def _as_it_is(user_ids: list[int]) -> tuple[list[dict[str, Addressed]], list[Rules]]:
    return streams_of_people(user_ids), rules_of_people(user_ids)
