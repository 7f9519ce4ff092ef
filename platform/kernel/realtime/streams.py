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

from kernel.background import Together, on_thread
from kernel.realtime import hub as hubs
from kernel.realtime.door import stream_topic
from kernel.realtime.frames import Message
from kernel.realtime.lanes import Companies, Reader

logger = logging.getLogger(__name__)

PAGE = 500
# So many rows that wake-ups brought may wait for their turn; what comes beyond is read from the table.
MOST_AT_HAND = 100
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


@dataclass(slots=True)
class _Relay:
    """`live` are those of the `readers` that have caught up and `position` is how far they have come; `newest` is the
    last row that was heard of, and `at_hand` has those that wake-ups brought, by `seq`."""

    stream: str
    position: int
    newest: int
    at_hand: dict[int, Message] = field(default_factory=dict)
    readers: set[Reader] = field(default_factory=set)
    live: Companies = field(default_factory=Companies)
    draining: asyncio.Task[None] | None = None


class Relays:
    """Every stream that has a reader in this process, for one event loop."""

    def __init__(self, source: StreamSource) -> None:
        self._source = source
        self._heads = Together(self._read_heads)
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
        if not relay.live:
            # From here on whatever is committed wakes us; what was before is asked for.
            relay.newest = max(relay.newest, await self._heads.ask(stream))
        while reader.position < (relay.position if relay.live else relay.newest):
            if not await self._send_page(reader, stream):
                break
        if reader not in relay.readers:
            return  # it has left meanwhile
        if not relay.live:
            relay.position = reader.position
        reader.is_live = True
        relay.live.add(reader)
        self._catch_up(relay)

    def regroup(self, stream: str, reader: Reader) -> None:
        """Find new company for a reader that has changed what it chooses; where it has not caught up, it has none."""
        if reader.is_live:
            live = self._relays[stream].live
            live.remove(reader)
            live.add(reader)

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
        relay.live.remove(reader)
        if not relay.readers:
            del self._relays[stream]
            if not self._relays and self._watching:
                self._watching.cancel()
                self._watching = None
            await hubs.hub().leave(stream_topic(stream), self._woken)

    def _read_heads(self, streams: list[str]) -> list[int]:
        heads = self._source.heads(streams)
        return [heads[stream].seq if stream in heads else 0 for stream in streams]

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
                    relay.live.gather()
                    relay.newest = max(relay.newest, head.seq)
                    self._catch_up(relay)

    def _woken(self, delivery: hubs.Delivery) -> None:
        relay = self._relays.get(delivery.topic.removeprefix("stream:"))
        if relay is None:
            return
        seq = delivery.body.get("seq") or relay.position + 1
        relay.newest = max(relay.newest, seq)
        is_next = seq == relay.position + 1 and relay.draining is None
        if is_next and delivery.message and len(relay.live) <= hubs.SLICE:
            relay.position = seq
            relay.live.take(seq, delivery.message)
            return
        if delivery.message and seq > relay.position and len(relay.at_hand) < MOST_AT_HAND:
            relay.at_hand[seq] = delivery.message
        self._catch_up(relay)

    def _catch_up(self, relay: _Relay) -> None:
        """Bring the live readers to the newest row."""
        if relay.newest > relay.position and relay.draining is None:
            relay.draining = asyncio.create_task(self._drain(relay))

    async def _drain(self, relay: _Relay) -> None:
        try:
            while relay.newest > relay.position and relay.readers:
                if rows := [row for row in await self._next_rows(relay) if row[0] > relay.position]:
                    relay.position = rows[-1][0]
                    await relay.live.take_in_turns(rows)
        finally:
            relay.draining = None

    async def _next_rows(self, relay: _Relay) -> list[tuple[int, Message]]:
        heard_of, following = relay.newest, relay.position + 1
        rows_at_hand: list[tuple[int, Message]] = []
        while message := relay.at_hand.pop(following, None):
            rows_at_hand.append((following, message))
            following += 1
        if rows_at_hand:
            return rows_at_hand
        relay.at_hand = {seq: message for seq, message in relay.at_hand.items() if seq > following}
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
