"""Streams: messages that must not be lost, read from their table in order and relayed to the sockets here.

The channel layer only wakes the relay up; a wake-up may bring the row, which is used where it is the very next one.
A look at the heads every few seconds makes up for a wake-up that was lost. A reader that joins is registered first and
reads the rows second, so there is neither a gap nor a double between what it missed and what is live.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kernel.background import on_thread
from kernel.realtime import hub as hubs
from kernel.realtime.door import stream_topic
from kernel.realtime.frames import Message

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


class Reader(Protocol):
    """One socket's place in one stream."""

    position: int
    is_live: bool

    def take(self, seq: int, message: Message) -> None:
        """Send what is later than `position`, which moves on."""
        ...

    async def room(self) -> None:
        """Wait while the socket's queue is full."""
        ...


@dataclass(slots=True)
class _Relay:
    """`position` is how far the live readers have come, `newest` the last row that was heard of."""

    stream: str
    position: int
    newest: int
    readers: set[Reader] = field(default_factory=set)
    draining: asyncio.Task[None] | None = None

    @property
    def is_live(self) -> bool:
        return any(reader.is_live for reader in self.readers)


class _Heads:
    """Asks for the heads of streams: whoever asks while a question is under way shares the next one."""

    def __init__(self, source: StreamSource) -> None:
        self._source = source
        self._asked: dict[str, asyncio.Future[int]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def of(self, stream: str) -> int:
        """The last `seq` of `stream` that was committed before this call; 0 where it does not exist."""
        asked = self._asked.get(stream)
        if asked is None:
            asked = self._asked[stream] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(asked)

    async def _ask(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                try:
                    heads = await on_thread(self._source.heads, list(asked))
                except Exception as error:  # noqa: BLE001  those who asked have it raised
                    for future in asked.values():
                        future.set_exception(error)
                    continue
                for stream, future in asked.items():
                    future.set_result(heads[stream].seq if stream in heads else 0)
        finally:
            self._asking = None


class Relays:
    """Every stream that has a reader in this process, for one event loop."""

    def __init__(self, source: StreamSource) -> None:
        self._source = source
        self._heads = _Heads(source)
        self._relays: dict[str, _Relay] = {}
        self._watching: asyncio.Task[None] | None = None

    async def follow(self, stream: str, reader: Reader) -> None:
        """Send `reader` the rows after its position, then keep it live; returns when it has caught up."""
        relay = self._relays.get(stream)
        if relay is None:
            relay = self._relays[stream] = _Relay(stream, reader.position, reader.position)
        relay.readers.add(reader)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        await hubs.hub().join(stream_topic(stream), self._woken)
        if not relay.is_live:
            # From here on whatever is committed wakes us; what was before is asked for.
            relay.newest = max(relay.newest, await self._heads.of(stream))
        while reader.position < (relay.position if relay.is_live else relay.newest):
            if not await self._send_page(reader, stream):
                break
        if not relay.is_live:
            relay.position = reader.position
        reader.is_live = True
        self._catch_up(relay)

    async def replay(self, stream: str, reader: Reader, until: int) -> None:
        """Send `reader` the rows after its position up to `until`, and none later."""
        while reader.position < until:
            rows = await on_thread(self._source.read, stream, reader.position, min(PAGE, until - reader.position))
            for row in rows:
                if row.seq <= until:
                    await reader.room()
                    reader.take(row.seq, Message(row.text))
            if not rows or rows[-1].seq > until:
                return

    async def unfollow(self, stream: str, reader: Reader) -> None:
        reader.is_live = False
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

    async def _send_page(self, reader: Reader, stream: str) -> int:
        rows = await on_thread(self._source.read, stream, reader.position, PAGE)
        for row in rows:
            await reader.room()
            reader.take(row.seq, Message(row.text))
        return len(rows)

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
                if relay := self._relays.get(stream):
                    relay.newest = max(relay.newest, head.seq)
                    self._catch_up(relay)

    def _woken(self, delivery: hubs.Delivery) -> None:
        relay = self._relays.get(delivery.topic.removeprefix("stream:"))
        if relay is None:
            return
        seq = delivery.body.get("seq") or relay.position + 1
        relay.newest = max(relay.newest, seq)
        is_next = seq == relay.position + 1 and relay.draining is None
        if is_next and delivery.message and len(relay.readers) <= hubs.SLICE:
            relay.position = seq
            _hand_on(seq, delivery.message, tuple(relay.readers))
        else:
            self._catch_up(relay, delivery.message if is_next else None)

    def _catch_up(self, relay: _Relay, message: Message | None = None) -> None:
        """Bring the live readers to the newest row; `message` is the next one, where it is at hand."""
        if relay.newest > relay.position and relay.draining is None:
            relay.draining = asyncio.create_task(self._drain(relay, message))

    async def _drain(self, relay: _Relay, message: Message | None) -> None:
        try:
            while relay.newest > relay.position and relay.readers:
                if message:
                    found, message = [(relay.position + 1, message)], None
                else:
                    found = await self._next_rows(relay)
                for seq, said in found:
                    if seq > relay.position:
                        relay.position = seq
                        await _hand_on_in_slices(seq, said, tuple(relay.readers))
        finally:
            relay.draining = None

    async def _next_rows(self, relay: _Relay) -> list[tuple[int, Message]]:
        heard_of = relay.newest
        try:
            rows = await on_thread(self._source.read, relay.stream, relay.position, PAGE)
        except Exception:  # the database may be away for a moment; the rows are not lost by that
            logger.exception("stream %s could not be read; trying again", relay.stream)
            await asyncio.sleep(1)
            return []
        if not rows and relay.newest == heard_of:
            # Heard of, yet not there: woken without a number while there was nothing new.
            relay.newest = relay.position
        return [(row.seq, Message(row.text)) for row in rows]


def _hand_on(seq: int, message: Message, readers: Sequence[Reader]) -> None:
    for reader in readers:
        if reader.is_live:
            try:
                reader.take(seq, message)
            except Exception:  # one reader's fault must not keep the row from the others
                logger.exception("a reader failed on a row")


async def _hand_on_in_slices(seq: int, message: Message, readers: Sequence[Reader]) -> None:
    for start in range(0, len(readers), hubs.SLICE):
        _hand_on(seq, message, readers[start : start + hubs.SLICE])
        if len(readers) > hubs.SLICE:
            await asyncio.sleep(0)
