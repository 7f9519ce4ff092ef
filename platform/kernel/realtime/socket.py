"""One connection: who is on it, what it listens to, and a bounded queue in front of its writer."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import msgspec
from django.conf import settings

from kernel import clock
from kernel.errors import DomainError
from kernel.realtime import hub as hubs
from kernel.realtime.dialects import Canonical
from kernel.realtime.messages import Push, encode
from kernel.realtime.operations import stream_source
from kernel.realtime.streams import Reader, Relays

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

INVALID, UNAUTHENTICATED, NOT_YOURS, SILENT = 4400, 4401, 4403, 4408
TOO_SLOW, RESTARTING, TOO_MUCH = 4008, 4012, 4429

QUEUE_MESSAGES, QUEUE_BYTES = 1_000, 1024 * 1024
MOST_TOPICS = 500
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


@dataclass(eq=False)
class Socket:
    """A connection that has been accepted. Handlers use `identity`, `listen`, `follow`, `offer` and `close`."""

    send: Send
    dialect: Canonical
    identity: Identity | None = None
    on_refresh: Callable[["Socket"], Awaitable[None]] | None = None
    streams: dict[str, Reader] = field(default_factory=dict)
    settings_of: dict[str, Any] = field(default_factory=dict)
    _topics: set[str] = field(default_factory=set)
    _filters: dict[str, Callable[[dict[str, Any]], bool]] = field(default_factory=dict)
    _queue: deque[tuple[str | None, str]] = field(default_factory=deque)
    _newest: dict[str, str] = field(default_factory=dict)
    _queued_bytes: int = 0
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _written: asyncio.Event = field(default_factory=asyncio.Event)
    _close_code: int | None = None
    _timers: list[asyncio.TimerHandle] = field(default_factory=list)
    _chores: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def user(self) -> Any:
        """Whoever is signed in on this connection; raises `SocketError` for a stranger."""
        if self.identity is None:
            raise SocketError("Sign in first.")
        return self.identity.user

    @property
    def is_closing(self) -> bool:
        return self._close_code is not None

    async def sign_in(self, identity: Identity) -> None:
        """Bind the connection to `identity` until its credential ends; a later one prolongs it."""
        if self.identity and self.identity.user.pk != identity.user.pk:
            raise SocketError("This connection belongs to somebody else.")
        self.identity = identity
        signed_in.add(self)
        for topic in identity.topics:
            await hubs.hub().join(topic, self._on_control)
        self._topics.update(f"\x00{topic}" for topic in identity.topics)
        self._set_expiry(identity.expires_at)

    def _set_expiry(self, expires_at: float | None) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if expires_at is None:
            return
        loop, left = asyncio.get_running_loop(), expires_at - clock.now().timestamp()
        warning = AuthExpiring(
            payload=AuthExpiringPayload(expires_at=clock.isoformat(clock.from_epoch(int(expires_at))))
        )
        self._timers = [
            loop.call_later(max(0.0, left - WARN_BEFORE_EXPIRY), lambda: self.offer(encode(warning))),
            loop.call_later(max(0.0, left), lambda: self.close(UNAUTHENTICATED)),
        ]

    async def listen(self, topic: str, only: Callable[[dict[str, Any]], bool] | None = None) -> None:
        """Send each message pushed to `topic`, or those whose payload passes `only`; asking again changes that."""
        if topic not in self._topics:
            if len(self._topics) >= settings_limit():
                raise SocketError(f"A connection may have {settings_limit()} subscriptions.")
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

    async def follow(self, stream: str, after: int, only: Callable[[dict[str, Any]], bool] | None = None) -> None:
        """Send the rows of `stream` with `seq > after` and then the live ones, or those whose payload passes `only`.

        Returns when the past has been queued. Following again begins anew at `after`.
        """
        await self.unfollow(stream)
        reader = self.streams[stream] = self._reader(after, only)
        await relays().follow(stream, reader)

    async def replay(
        self, stream: str, after: int, until: int, only: Callable[[dict[str, Any]], bool] | None = None
    ) -> None:
        """Send the rows of `stream` with `after < seq <= until` once."""
        await relays().replay(stream, self._reader(after, only), until)

    def _reader(self, after: int, only: Callable[[dict[str, Any]], bool] | None) -> Reader:
        def send_wanted(text: str) -> None:
            if only is None or only(msgspec.json.decode(text)["payload"]):
                self.offer(text)

        return Reader(send=send_wanted, position=after, room=self.room)

    def position(self, stream: str) -> int | None:
        """The last `seq` of `stream` that was looked at for this connection; none where it does not follow."""
        reader = self.streams.get(stream)
        return reader.position if reader else None

    async def room(self) -> None:
        """Wait while the queue is more than half full: a long past must not overflow it."""
        while self._close_code is None and self._is_half_full():
            self._written.clear()
            await self._written.wait()

    def _is_half_full(self) -> bool:
        return len(self._queue) > QUEUE_MESSAGES // 2 or self._queued_bytes > QUEUE_BYTES // 2

    async def unfollow(self, stream: str) -> None:
        if reader := self.streams.pop(stream, None):
            await relays().unfollow(stream, reader)

    def tell(self, message: Push) -> None:
        """Send `message` to this connection alone."""
        self.offer(encode(message))

    def offer(self, text: str, newest_only: str | None = None) -> None:
        """Queue a canonical message; a reader that lets its queue fill up is closed with 4008."""
        if shown := self.dialect.push(text):
            self._enqueue(shown, newest_only)

    def offer_answer(self, shown: str | None) -> None:
        """Queue a text that is already in the connection's dialect."""
        if shown:
            self._enqueue(shown, None)

    def _enqueue(self, shown: str, newest_only: str | None) -> None:
        if self._close_code is not None:
            return
        if newest_only is not None and newest_only in self._newest:
            self._queued_bytes += len(shown) - len(self._newest[newest_only])
            self._newest[newest_only] = shown
            return
        if newest_only is not None:
            self._newest[newest_only] = shown
        self._queue.append((newest_only, shown))
        self._queued_bytes += len(shown)
        if len(self._queue) > QUEUE_MESSAGES or self._queued_bytes > QUEUE_BYTES:
            self.close(TOO_SLOW)
        self._ready.set()

    def close(self, code: int = 1000) -> None:
        """Close once what is queued is written; a slow reader's queue is thrown away instead."""
        if self._close_code is None:
            self._close_code = code
            if code == TOO_SLOW:
                self._queue.clear()
            self._ready.set()
            self._written.set()

    async def write(self) -> None:
        """Write the queue until the connection closes: the one task that sends."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._queue:
                key, shown = self._queue.popleft()
                if key is not None:
                    shown = self._newest.pop(key)
                self._queued_bytes -= len(shown)
                await self.send({"type": "websocket.send", "text": shown})
                self._written.set()
            if self._close_code is not None:
                await self.send({"type": "websocket.close", "code": self._close_code})
                return

    async def forget(self) -> None:
        """Leave every topic and stream; called once the connection is gone."""
        self._close_code = self._close_code or 1000
        signed_in.discard(self)
        self._written.set()
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

    def _on_push(self, message: dict[str, Any]) -> None:
        wanted = self._filters.get(message["topic"])
        if wanted is None or wanted(msgspec.json.decode(message["text"])["payload"]):
            self.offer(message["text"], message.get("newest_only"))

    def _on_control(self, message: dict[str, Any]) -> None:
        if code := message.get("close"):
            self.close(code)
        elif message.get("refresh") and self.on_refresh:
            self.begin(self.on_refresh(self))
        elif "text" in message:
            self.offer(message["text"], message.get("newest_only"))

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


def settings_limit() -> int:
    return int(getattr(settings, "WS_MOST_SUBSCRIPTIONS", MOST_TOPICS))


class AuthExpiringPayload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    expires_at: str


class AuthExpiring(Push, frozen=True, kw_only=True, tag="auth.expiring"):
    """The credential ends soon: send `auth` with a fresh one to stay connected."""

    payload: AuthExpiringPayload
