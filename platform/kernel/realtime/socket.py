"""One connection: who is on it, what it listens to, and a bounded queue in front of its writer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import msgspec
from django.conf import settings

from kernel import clock
from kernel.errors import DomainError
from kernel.realtime import hub as hubs
from kernel.realtime.crowds import people
from kernel.realtime.dialects import Canonical
from kernel.realtime.frames import Dialect, Message, Text
from kernel.realtime.lanes import Reader
from kernel.realtime.messages import Push, encode
from kernel.realtime.operations import stream_source
from kernel.realtime.outlets import Outlet
from kernel.realtime.streams import Relays

logger = logging.getLogger(__name__)

Filter = Callable[[dict[str, Any]], bool]

INVALID, UNAUTHENTICATED, NOT_YOURS, SILENT = 4400, 4401, 4403, 4408
RESTARTING, TOO_MUCH = 4012, 4429

WARN_BEFORE_EXPIRY = 30.0


class SocketError(DomainError):
    """A refusal of one message; the connection stays."""

    code = "refused"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a credential belongs to. `topics` are the private ones the socket listens to for its own fate
    (`user:7`, `session:…`); `expires_at` is epoch seconds, none for a credential without an end; `scopes` are those
    of the operations it may use, none for one without limits."""

    user: Any
    topics: tuple[str, ...]
    expires_at: float | None
    scopes: frozenset[str] | None = None


# The sockets of this process whose owner is known.
signed_in: "WeakSet[Socket]" = WeakSet()
_relays: dict[asyncio.AbstractEventLoop, Relays] = {}


def relays() -> Relays:
    """The stream relays of the running loop."""
    loop = asyncio.get_running_loop()
    for other in [other for other in _relays if other.is_closed()]:
        del _relays[other]
    if loop not in _relays:
        _relays[loop] = Relays(stream_source())
    return _relays[loop]


class _Place(Reader):
    """A socket's place in a stream, where `only` may choose what it hears."""

    __slots__ = ("only", "socket")

    def __init__(self, socket: "Socket", position: int, only: Filter | None) -> None:
        super().__init__(position)
        self.socket = socket
        self.only = only

    @property
    def dialect(self) -> Dialect | None:
        return None if self.only else self.socket.dialect

    @property
    def outlet(self) -> Outlet:
        return self.socket.outlet

    def take(self, seq: int, message: Message) -> None:
        if seq > self.position:
            self.position = seq
            if self.only is None or self.only(message.payload):
                self.socket.say(message)


