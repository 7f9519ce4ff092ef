"""A load client for HTTP that costs less than the servers: some kept connections, one request after another on each."""

import select
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

READ = 262_144


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


def press(port: int, question: bytes, *, connections: int = 16, seconds: float = 3.0) -> Load:
    """Ask for `seconds` on so many connections at once, each as soon as it has its answer."""
    poll, load = select.epoll(), Load()
    lines: dict[int, tuple[socket.socket, float, bytes]] = {}
    for _ in range(connections):
        line = socket.create_connection(("127.0.0.1", port), timeout=30)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(question)
        lines[line.fileno()] = (line, time.monotonic(), b"")
        poll.register(line.fileno(), select.EPOLLIN)
    began, own = time.monotonic(), time.process_time()
    while time.monotonic() < began + seconds:
        for number, _ in poll.poll(0.1):
            line, asked, data = lines[number]
            data += line.recv(READ)
            if not _is_whole(data):
                lines[number] = (line, asked, data)
                continue
            load.seconds.append(time.monotonic() - asked)
            load.refused += not data.startswith(b"HTTP/1.1 2")
            line.sendall(question)
            lines[number] = (line, time.monotonic(), b"")
    load.lasted = time.monotonic() - began
    load.client = (time.process_time() - own) / load.lasted
    for line, _, _ in lines.values():
        line.close()
    return load


def in_turn(
    rounds: int, ours: Serving, theirs: Serving, own: bytes, other: bytes, **options: float
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


def _is_whole(data: bytes) -> bool:
    """Whether an answer with a stated length is here to its end."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at < 0:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(lower[at + 15 :].split(b"\r\n", 1)[0])
