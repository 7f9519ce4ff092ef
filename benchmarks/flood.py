"""A load client that costs less than any server: most of its sockets count bytes, some read every message."""

import select
import socket
import struct
import time
from dataclasses import dataclass, field

from benchmarks.listeners import READ, TEXT, handshake, shake_hands

SENT = b'"sent_ns":'
# How a ping of our server begins; no text has such a byte.
PING, PING_LENGTH = b"\x89\x0c", 12


def _pong(payload: bytes) -> bytes:
    """The answer to a ping. A client must mask what it sends; a mask of zeros changes nothing."""
    return bytes([0x8A, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def storm(port: int, path: str, sockets: int) -> float:
    """Connect so many at once and hang up again; the seconds until the last was let in."""
    poll, waiting = select.epoll(), dict[int, socket.socket]()
    began = time.monotonic()
    for _ in range(sockets):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
        waiting[one.fileno()] = one
        poll.register(one.fileno(), select.EPOLLOUT)
    done = []
    while waiting:
        for number, event in poll.poll(60):
            if event & select.EPOLLOUT:
                waiting[number].send(handshake(port, path))
                poll.modify(number, select.EPOLLIN)
            elif b" 101 " not in waiting[number].recv(READ)[:20]:
                raise ConnectionError("a socket of the storm was refused")
            else:
                poll.unregister(number)
                done.append(waiting.pop(number))
    lasted = time.monotonic() - began
    for one in done:
        one.close()
    return lasted


@dataclass(slots=True)
class _Ear:
    """One socket: how many bytes came, and of one that is listened to, what came and when."""

    socket: socket.socket
    is_sampled: bool
    received: int = 0
    frames: int = 0
    rest: bytes = b""


@dataclass
class Flood:
    """Sockets to one server, read by a single thread as they fill.

    `delays` has, for each message on a sampled socket, the seconds from the `sent_ns` it carries to its arrival.
    """

    sample_every: int = 20
    delays: list[float] = field(default_factory=list)
    closed: int = 0
    _ears: dict[int, _Ear] = field(default_factory=dict)
    _poll: select.epoll = field(default_factory=select.epoll)
    _buffer: bytearray = field(default_factory=lambda: bytearray(READ))

    def open(self, port: int, path: str, **headers: str) -> socket.socket:
        """Connect and shake hands."""
        one, rest = shake_hands(port, path, **headers)
        one.setblocking(False)
        ear = _Ear(one, is_sampled=len(self._ears) % self.sample_every == 0, rest=rest, received=len(rest))
        self._ears[one.fileno()] = ear
        self._poll.register(one.fileno(), select.EPOLLIN)
        return one

    def listen_until(self, within: float, *, bytes_each: int = 0, frames_each: int = 0) -> bool:
        """Read until every socket has had so much since `forget`, or `within` seconds are over; whether it has.

        Frames are counted on sampled sockets alone.
        """
        waiting = set(self._ears)
        until = time.monotonic() + within
        while waiting and (left := until - time.monotonic()) > 0:
            for number, _ in self._poll.poll(left):
                self._read(number)
                ear = self._ears[number]
                if ear.received >= bytes_each and ear.frames >= frames_each:
                    waiting.discard(number)
        return not waiting

    def listen(self, seconds: float) -> None:
        """Read whatever arrives for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for number, _ in self._poll.poll(left):
                self._read(number)

    def drain(self) -> None:
        """Read until nothing arrives for a tenth of a second."""
        while ready := self._poll.poll(0.1):
            for number, _ in ready:
                self._read(number)

    @property
    def sockets(self) -> int:
        return len(self._ears)

    def sizes(self) -> set[int]:
        """How many bytes the sockets have had since `forget`: one number where they are all alike."""
        return {ear.received for ear in self._ears.values()}

    def forget(self) -> None:
        """Count anew."""
        self.delays.clear()
        for ear in self._ears.values():
            ear.received, ear.frames, ear.rest = 0, 0, b""

    def close(self) -> None:
        for ear in self._ears.values():
            ear.socket.close()
        self._poll.close()

    def _read(self, number: int) -> None:
        ear = self._ears[number]
        try:
            count = ear.socket.recv_into(self._buffer)
        except BlockingIOError:
            return
        except ConnectionError:
            count = 0
        if count == 0:
            self._poll.unregister(number)
            self.closed += 1
            return
        if ear.is_sampled:
            self._take(ear, bytes(self._buffer[:count]), time.time_ns())
        elif (at := self._buffer.find(PING, 0, count)) >= 0:
            ear.socket.send(_pong(bytes(self._buffer[at + 2 : at + 2 + PING_LENGTH])))
            count -= 2 + PING_LENGTH
        ear.received += count

    def _take(self, ear: _Ear, data: bytes, now: int) -> None:
        data = ear.rest + data
        while len(data) >= 2:
            length, start = data[1] & 0x7F, 2
            if length >= 126:
                start = 4 if length == 126 else 10
                if len(data) < start:
                    break
                (length,) = struct.unpack(">H" if start == 4 else ">Q", data[2:start])
            if len(data) < start + length:
                break
            kind, payload = data[0] & 0x0F, data[start : start + length]
            data = data[start + length :]
            if kind != TEXT:
                ear.received -= start + length
                if kind == PING[0] & 0x0F:
                    ear.socket.send(_pong(payload))
                continue
            ear.frames += 1
            if (found := payload.find(SENT)) >= 0:
                stated = payload[found + len(SENT) : found + len(SENT) + 24]
                digits = stated.split(b",")[0].split(b"}")[0]
                self.delays.append((now - int(digits)) / 1e9)
        ear.rest = data