@dataclass(eq=False, slots=True, weakref_slot=True)
class Socket:
    """A connection that has been accepted. Handlers use `user`, `listen`, `follow`, `tell` and `close`."""

    outlet: Outlet
    dialect: Canonical
    identity: Identity | None = None
    on_refresh: Callable[["Socket"], Awaitable[None]] | None = None
    streams: dict[str, _Place] = field(default_factory=dict)
    settings_of: dict[str, Any] = field(default_factory=dict)
    _topics: set[str] = field(default_factory=set)
    _filters: dict[str, Filter] = field(default_factory=dict)
    _timers: tuple[asyncio.TimerHandle, ...] = ()
    _chores: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def user(self) -> Any:
        """Whoever is signed in on this connection; raises `SocketError` for a stranger."""
        if self.identity is None:
            raise SocketError("Sign in first.")
        return self.identity.user

    @property
    def is_closing(self) -> bool:
        return self.outlet.close_code is not None

    async def sign_in(self, identity: Identity) -> None:
        """Bind the connection to `identity` until its credential ends; a later one prolongs it.

        Somebody who has as many connections as allowed is sent away with 4429.
        """
        if self.identity and self.identity.user.pk != identity.user.pk:
            raise SocketError("This connection belongs to somebody else.")
        if self.identity is None and not people.enter(identity.user.pk, settings.WS_CONNECTIONS_PER_USER):
            self.close(TOO_MUCH)
            return
        self.identity = identity
        signed_in.add(self)
        for topic in identity.topics:
            await hubs.hub().join(topic, self._on_control)
        self._topics.update(f"\x00{topic}" for topic in identity.topics)
        self._set_expiry(identity.expires_at)

    def _set_expiry(self, expires_at: float | None) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = ()
        if expires_at is None:
            return
        loop, left = asyncio.get_running_loop(), expires_at - clock.now().timestamp()
        warning = AuthExpiring(
            payload=AuthExpiringPayload(expires_at=clock.isoformat(clock.from_epoch(int(expires_at))))
        )
        self._timers = (
            loop.call_later(max(0.0, left - WARN_BEFORE_EXPIRY), self.tell, warning),
            loop.call_later(max(0.0, left), self.close, UNAUTHENTICATED),
        )

    async def listen(self, topic: str, only: Filter | None = None) -> None:
        """Send each message pushed to `topic`, or those whose payload passes `only`; asking again changes that."""
        if topic not in self._topics:
            if sum(not held.startswith("\x00") for held in self._topics) >= settings.WS_SUBSCRIPTIONS:
                raise SocketError(f"A connection may have {settings.WS_SUBSCRIPTIONS} subscriptions.")
            self._topics.add(topic)
        if only:
            self._filters[topic] = only
        else:
            self._filters.pop(topic, None)
        await hubs.hub().join(topic, self._on_push)

    async def stop_listening(self, topic: str) -> None:
        self._topics.discard(topic)
        self._filters.pop(topic, None)
        await hubs.hub().leave(topic, self._on_push)

    async def follow(self, stream: str, after: int, only: Filter | None = None) -> None:
        """Send the rows of `stream` with `seq > after` and then the live ones, or those whose payload passes `only`.

        Returns when the past has been queued. Following again begins anew at `after`.
        """
        await self.unfollow(stream)
        place = self.streams[stream] = _Place(self, after, only)
        await relays().follow(stream, place)

    async def replay(self, stream: str, after: int, until: int, only: Filter | None = None) -> None:
        """Send the rows of `stream` with `after < seq <= until` once."""
        await relays().replay(stream, _Place(self, after, only), until)

    def filter_streams(self, only: Filter | None) -> None:
        """Let what passes `only` through from here on, in all streams that are followed."""
        for stream, place in self.streams.items():
            place.only = only
            relays().regroup(stream, place)

    def position(self, stream: str) -> int | None:
        """The last `seq` of `stream` that was looked at for this connection; none where it does not follow."""
        place = self.streams.get(stream)
        return place.position if place else None

    async def unfollow(self, stream: str) -> None:
        if place := self.streams.pop(stream, None):
            await relays().unfollow(stream, place)

    def tell(self, message: Push) -> None:
        """Send `message` to this connection alone."""
        self.say(Message(encode(message)))

    def say(self, message: Message, newest_only: str | None = None) -> None:
        """Queue a message; a reader that lets its queue fill up is closed with 4008."""
        if text := message.in_dialect(self.dialect):
            self.outlet.write(text, newest_only)

    def answer(self, shown: str | None) -> None:
        """Queue a text that is already in the connection's dialect."""
        if shown:
            self.outlet.write(Text(shown))

    def close(self, code: int = 1000) -> None:
        """Close once what is queued is written."""
        self.outlet.close(code)

    async def forget(self) -> None:
        """Leave every topic and stream; called once the connection is gone."""
        self.outlet.drop()
        signed_in.discard(self)
        if self.identity:
            people.leave(self.identity.user.pk)
        self._set_expiry(None)
        for chore in self._chores:
            chore.cancel()
        for stream in list(self.streams):
            await self.unfollow(stream)
        for topic in self._topics:
            if topic.startswith("\x00"):
                await hubs.hub().leave(topic[1:], self._on_control)
            else:
                await hubs.hub().leave(topic, self._on_push)
        self._topics.clear()

    def _on_push(self, delivery: hubs.Delivery) -> None:
        wanted = self._filters.get(delivery.topic)
        if delivery.message and (wanted is None or wanted(delivery.message.payload)):
            self.say(delivery.message, delivery.body.get("newest_only"))

    def _on_control(self, delivery: hubs.Delivery) -> None:
        if code := delivery.body.get("close"):
            self.close(code)
        elif delivery.body.get("refresh") and self.on_refresh:
            self.begin(self.on_refresh(self))
        elif delivery.message:
            self.say(delivery.message, delivery.body.get("newest_only"))

    def begin(self, chore: Awaitable[None]) -> "asyncio.Task[None]":
        """Run `chore` beside the connection, and no longer than it lasts."""

        async def run() -> None:
            try:
                await chore
            except Exception:  # nobody awaits a chore: its fault is logged, the connection stays
                logger.exception("a socket's chore failed")

        task = asyncio.create_task(run())
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
        return task


class AuthExpiringPayload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    expires_at: str


class AuthExpiring(Push, frozen=True, kw_only=True, tag="auth.expiring"):
    """The credential ends soon: send `auth` with a fresh one to stay connected."""

    payload: AuthExpiringPayload
