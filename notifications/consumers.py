"""Notifications on sockets: one inbox for each connection, which follows the streams of whoever is signed in."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from kernel.background import Together, on_thread
from kernel.errors import Invalid
from kernel.realtime import Socket, operation
from notifications import services
from notifications.channels import SOCKET
from notifications.delivery import rules_of_people
from notifications.errors import StreamForbidden
from notifications.messages import (
    INBOX_TOPIC,
    AcknowledgedAnswer,
    Heads,
    MarkedAnswer,
    NotificationsAck,
    NotificationsLive,
    NotificationsRead,
    NotificationsSubscribe,
    NotificationsUnsubscribe,
    Position,
    Reset,
    ResetPayload,
    StreamsAnswer,
    StreamsPayload,
)
from notifications.models import PRIORITY_RANKS
from notifications.rules import Rules
from notifications.selectors import EVERYBODY, Addressed, streams_of_people

logger = logging.getLogger(__name__)

RESUME_WINDOW = 5_000
HEADS_EVERY = 20.0

_streams = Together(streams_of_people)
_rules = Together(rules_of_people)

Filter = Callable[[dict[str, Any]], bool]


@dataclass
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
    following: dict[str, int] = field(default_factory=dict)
    muted: tuple[bool, set[str]] | None = None
    ended: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, str] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    awaited: int = 0
    chore: "asyncio.Task[None] | None" = None
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
            if until is None:
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
        behind = moved
        while behind := [*behind, *self._swallowed()]:
            for name in dict.fromkeys(behind):
                stream, place = addressed[name], self._place(name)
                await self._catch_up(name, stream, stream.spans[0][0] if place is None else place)
            behind = []
        self.held = {}
        if has_changed:
            self.socket.filter_streams(self.only)
        if moved and self.tells_positions:
            self.socket.tell(NotificationsLive(payload=self.all_positions()))

    def _has_moved(self, name: str, stream: Addressed) -> bool:
        """Whether the person has joined or left the stream since it was looked up last, or both."""
        if stream.opened_after is not None:
            return stream.opened_after != self.following.get(name)
        return name in self.following or self.ended.get(name) != stream.ended_at

    def _swallowed(self) -> list[str]:
        """The streams of which something came while they were held."""
        return [name for name, place in self.held.items() if self.socket.position(name) != place]

    def _places(self) -> dict[str, int]:
        places = {name: self._place(name) for name in self.following}
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
        if self.chore:
            self.chore.cancel()
            self.chore = None

    def look_after(self) -> None:
        """Begin to tell the heads, and to notice a change of the person's streams that nobody told of."""
        if self.chore is None:
            self.chore = self.socket.begin(self._look_after())

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(HEADS_EVERY)
            await self.refresh_soon()
            if self.tells_positions:
                self.socket.tell(Heads(payload=self.positions()))

    async def refresh_soon(self) -> None:
        """`refresh`, tried again for as long as the database is away; where another is to come, that one does it."""
        while True:
            try:
                async with self.lock:
                    if self.following and not self.awaited:
                        await self.refresh()
                return
            except Exception:  # what is held or was not followed must not stay so
                logger.exception("the streams of a connection could not be looked up; trying again")
                await asyncio.sleep(1)


def _inbox_of(socket: Socket) -> Inbox:
    inbox: Inbox = socket.settings_of.setdefault("inbox", Inbox(socket))
    return inbox


@operation("notifications.subscribe", NotificationsSubscribe, answer=StreamsAnswer)
async def subscribe_to_notifications(socket: Socket, request: NotificationsSubscribe) -> dict[str, Any]:
    """Receive what was missed after the positions named, then `notifications.live`, then each notification."""
    inbox = _inbox_of(socket)
    async with inbox.lock:
        await inbox.resume(request.streams, _filter_of(request))
        await socket.listen(INBOX_TOPIC.format(socket.user.pk))
        inbox.tells_positions = True
        socket.tell(NotificationsLive(payload=inbox.all_positions()))
        inbox.look_after()
    return {"streams": sorted(inbox.following)}


def _unmuted(rules: Rules, only: Filter | None) -> Filter | None:
    """`only`, without the types that the person does not want on sockets."""
    if rules.muted(SOCKET) == (False, set()):
        return only
    return lambda payload: not rules.mutes(SOCKET, payload["type"]) and (only is None or only(payload))


def _filter_of(request: NotificationsSubscribe) -> Filter | None:
    """The filters of `request` as one question; a stream's positions move on past what they leave out."""
    if request.topics is None and request.types is None and request.min_priority is None:
        return None
    topics = None if request.topics is None else frozenset(request.topics)
    types = None if request.types is None else frozenset(request.types)
    least = PRIORITY_RANKS[request.min_priority or "info"]

    def wanted(payload: dict[str, Any]) -> bool:
        return (
            (topics is None or payload["topic"] in topics)
            and (types is None or payload["type"] in types)
            and PRIORITY_RANKS[payload["priority"]] >= least
        )

    return wanted


@operation("notifications.unsubscribe", NotificationsUnsubscribe)
async def unsubscribe_from_notifications(socket: Socket, request: NotificationsUnsubscribe) -> dict[str, Any]:
    """Receive no more notifications on this connection."""
    inbox = _inbox_of(socket)
    async with inbox.lock:
        await inbox.leave()
    await socket.stop_listening(INBOX_TOPIC.format(socket.user.pk))
    return {}


@operation("notifications.read", NotificationsRead, answer=MarkedAnswer, scope="notifications:write")
async def read_notifications(socket: Socket, request: NotificationsRead) -> dict[str, Any]:
    """Mark notifications read; those that are not one's own, or read already, are not counted."""
    count = await on_thread(services.mark_read, user=socket.user, notification_ids=request.ids)
    return {"marked": count}


@operation("notifications.ack", NotificationsAck, answer=AcknowledgedAnswer, scope="notifications:write")
async def acknowledge_notifications(socket: Socket, request: NotificationsAck) -> dict[str, Any]:
    """Say what has arrived: everything of a stream up to a position, or single notifications."""
    if request.ids is not None:
        ids = request.ids
        return {
            "acknowledged": await on_thread(services.acknowledge_notifications, user=socket.user, notification_ids=ids)
        }
    if request.stream is None or request.seq is None:
        raise Invalid.field("ids", "Name a stream and a seq, or ids.")
    user, stream, seq = socket.user, request.stream, request.seq
    return {"acknowledged": int(await on_thread(services.acknowledge, user=user, stream_name=stream, seq=seq))}


async def subscribe_inbox(socket: Socket) -> None:
    """Follow the person's streams live: for the paths whose clients know of no positions."""
    inbox = _inbox_of(socket)
    async with inbox.lock:
        await inbox.resume({})
        inbox.look_after()


def refresh_inbox(socket: Socket) -> Awaitable[None]:
    """Follow the person into streams they joined and out of those they left; nothing where none are followed.

    From the call on nothing goes out that they have not been looked up for; what comes meanwhile follows after.
    """
    inbox: Inbox | None = socket.settings_of.get("inbox")
    if inbox is None:
        return asyncio.sleep(0)
    inbox.hold()
    return _refresh(inbox)


async def _refresh(inbox: Inbox) -> None:
    inbox.awaited -= 1
    await inbox.refresh_soon()
