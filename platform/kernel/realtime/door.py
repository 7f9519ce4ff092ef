"""Pushing from anywhere: a view's thread, the feed's, a worker's, a command's."""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

from channels.layers import get_channel_layer

from kernel.realtime import hub as hubs
from kernel.realtime.messages import Push, encode

logger = logging.getLogger(__name__)

_publisher: asyncio.AbstractEventLoop | None = None
_publisher_lock = threading.Lock()


def push(topic: str, message: Push, *, newest_only: str | None = None) -> None:
    """Send `message` to every socket on `topic`, from any thread, without waiting.

    With `newest_only`, a message still waiting in a socket's queue under the same key is replaced: for state such
    as a forming bar, of which only the newest matters.
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
    else:
        _run_on(_sending_loop(), get_channel_layer().group_send(hubs.group_name(topic), message))


def _run_on(loop: asyncio.AbstractEventLoop, sending: Coroutine[Any, Any, None]) -> None:
    # Through the loop's own door, even from another thread: a plain put would not wake it up.
    future = asyncio.run_coroutine_threadsafe(sending, loop)
    future.add_done_callback(_log_failure)


def _log_failure(future: "Future[None]") -> None:
    if not future.cancelled() and (error := future.exception()):
        logger.warning("a push was lost on the way to the channel layer: %r", error)


def _sending_loop() -> asyncio.AbstractEventLoop:
    """The server's loop where this process has one, else a long-lived thread's."""
    running = hubs.loops()
    return running[-1] if running else _publisher_loop()


def _publisher_loop() -> asyncio.AbstractEventLoop:
    global _publisher  # noqa: PLW0603  one loop for the whole process, made at first use
    with _publisher_lock:
        if _publisher is None:
            _publisher = asyncio.new_event_loop()
            threading.Thread(target=_publisher.run_forever, name="publisher", daemon=True).start()
        return _publisher
