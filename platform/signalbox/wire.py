"""Daphne's connections: what 5,000 sockets hear is built once and written straight to each, within bounds.

The way of the library, by a coroutine, a frame and the reactor's turn for each message, costs ten times as much. A test
pins what is used of it that its documents do not promise: the transport's `socket`; the buffer, the length of another
and the queue which show whether bytes of its own still wait; and that all it writes goes through `sendData`.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from daphne.ws_protocol import WebSocketProtocol

from kernel import clock
from kernel.realtime.frames import Text
from kernel.realtime.outlets import LINGER, ONE_WRITE, Outlet

logger = logging.getLogger(__name__)

# Frames that carry nothing to the application, which has a limit of its own: a burst of so many, then so many a second.
IDLE_BURST, IDLE_A_SECOND = 100.0, 20.0
TOO_MUCH = 4429

# What the system may hold for a connection, by its own count twice that: left alone it takes in megabytes for one that
# reads nothing, and we would hear of it late.
SYSTEM_BYTES = 128 * 1024

# What follows a first message within so long is joined with it: one write for a burst.
BEAT = 0.005


class Beat:
    """The rhythm of one loop's writing. A connection that has been silent writes at once; one that has just written
    waits for the next beat. `timer` is there while one is to come."""

    def __init__(self) -> None:
        self.number = 0
        self.waiting: list[WireOutlet] = []
        self.timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(BEAT, self._end)

    def _end(self) -> None:
        self.timer = None
        self.number += 1
        waiting, self.waiting = self.waiting, []
        for outlet in waiting:
            outlet.flush()
        if waiting:
            self.start()


beat = Beat()


@lru_cache(maxsize=4)
def _joined(*texts: Text) -> bytes:
    """Their frames as one write: what one connection has waiting, thousands often have."""
    return b"".join([text.frame for text in texts])


class WireOutlet(Outlet):
    """The way out of one of Daphne's connections; it is the transport's pull producer while bytes wait there.

    `may_wait` says that the library has written something, of which some may not be on the wire yet.
    """

    __slots__ = ("_beat", "_is_producer", "_protocol", "_send_now", "may_wait")

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self._protocol = protocol
        self._send_now: Callable[[bytes], int] = protocol.transport.socket.send
        self._beat = -1
        self._is_producer = False
        self.may_wait = True

    def write(self, text: Text, newest_only: str | None = None) -> None:
        if self._bytes or self._beat == beat.number or not self._is_clear():
            super().write(text, newest_only)
        elif self.close_code is None:
            self._beat = beat.number
            beat.start()
            self._send(text.frame)

    @staticmethod
    def write_to_all(outlets: Iterable[Any], text: Text) -> None:
        """The same as `write` for each, in one loop: whatever it looks at is what a delivery costs."""
        frame, now = text.frame, beat.number
        size = len(frame)
        beat.start()
        for outlet in outlets:
            try:
                if outlet._bytes or outlet._beat == now or outlet.may_wait or outlet.close_code is not None:
                    outlet.write(text)
                    continue
                outlet._beat = now
                send = outlet._send_now
                sent = send(frame)
                if sent != size:
                    outlet._leave(frame[sent:])
            except OSError:  # the wire is full or gone, and has taken nothing
                outlet._send(frame)
            except Exception:  # one connection's fault must not keep the text from the others
                logger.exception("a text could not be written to a connection")

    def flush(self) -> None:
        """Write what waits, joined, until the wire is full; the transport then asks for the rest."""
        self._beat = beat.number
        while self._queue and self._is_clear():
            self._send(_joined(*self._take(ONE_WRITE)))
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
        if self.may_wait:
            transport = self._protocol.transport
            self.may_wait = bool(transport.dataBuffer or transport._tempDataLen or self._protocol.send_queue)
        return not self.may_wait

    def _send(self, frames: bytes) -> None:
        try:
            sent = self._send_now(frames)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:  # the connection is gone, which the reactor is about to notice
            return
        if sent < len(frames):
            self._leave(frames[sent:])

    def _leave(self, rest: bytes) -> None:
        """Let the transport write what the wire had no room for."""
        self.may_wait = True
        self._protocol.transport.write(rest)

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


class Connection(WebSocketProtocol):
    """Daphne's, which answers pings without end and hangs up before a goodbye of its own is on the wire."""

    transport: Any
    outlet: WireOutlet | None = None
    _idle_frames, _counted_at = 0.0, 0.0

    def connectionMade(self) -> None:  # noqa: N802  Twisted's name
        super().connectionMade()
        self.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BYTES)

    def sendData(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802  the library's only way to the transport
        if self.outlet:
            self.outlet.may_wait = True
        super().sendData(*args, **kwargs)

    def sendCloseFrame(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        super().sendCloseFrame(*args, **kwargs)
        if self.outlet:
            # After a goodbye, whoever said it first, nothing may be said.
            self.outlet.drop()

    def _onPing(self, payload: bytes) -> None:  # noqa: N802  autobahn's names
        if self._may_idle():
            super()._onPing(payload)

    def _onPong(self, payload: bytes) -> None:  # noqa: N802
        if self._may_idle():
            super()._onPong(payload)

    def _onMessageFrameBegin(self, length: int) -> None:  # noqa: N802
        if length or self._may_idle():
            super()._onMessageFrameBegin(length)

    def _may_idle(self) -> bool:
        now = clock.monotonic()
        self._idle_frames = max(0.0, self._idle_frames - (now - self._counted_at) * IDLE_A_SECOND) + 1
        self._counted_at = now
        if self._idle_frames > IDLE_BURST:
            self.sendClose(code=TOO_MUCH)
        return self._idle_frames <= IDLE_BURST

    def _closeConnection(self, abort: bool = False) -> None:  # noqa: N802
        super()._closeConnection(False)
        if abort:
            # Whoever does not read what was said last is cut off.
            asyncio.get_running_loop().call_later(1, self.transport.abortConnection)
