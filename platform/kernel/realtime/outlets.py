"""The way out of one connection: a bounded queue, which a server that knows frames writes to the wire itself."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from kernel.realtime.frames import Text

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

TOO_SLOW = 4008
# With what one write may leave in the transport, 256 KB are held for a connection at most.
MOST_MESSAGES, MOST_BYTES, ONE_WRITE = 1_000, 192 * 1024, 64 * 1024
# So many moments of one kind may wait: more than come at once, less than would be a queue of what is over.
MOST_MOMENTS = 16

# How long a connection that is to be closed may take to read what still waits.
LINGER = 5.0

# The key in a scope's `extensions` under which a server offers an outlet of its own.
EXTENSION = "signalbox.outlet"


class Outlet(ABC):
    """What waits to be written: texts in order, and under a key only the newest of its kind.

    A key may be a kind, an `@` and a moment (`bars:IBM:1@1388966400`): texts of a moment replace each other, and those
    of different moments wait beside each other, so that whoever keeps up gets the last word on each. Of a kind that
    more than `MOST_MOMENTS` wait of, only the newest text waits, until the reader has taken it.

    A reader that lets more than `MOST_MESSAGES` or `MOST_BYTES` pile up is closed with 4008: it resumes later, and
    meanwhile harms nobody. The writer never waits.
    """

    __slots__ = ("_bytes", "_newest", "_queue", "_roomy", "close_code")

    def __init__(self) -> None:
        self._queue: list[Text | str] = []
        self._newest: dict[str, Text] | None = None
        self._bytes = 0
        self._roomy: asyncio.Event | None = None
        self.close_code: int | None = None

    def write(self, text: Text, newest_only: str | None = None) -> None:
        """Send `text`, in its turn; under `newest_only` in the place of one that still waits there."""
        if self.close_code is None:
            self._put(text, newest_only)

    @staticmethod
    def write_to_all(outlets: Iterable["Outlet"], text: Text) -> None:
        """Send `text` to each of `outlets`, which are of one class; a fault of one is logged."""
        for outlet in outlets:
            try:
                outlet.write(text)
            except Exception:  # one connection's fault must not keep the text from the others
                logger.exception("a text could not be written to a connection")

    def close(self, code: int) -> None:
        """Close once what waits is written; what waits for a slow reader is thrown away instead."""
        if self.close_code is None:
            self.close_code = code
            if code == TOO_SLOW:
                self._forget()
            self._make_room()
            self._ready()

    def drop(self) -> None:
        """The connection is gone: nothing is written any more, and nobody waits for room."""
        self.close_code = self.close_code or 1000
        self._forget()
        self._make_room()

    async def finish(self) -> None:  # noqa: B027  nothing to do where a transport sends by itself
        """Let what waits go out before the application ends, where only the application sends it."""

    async def room(self) -> None:
        """Wait while the queue is more than half full: a long past must not overflow it."""
        while self.close_code is None and (len(self._queue) > MOST_MESSAGES // 2 or self._bytes > MOST_BYTES // 2):
            self._roomy = self._roomy or asyncio.Event()
            self._roomy.clear()
            await self._roomy.wait()

    def _put(self, text: Text, newest_only: str | None) -> None:
        size, was_empty = len(text.frame), not self._queue
        if newest_only is None:
            self._queue.append(text)
        else:
            if self._newest is None:
                self._newest = {}
            key = self._key_of(newest_only)
            if waiting := self._newest.get(key):
                size -= len(waiting.frame)
            else:
                self._queue.append(key)
            self._newest[key] = text
        self._bytes += size
        if self._is_full:
            self._fall_behind()
        if self._is_full:
            self.close(TOO_SLOW)
        elif was_empty:
            self._ready()

    @property
    def _is_full(self) -> bool:
        return len(self._queue) > MOST_MESSAGES or self._bytes > MOST_BYTES

    def _key_of(self, newest_only: str) -> str:
        """The key under which the text waits: its own, or one for all moments of a kind that has fallen behind."""
        kind, at, _ = newest_only.rpartition("@")
        newest, for_all = self._newest or {}, f"{kind}@"
        if not at or newest_only in newest:
            return newest_only
        if for_all not in newest:
            if sum(key.startswith(for_all) for key in newest) < MOST_MOMENTS:
                return newest_only
            self._fall_behind(kind)
        return for_all

    def _fall_behind(self, only: str = "") -> None:
        """Of each kind, or of one, let the newest text alone wait, for all moments that are still to come."""
        kept: list[Text | str] = []
        newest, found = self._newest or {}, dict[str, Text]()
        for item in reversed(self._queue):
            kind, at, _ = item.rpartition("@") if isinstance(item, str) else ("", "", "")
            if not at or not isinstance(item, str) or (only and kind != only):
                kept.append(item)
                continue
            text, for_all = newest.pop(item), f"{kind}@"
            if for_all in found:
                self._bytes -= len(text.frame)
            else:
                found[for_all] = text
                kept.append(for_all)
        newest.update(found)
        self._queue[:] = reversed(kept)

    def _take(self, most: int) -> list[Text]:
        """What waits longest, of `most` bytes or the one text that has more."""
        if self._newest is None and self._bytes <= most:
            everything, self._queue, self._bytes = cast("list[Text]", self._queue), [], 0
            self._make_room()
            return everything
        taken, size = list[Text](), 0
        for item in self._queue:
            text = (self._newest or {})[item] if isinstance(item, str) else item
            if taken and size + len(text.frame) > most:
                break
            taken.append(text)
            size += len(text.frame)
        for item in self._queue[: len(taken)]:
            if self._newest and isinstance(item, str):
                del self._newest[item]
        del self._queue[: len(taken)]
        self._bytes -= size
        self._make_room()
        return taken

    def _forget(self) -> None:
        self._queue.clear()
        self._newest, self._bytes = None, 0

    def _make_room(self) -> None:
        if self._roomy:
            self._roomy.set()

    @abstractmethod
    def _ready(self) -> None:
        """The first text waits, or the connection is to be closed."""


class PlainOutlet(Outlet):
    """Under any ASGI server: one task that sends what waits, message by message."""

    __slots__ = ("_awake", "_send", "_writing")

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send
        self._awake = asyncio.Event()
        self._writing = asyncio.create_task(self._write())

    def _ready(self) -> None:
        self._awake.set()

    def drop(self) -> None:
        super().drop()
        self._writing.cancel()

    async def finish(self) -> None:
        await asyncio.wait({self._writing}, timeout=LINGER)

    async def _write(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            while self._queue:
                for text in self._take(most=0):
                    await self._send({"type": "websocket.send", "text": text.text})
            if self.close_code is not None:
                await self._send({"type": "websocket.close", "code": self.close_code})
                return
