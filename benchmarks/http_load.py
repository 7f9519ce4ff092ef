"""A load client for HTTP that costs less than the servers: some kept connections, one request after another on each."""

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

READ = 262_144


@dataclass
class Load:
    """`seconds` has how long each answer took; `refused` counts those that were no success."""

    lasted: float = 0.0
    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    client: float = 0.0

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


def press(port: int, make: Callable[[], bytes], *, connections: int = 16, seconds: float = 3.0) -> Load:
    """Ask for `seconds` on so many connections at once, each as soon as it has its answer."""
    poll, load = select.epoll(), Load()
    lines: dict[int, tuple[socket.socket, float, bytes]] = {}
    for _ in range(connections):
        line = socket.create_connection(("127.0.0.1", port), timeout=30)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(make())
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
            line.sendall(make())
            lines[number] = (line, time.monotonic(), b"")
    load.lasted = time.monotonic() - began
    load.client = (time.process_time() - own) / load.lasted
    for line, _, _ in lines.values():
        line.close()
    return load


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
