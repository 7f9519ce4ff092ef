"""Many sockets in one cheap process: plain WebSocket frames with the time of their arrival, taken apart later."""

import base64
import os
import select
import socket
import struct
import time
from dataclasses import dataclass, field

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
READ = 65_536  # more would be mapped anew by the allocator for each read


def handshake(port: int, path: str, **headers: str) -> bytes:
    """What a client says first; `headers` by name, `_` standing for `-`."""
    key = base64.b64encode(os.urandom(16)).decode()
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    ).encode()


def shake_hands(port: int, path: str, **headers: str) -> tuple[socket.socket, bytes]:
    """A WebSocket to the server on `port`, with what it said at once."""
    one = socket.create_connection(("127.0.0.1", port), timeout=30)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.sendall(handshake(port, path, **headers))
    answer = b""
    while b"\r\n\r\n" not in answer:
        if not (part := one.recv(READ)):
            raise ConnectionError("the server hung up during the handshake")
        answer += part
    status, _, rest = answer.partition(b"\r\n\r\n")
    if b" 101 " not in status.splitlines()[0]:
        raise ConnectionError(status.splitlines()[0].decode())
    return one, rest


@dataclass(slots=True)
class Arrival:
    """One text frame: when it was read (epoch seconds), on which socket, and what it says."""

    at: float
    number: int
    text: bytes


@dataclass
class Listeners:
    """Sockets to one server, numbered from 0 in the order of `open`, that a single thread reads as they fill."""

    port: int
    arrivals: list[Arrival] = field(default_factory=list)
    closed: int = 0
    _sockets: dict[int, socket.socket] = field(default_factory=dict)
    _numbers: dict[int, int] = field(default_factory=dict)
    _rests: dict[int, bytes] = field(default_factory=dict)
    _poll: select.epoll = field(default_factory=select.epoll)

    def open(self, path: str) -> int:
        """Connect and shake hands; the socket's number."""
        one, rest = shake_hands(self.port, path)
        one.setblocking(False)
        number = len(self._sockets)
        self._sockets[one.fileno()], self._numbers[one.fileno()], self._rests[one.fileno()] = one, number, rest
        self._poll.register(one.fileno(), select.EPOLLIN)
        return number

    def say(self, number: int, text: str) -> None:
        """Send a text frame on the socket `number`."""
        descriptor = next(found for found, its in self._numbers.items() if its == number)
        self._write(self._sockets[descriptor], TEXT, text.encode())

    def listen(self, seconds: float) -> None:
        """Read whatever arrives for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in self._poll.poll(left):
                self._read(descriptor)

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()
        self._poll.close()

    def _read(self, descriptor: int) -> None:
        one = self._sockets[descriptor]
        try:
            part = one.recv(READ)
        except BlockingIOError:
            return
        except ConnectionError:
            part = b""
        at = time.time()
        if not part:
            self._poll.unregister(descriptor)
            self.closed += 1
            return
        self._rests[descriptor] = self._frames(one, self._numbers[descriptor], at, self._rests[descriptor] + part)

    def _frames(self, one: socket.socket, number: int, at: float, data: bytes) -> bytes:
        """Take whole frames from `data`; what is left of it. A server's frames carry no mask."""
        while len(data) >= 2:
            length, start = data[1], 2
            if length >= 126:
                start = 4 if length == 126 else 10
                if len(data) < start:
                    break
                (length,) = struct.unpack(">H" if start == 4 else ">Q", data[2:start])
            if len(data) < start + length:
                break
            payload, kind = data[start : start + length], data[0] & 0x0F
            data = data[start + length :]
            if kind == TEXT:
                self.arrivals.append(Arrival(at, number, payload))
            elif kind == PING:
                self._write(one, PONG, payload)
        return data

    def _write(self, one: socket.socket, kind: int, payload: bytes) -> None:
        # Clients must mask; a mask of zeros leaves the payload as it is. Small frames alone are sent.
        length = len(payload)
        head = bytes([0x80 | kind, 0x80 | length]) if length < 126 else struct.pack(">BBH", 0x80 | kind, 0xFE, length)
        one.sendall(head + bytes(4) + payload)
