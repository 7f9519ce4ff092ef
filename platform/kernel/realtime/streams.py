"""Streams: messages that must not be lost, read from their table in order and relayed to the sockets here.

The channel layer only wakes the relay up, and a look at the heads every few seconds makes up for a wake-up that was
lost. A reader that joins is registered first and reads the rows second, so there is neither a gap nor a double
between what it missed and what is live.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kernel.background import on_thread
from kernel.realtime import hub as hubs
from kernel.realtime.door import stream_topic

logger = logging.getLogger(__name__)

PAGE = 500
LOOK_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a stream: its `epoch` (another one means another history) and its last `seq`."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One message of a stream, as its canonical text."""

    seq: int
    text: str


class StreamSource(Protocol):
    """Where streams are kept. Both calls are blocking and run on a database thread."""

    def heads(self, streams: Sequence[str]) -> dict[str, Head]: ...

    def read(self, stream: str, after: int, limit: int) -> list[StreamRow]:
        """The committed rows with `seq > after`, rising by one from row to row."""
        ...


@dataclass(eq=False)
class Reader:
    """One socket's place in one stream. `send` takes a row's text; `room` waits while the socket's queue is full."""

    send: Callable[[str], None]
    position: int
    room: Callable[[], Awaitable[None]]
    is_live: bool = False

    def take(self, row: StreamRow) -> None:
        if row.seq > self.position:
            self.position = row.seq
            self.send(row.text)


@dataclass
class _Relay:
    stream: str
    position: int
    readers: set[Reader] = field(default_factory=set)
    draining: asyncio.Task[None] | None = None
    is_stale: bool = False


class Relays:
    """Every stream that has a reader in this process, for one event loop."""

    def __init__(self, source: StreamSource) -> None:
        self._source = source
        self._relays: dict[str, _Relay] = {}
        self._watching: asyncio.Task[None] | None = None

    async def follow(self, stream: str, reader: Reader) -> None:
        """Send `reader` the rows after its position, then keep it live; returns when it has caught up."""
        relay = self._relays.get(stream)
        if relay is None:
            relay = self._relays[stream] = _Relay(stream, reader.position)
        relay.readers.add(reader)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        await hubs.hub().join(stream_topic(stream), self._woken)
        while True:
            rows = await on_thread(self._source.read, stream, reader.position, PAGE)
            for row in rows:
                await reader.room()
                reader.take(row)
            if len(rows) < PAGE and relay.position <= reader.position:
                break
        if not any(other.is_live for other in relay.readers):
            relay.position = reader.position
        reader.is_live = True
        # What was committed between the last read and this line has already woken us, perhaps in vain.
        self._wake(relay)

    async def replay(self, stream: str, reader: Reader, until: int) -> None:
        """Send `reader` the rows after its position up to `until`, and none later."""
        while reader.position < until:
            rows = await on_thread(self._source.read, stream, reader.position, min(PAGE, until - reader.position))
            for row in rows:
                if row.seq <= until:
                    await reader.room()
                    reader.take(row)
            if not rows or rows[-1].seq > until:
                return

    async def unfollow(self, stream: str, reader: Reader) -> None:
        relay = self._relays.get(stream)
        if relay is None:
            return
        relay.readers.discard(reader)
        if not relay.readers:
            del self._relays[stream]
            if not self._relays and self._watching:
                self._watching.cancel()
                self._watching = None
            await hubs.hub().leave(stream_topic(stream), self._woken)

    async def _watch(self) -> None:
        """Wake what has grown unnoticed: a message the layer lost, or a writer outside of it."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                heads = await on_thread(self._source.heads, list(self._relays))
            except Exception:  # the database may be away for a moment; the next look comes soon
                logger.exception("the heads of the streams could not be read; trying again")
                continue
            for stream, head in heads.items():
                relay = self._relays.get(stream)
                if relay and head.seq > relay.position:
                    self._wake(relay)

    def _woken(self, message: dict[str, object]) -> None:
        relay = self._relays.get(str(message["topic"]).removeprefix("stream:"))
        if relay:
            self._wake(relay)

    def _wake(self, relay: _Relay) -> None:
        relay.is_stale = True
        if relay.draining is None or relay.draining.done():
            relay.draining = asyncio.create_task(self._drain(relay))

    async def _drain(self, relay: _Relay) -> None:
        while relay.is_stale and relay.readers:
            relay.is_stale = False
            try:
                rows = await on_thread(self._source.read, relay.stream, relay.position, PAGE)
            except Exception:  # the database may be away for a moment; the rows are not lost by that
                logger.exception("stream %s could not be read; trying again", relay.stream)
                await asyncio.sleep(1)
                relay.is_stale = True
                continue
            for row in rows:
                relay.position = row.seq
                for reader in tuple(relay.readers):
                    if reader.is_live:
                        reader.take(row)
            relay.is_stale = relay.is_stale or len(rows) == PAGE
