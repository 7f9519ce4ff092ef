"""Frames written straight to Daphne's connections: what 5,000 sockets hear is built once and sent 5,000 times.

The way of the library, by a coroutine, a frame and the reactor's turn for each message, costs ten times as much. Three
things are used that its documents do not promise, and a test pins them: the transport's `socket`, and the two buffers
that show whether bytes of its own still wait there.
"""

import asyncio
from typing import Any

from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

from kernel.realtime.frames import Text
from kernel.realtime.outlets import LINGER, ONE_WRITE, Outlet

# What follows a first message within so long is joined with it: one write for a burst.
BEAT = 0.005


class Beat:
    """The rhythm of one loop's writing. A connection that has been silent writes at once; one that has just written
    waits for the next beat."""

    def __init__(self) -> None:
        self.number = 0
        self.waiting: list[WireOutlet] = []
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BEAT, self._end)

    def _end(self) -> None:
        self._timer = None
        self.number += 1
        waiting, self.waiting = self.waiting, []
        for outlet in waiting:
            outlet.flush()
        if waiting:
            self.start()


beat = Beat()


@implementer(IPullProducer)
class WireOutlet(Outlet):
    """The way out of one of Daphne's connections; it is the transport's producer while bytes wait there."""

    __slots__ = ("_beat", "_is_producer", "_protocol")

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self._protocol = protocol
        self._beat = -1
        self._is_producer = False

    def write(self, text: Text, newest_only: str | None = None) -> None:
        if self.close_code is not None:
            return
        if not self._queue and self._beat != beat.number and self._is_clear():
            self._beat = beat.number
            beat.start()
            self._send(text.frame)
        else:
            self._put(text, newest_only)

    def flush(self) -> None:
        """Write what waits, joined, until the wire is full; the transport then asks for the rest."""
        self._beat = beat.number
        while self._queue and self._is_clear():
            self._send(b"".join([text.frame for text in self._take(ONE_WRITE)]))
        if self._queue:
            self._become_producer()
        if self.close_code is not None:
            self._say_goodbye()

    def resumeProducing(self) -> None:  # noqa: N802  Twisted's name
        """The transport has written all it had."""
        self.flush()
        if not self._queue and self._is_producer:
            self._is_producer = False
            self._protocol.transport.unregisterProducer()

    def stopProducing(self) -> None:  # noqa: N802
        self.drop()

    def _ready(self) -> None:
        if self.close_code is not None:
            self.flush()
            asyncio.get_running_loop().call_later(LINGER, self._say_goodbye, True)
        else:
            beat.waiting.append(self)
            beat.start()

    def _is_clear(self) -> bool:
        transport = self._protocol.transport
        return not transport.dataBuffer and not transport._tempDataBuffer

    def _send(self, frames: bytes) -> None:
        if self._protocol.state != WebSocketProtocol.STATE_OPEN:
            return
        try:
            sent = self._protocol.transport.socket.send(frames)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:  # the connection is gone, which the reactor is about to notice
            return
        if sent < len(frames):
            self._protocol.transport.write(frames[sent:])

    def _become_producer(self) -> None:
        if self._is_producer:
            return
        self._is_producer = True
        # Left by the HTTP connection that this one began as.
        self._protocol.transport.unregisterProducer()
        self._protocol.transport.registerProducer(self, False)

    def _say_goodbye(self, at_once: bool = False) -> None:
        if self.close_code is not None and (at_once or not self._queue):
            self._forget()
            self._protocol.sendClose(code=self.close_code)
