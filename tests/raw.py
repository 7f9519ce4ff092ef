"""Requests byte by byte, as no client library would send them."""

import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server import LiveServer

HOST = b"Host: 127.0.0.1\r\n"
HEALTH = b"/api/v1/health"


@dataclass(frozen=True)
class Answer:
    """One answer; `headers` by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def fault(self, status: int) -> str:
        """What is wrong with it as a problem of `status`; empty where nothing is."""
        if self.status != status:
            return f"{self.status} instead of {status}: {self.body[:200]!r}"
        if self.headers.get("content-type") != "application/problem+json":
            return f"Content-Type {self.headers.get('content-type')}"
        body: dict[str, Any] = json.loads(self.body)
        if missing := {"type", "title", "status", "detail", "code", "request_id"} - set(body):
            return f"without {sorted(missing)}"
        if (body["status"], body["request_id"]) != (status, self.headers.get("x-request-id")):
            return f"contradicts itself: {body} {self.headers}"
        protected = {"content-security-policy", "x-content-type-options", "referrer-policy"}
        return f"without {sorted(missing)}" if (missing := protected - set(self.headers)) else ""


class Line:
    """A connection to `server`, and what has come over it."""

    def __init__(self, server: LiveServer, timeout: float = 10) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=timeout)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *args: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> "Line":
        self.socket.sendall(data)
        return self

    def answer(self) -> Answer:
        """The next answer, which has to say its length."""
        status = self._file.readline()
        assert status.startswith(b"HTTP/1.1 "), status
        headers = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return Answer(int(status.split()[1]), headers, self._file.read(int(headers["content-length"])))

    def read(self, count: int) -> bytes:
        """So many bytes, or fewer before the end."""
        return self._file.read(count)

    def ended(self) -> bool:
        """Whether nothing more comes but the end; waits for it as long as the socket does."""
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True

    def seconds_to_its_end(self) -> float:
        began = time.monotonic()
        assert self.ended()
        return time.monotonic() - began


def request(head: bytes = b"", body: bytes = b"", line: bytes = b"POST /api/v1/auth/login HTTP/1.1") -> bytes:
    return line + b"\r\n" + HOST + head + b"\r\n" + body


def open_files(server: LiveServer) -> list[int]:
    """The size in bytes of every file that the server has open, as `/proc` tells; 0 for a connection."""
    assert server.process
    sizes = []
    for entry in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            sizes.append(entry.stat().st_size)
        except OSError:
            continue  # closed meanwhile
    return sizes


def peak(server: LiveServer) -> float:
    """The most memory that the server has ever had, in MiB."""
    assert server.process
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
