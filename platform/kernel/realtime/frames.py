"""What is sent: encoded, put into a dialect and framed once, for however many it goes to."""

import struct
from typing import Any, Protocol

import msgspec

TEXT_FRAME = 0x81  # the only fragment of a text message
SHORT, MEDIUM = 125, 0xFFFF


class Dialect(Protocol):
    """How a socket path says a canonical message; none for what it leaves out."""

    def push(self, text: str) -> str | None: ...


def framed(payload: bytes) -> bytes:
    """`payload` as one unmasked WebSocket text frame (RFC 6455, 5.2)."""
    length = len(payload)
    if length <= SHORT:
        head = struct.pack("!BB", TEXT_FRAME, length)
    elif length <= MEDIUM:
        head = struct.pack("!BBH", TEXT_FRAME, 126, length)
    else:
        head = struct.pack("!BBQ", TEXT_FRAME, 127, length)
    return head + payload


class Text:
    """A text as a client reads it, and its frame."""

    __slots__ = ("frame", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.frame = framed(text.encode())


class Message:
    """A canonical message on its way: decoded once for all filters, and said once in each dialect."""

    __slots__ = ("_payload", "_said", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._payload: Any = None
        self._said: dict[type, Text | None] = {}

    @property
    def payload(self) -> Any:
        """What filters look at."""
        if self._payload is None:
            self._payload = msgspec.json.decode(self.text)["payload"]
        return self._payload

    def in_dialect(self, dialect: Dialect) -> Text | None:
        kind = type(dialect)
        if kind not in self._said:
            shown = dialect.push(self.text)
            self._said[kind] = None if shown is None else Text(shown)
        return self._said[kind]
