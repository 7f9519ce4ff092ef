"""WebSocket frames byte by byte, as no client library would send them."""

import contextlib
import json
from types import TracebackType
from typing import Any

from tests.raw import HOST, Line
from tests.server import LiveServer

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_HANDSHAKE = (
    b"GET %b HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
)  # fmt: skip


def frame(
    kind: int,
    payload: bytes = b"",
    *,
    ends: bool = True,
    is_masked: bool = True,
    reserved: int = 0,
    announced: int | None = None,
) -> bytes:
    """One frame of a client; `announced` is a length other than the payload's own."""
    length, mask_bit = len(payload) if announced is None else announced, 0x80 if is_masked else 0
    head = bytes([(0x80 if ends else 0) | reserved << 4 | kind])
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 2**16:
        head += bytes([mask_bit | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([mask_bit | 127]) + length.to_bytes(8, "big")
    # A mask of zeros is a mask, and leaves the payload as it is.
    return head + (bytes(4) if is_masked else b"") + payload


class Wire:
    """An open WebSocket to `server`, and what has come over it; `head` is the answer to its handshake."""

    def __init__(self, server: LiveServer, token: str = "", path: str = "/api/v1/ws", more: bytes = b"") -> None:
        self.line = Line(server)
        credential = f"Authorization: Bearer {token}\r\n".encode() if token else b""
        self.line.send(_HANDSHAKE % (path.encode(), credential + more))
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self._read(1)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.line.__exit__()

    def send(self, data: bytes) -> "Wire":
        """Send; a peer that has heard enough is no fault of the sender."""
        with contextlib.suppress(ConnectionError):
            self.line.send(data)
        return self

    def say(self, kind: str, payload: Any = None, number: int = 1) -> "Wire":
        return self.send(frame(TEXT, json.dumps({"type": kind, "id": number, "payload": payload or {}}).encode()))

    def receive(self) -> tuple[int, bytes]:
        """The next frame: its kind and payload."""
        first, second = self._read(2)
        length = second & 0x7F
        if length > 125:
            length = int.from_bytes(self._read(2 if length == 126 else 8), "big")
        return first & 0x0F, self._read(length)

    def answer(self, number: int = 1) -> dict[str, Any]:
        """The answer to the message of that number; what is pushed meanwhile is passed over."""
        while True:
            kind, payload = self.receive()
            assert kind != CLOSE, payload
            if kind == TEXT and (message := json.loads(payload)).get("id") == number:
                return dict(message)

    def close_code(self) -> int | None:
        """The code that the server closes with; none where it only hangs up."""
        try:
            while True:
                kind, payload = self.receive()
                if kind == CLOSE:
                    return int.from_bytes(payload[:2], "big")
        except (ConnectionError, EOFError):
            return None

    def _read(self, count: int) -> bytes:
        data = self.line.read(count)
        if len(data) < count:
            raise EOFError
        return data
