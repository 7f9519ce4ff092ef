"""Pushing from a process that has no sockets, and so no loop: REST, a worker, a command."""

import logging
import threading
from collections import deque
from functools import lru_cache
from typing import Any

from channels.layers import get_channel_layer

from kernel.realtime.hearers import channel_of, redis_client
from kernel.realtime.hub import group_name

logger = logging.getLogger(__name__)

MOST_WAITING = 10_000
MOST_TOGETHER = 100


class Publisher:
    """A thread that hands messages to the layer's Redis in their order: all that have gathered in one journey."""

    def __init__(self) -> None:
        # While the layer is away the oldest are let go: what they told of is in the tables.
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)
        self._has_work = threading.Event()
        threading.Thread(target=self._run, name="publisher", daemon=True).start()

    def add(self, message: dict[str, Any]) -> None:
        self._waiting.append(message)
        self._has_work.set()

    def _run(self) -> None:
        while self._has_work.wait():
            self._has_work.clear()
            while self._waiting:
                count = min(len(self._waiting), MOST_TOGETHER)
                self._send([self._waiting.popleft() for _ in range(count)])

    def _send(self, messages: list[dict[str, Any]]) -> None:
        layer = get_channel_layer()
        try:
            with redis_client().pipeline(transaction=False) as journey:
                for message in messages:
                    journey.publish(channel_of(group_name(message["topic"])), layer.serialize(message))
                journey.execute()
        except Exception as error:  # noqa: BLE001  what is lost here is read from the tables
            logger.warning("%d pushes were lost on the way to the channel layer: %r", len(messages), error)


@lru_cache(maxsize=1)
def publisher() -> Publisher:
    """The one of this process."""
    return Publisher()
