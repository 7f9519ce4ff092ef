"""The listeners of one process: which sockets are on which topic, and the one channel that feeds them."""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer

from kernel.realtime.frames import Message

logger = logging.getLogger(__name__)

# So many are served before the loop may turn to something else.
SLICE = 512


class Delivery:
    """What was pushed to a topic, as its listeners get it: one object for all of them.

    `message` is what to say, if anything; `body` has the rest: `newest_only`, `close`, `refresh`, `seq`.
    """

    __slots__ = ("body", "message", "topic")

    def __init__(self, pushed: dict[str, Any]) -> None:
        self.topic: str = pushed["topic"]
        self.message = Message(pushed["text"]) if "text" in pushed else None
        self.body = pushed


Listener = Callable[[Delivery], None]


def group_name(topic: str) -> str:
    """The layer's name for `topic`: a hash, because layers refuse the characters that symbols have."""
    return "t." + hashlib.sha256(topic.encode()).hexdigest()[:40]


def is_alone() -> bool:
    """Whether no other process can push: messages then go straight to the hubs of this one, without the layer.

    The layer of one process copies every message and looks through all of its groups at each, so that a push would
    cost the more the more sockets there are.
    """
    return isinstance(get_channel_layer(), InMemoryChannelLayer)


class Hub:
    """Topic → listeners, for one event loop. A group of the layer is joined while it has a listener here."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}
        self._channel: str | None = None
        self._reading: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._waiting: deque[Delivery] = deque()
        self._dispatching: asyncio.Task[None] | None = None

    def has_listeners(self, topic: str) -> bool:
        return topic in self._listeners

    async def join(self, topic: str, listener: Listener) -> None:
        """From the return on, every message pushed to `topic` reaches `listener`."""
        async with self._lock:
            if topic not in self._listeners and not is_alone():
                await self._start()
                await get_channel_layer().group_add(group_name(topic), self._channel)
            # Only now: where the layer refused, the next to join must ask it again.
            self._listeners.setdefault(topic, set()).add(listener)

    async def leave(self, topic: str, listener: Listener) -> None:
        async with self._lock:
            listeners = self._listeners.get(topic)
            if listeners is None:
                return
            listeners.discard(listener)
            if not listeners:
                del self._listeners[topic]
                if self._channel:
                    await get_channel_layer().group_discard(group_name(topic), self._channel)

    async def close(self) -> None:
        """Stop listening; for a server that stops and for tests that end."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            for topic in list(self._listeners):
                await get_channel_layer().group_discard(group_name(topic), self._channel)
        self._listeners.clear()
        self._channel = self._reading = None

    async def _start(self) -> None:
        if self._channel is None:
            self._channel = await get_channel_layer().new_channel("hub")
            self._reading = asyncio.create_task(self._read(self._channel))

    async def _read(self, channel: str) -> None:
        while True:
            try:
                self.dispatch(await get_channel_layer().receive(channel))
            except asyncio.CancelledError:
                raise
            except Exception:  # the layer may be gone for a while; what it lost is read from the tables
                logger.exception("the channel layer failed; trying again")
                await asyncio.sleep(1)

    def dispatch(self, pushed: dict[str, Any]) -> None:
        """Hand a message to the listeners of its topic, in slices where they are many; messages keep their order."""
        delivery = Delivery(pushed)
        if self._dispatching is None and len(self._listeners.get(delivery.topic, ())) <= SLICE:
            _hand(delivery, tuple(self._listeners.get(delivery.topic, ())))
            return
        self._waiting.append(delivery)
        if self._dispatching is None:
            self._dispatching = asyncio.get_running_loop().create_task(self._dispatch_slices())

    async def _dispatch_slices(self) -> None:
        try:
            while self._waiting:
                delivery = self._waiting.popleft()
                listeners = tuple(self._listeners.get(delivery.topic, ()))
                for start in range(0, len(listeners), SLICE):
                    _hand(delivery, listeners[start : start + SLICE])
                    await asyncio.sleep(0)
        finally:
            self._dispatching = None


def _hand(delivery: Delivery, listeners: tuple[Listener, ...]) -> None:
    for listener in listeners:
        try:
            listener(delivery)
        except Exception:  # one listener's fault must not keep the message from the others
            logger.exception("a listener failed on a message of %s", delivery.topic)


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """The hub of the running loop."""
    loop = asyncio.get_running_loop()
    for other in [other for other in _hubs if other.is_closed()]:
        del _hubs[other]
    return _hubs.setdefault(loop, Hub())


def loops() -> list[asyncio.AbstractEventLoop]:
    """The loops of this process that have a hub, the server's own among them."""
    return [loop for loop in _hubs if not loop.is_closed()]


def deliver(message: dict[str, Any]) -> None:
    """Hand `message` to the hubs of this process that listen to its topic, from any thread, each on its own loop."""
    for loop, found in list(_hubs.items()):
        if found.has_listeners(message["topic"]) and not loop.is_closed():
            # Through the loop's own door: a plain call would not wake it up.
            loop.call_soon_threadsafe(found.dispatch, message)


def is_heard_here(topic: str) -> bool:
    """Whether a socket of this process listens to `topic`; from any thread."""
    return any(found.has_listeners(topic) for found in list(_hubs.values()))


async def close_hub() -> None:
    if found := _hubs.pop(asyncio.get_running_loop(), None):
        await found.close()
