"""Pushing from anywhere: a view's thread, the feed's, a worker's, a command's."""

import asyncio
import logging
from collections import deque
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer

from kernel.realtime import hub as hubs
from kernel.realtime.messages import Push, encode
from kernel.realtime.publisher import MOST_WAITING, publisher

logger = logging.getLogger(__name__)


def push(topic: str, message: Push, *, newest_only: str | None = None) -> None:
    """Send `message` to every socket on `topic`, from any thread, without waiting.

    With `newest_only`, a message still waiting in a socket's queue under the same key is replaced: for state such
    as a forming bar, of which only the newest matters. See `Outlet` for keys with a moment.
    """
    _send(topic, text=encode(message), newest_only=newest_only)


def wake_stream(stream: str, seq: int | None = None, text: str | None = None) -> None:
    """Tell every process with readers of `stream` that it has grown, to `seq` where that is known.

    With the row's canonical `text`, those that have all before it need not read the table.
    """
    _send(stream_topic(stream), **{name: value for name, value in (("seq", seq), ("text", text)) if value is not None})


def close_sockets(topic: str, code: int) -> None:
    """Close the sockets on a private topic (`user:7`, `session:…`) with `code`."""
    _send(topic, close=code)


def refresh_sockets(topic: str) -> None:
    """Let the sockets on a private topic work out anew what they may see."""
    _send(topic, refresh=True)


def stream_topic(stream: str) -> str:
    return f"stream:{stream}"


def _send(topic: str, **body: Any) -> None:
    message = {"type": "hub.message", "topic": topic, **body}
    if hubs.is_alone():
        hubs.deliver(message)
        return
    running = hubs.loops()
    if not running:
        publisher().add(message)
        return
    # Through the loop's own door, even from another thread: a plain call would not wake it up.
    running[-1].call_soon_threadsafe(_line(running[-1]).add, message)


class _Line:
    """What one loop sends to the layer: one after the other, so that nothing overtakes what was pushed before it."""

    def __init__(self) -> None:
        # While the layer is away the oldest are let go: what they told of is in the tables.
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)
        self._sending: asyncio.Task[None] | None = None

    def add(self, message: dict[str, Any]) -> None:
        self._waiting.append(message)
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._waiting:
                message = self._waiting.popleft()
                try:
                    await get_channel_layer().group_send(hubs.group_name(message["topic"]), message)
                except Exception as error:  # noqa: BLE001  what is lost here is read from the tables
                    logger.warning("a push was lost on the way to the channel layer: %r", error)
        finally:
            self._sending = None


_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = WeakKeyDictionary()


def _line(loop: asyncio.AbstractEventLoop) -> _Line:
    return _lines.setdefault(loop, _Line())
