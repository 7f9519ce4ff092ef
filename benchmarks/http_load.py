"""A load client for HTTP that costs less than the servers: some kept connections, one request after another on each."""

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

READ = 1_048_576


class Serving(Protocol):
    """A server that can be pressed; `usage.cpu()` is its processor time so far."""

    name: str
    port: int
    usage: Any


@dataclass
class Load:
    """`seconds` has how long each answer took; `refused` counts those that were no success.

    `server` and `client` are processor time: of the server's processes in seconds, of our own in parts of a core.
    """

    lasted: float = 0.0
    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    client: float = 0.0
    server: float = 0.0

    @property
    def cost(self) -> float:
        """Milliseconds of the server's processor time for one answer."""
        return 1_000 * self.server / len(self.seconds)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.lasted


def request(method: str, path: str, port: int, token: str = "", body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept: application/json"]
    if token:
        head.append(f"Authorization: Bearer {token}")
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def press(port: int, asked_by: bytes | Sequence[bytes], *, connections: int = 16, seconds: float = 3.0) -> Load:
    """Ask for `seconds` on so many connections at once, each as soon as it has its answer.

    Of several questions each connection has one of its own, and begins anew where they run out.
    """
    questions = [asked_by] if isinstance(asked_by, bytes) else asked_by
    poll, load, room = select.epoll(), Load(), memoryview(bytearray(READ))
    lines: dict[int, Line] = {}
    for place in range(connections):
        line = Line(port, questions[place % len(questions)])
        lines[line.number] = line
        poll.register(line.number, select.EPOLLIN)
        line.ask()
    began, own = time.monotonic(), time.process_time()
    while time.monotonic() < began + seconds:
        for number, _ in poll.poll(0.1):
            line = lines[number]
            if line.hear(room):
                load.seconds.append(time.monotonic() - line.asked)
                load.refused += not line.heard.startswith(b"HTTP/1.1 2")
                line.ask()
    load.lasted = time.monotonic() - began
    load.client = (time.process_time() - own) / load.lasted
    for line in lines.values():
        line.close()
    return load


class Line:
    """A connection with a question of its own, and how far its present answer has come.

    What follows the head of an answer is counted and not kept, unless its length is not said.
    """

    def __init__(self, port: int, question: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._question = question
        self.number = self._socket.fileno()

    def ask(self) -> None:
        self._socket.sendall(self._question)
        self.asked, self.heard, self._left = time.monotonic(), b"", 0

    def hear(self, room: memoryview) -> bool:
        """Take what has come, by way of `room`; whether the answer is here to its end."""
        count = self._socket.recv_into(room)
        if self._left:
            self._left -= count
            return self._left <= 0
        self.heard += room[:count]
        head, found, body = self.heard.partition(b"\r\n\r\n")
        lower = head.lower()
        at = lower.find(b"content-length:")
        if not found or at < 0:
            return bool(found) and body.endswith(b"0\r\n\r\n")
        self._left = int(lower[at + 15 :].split(b"\r\n", 1)[0]) - len(body)
        return self._left <= 0

    def close(self) -> None:
        self._socket.close()


def in_turn(
    rounds: int,
    ours: Serving,
    theirs: Serving,
    own: bytes | Sequence[bytes],
    other: bytes | Sequence[bytes],
    **options: float,
) -> tuple[list[Load], list[Load]]:
    """Press one server and the other, again and again; the first round warms both up and is not counted."""
    found: tuple[list[Load], list[Load]] = ([], [])
    for number in range(rounds + 1):
        for server, asked, loads in ((ours, own, found[0]), (theirs, other, found[1])):
            before = server.usage.cpu()
            load = press(server.port, asked, **options)  # type: ignore[arg-type]
            load.server = server.usage.cpu() - before
            if load.refused:
                raise SystemExit(f"{server.name}: {load.refused} of {len(load.seconds)} answers were refusals")
            if number:
                loads.append(load)
    return found
