"""Frames that no browser sends: refused with the code for it, held nowhere, and nobody else waits meanwhile."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, frame
from tests.raw import peak
from tests.server import Caller, LiveServer

pytestmark = pytest.mark.live

KIB = 1024
MIB = 2**20
HELLO = b'{"type": "ping"}'
BAD_UTF8 = b"\xff\xfe"


@pytest.fixture(scope="session")  # as long as the server that knows the name
def caller(live: LiveServer) -> Caller:
    return live.register("frames")


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


NO_CODES = (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535)
BAD_GOODBYE: set[int | None] = {1002, 1007}
BROKEN: dict[str, tuple[bytes, set[int | None]]] = {
    "an unmasked frame": (frame(TEXT, HELLO, is_masked=False), {1002}),
    "the first reserved bit": (frame(TEXT, HELLO, reserved=4), {1002}),
    "the second reserved bit": (frame(TEXT, HELLO, reserved=2), {1002}),
    "the third reserved bit": (frame(TEXT, HELLO, reserved=1), {1002}),
    "a reserved kind of data": (frame(3, HELLO), {1002}),
    "a reserved kind of control": (frame(11), {1002}),
    "bad UTF-8": (frame(TEXT, BAD_UTF8), {1007}),
    "half a character": (frame(TEXT, "ä".encode()[:1]), {1007}),
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), {1007}),
    "bad UTF-8 in the second fragment": (
        frame(TEXT, b"{", ends=False) + frame(CONTINUATION, BAD_UTF8), {1007},
    ),
    "a continuation of nothing": (frame(CONTINUATION, HELLO), {1002}),
    "a message within a message": (frame(TEXT, b"{", ends=False) + frame(TEXT, b"}"), {1002}),
    "a ping in fragments": (frame(PING, b"x", ends=False), {1002}),
    "a ping of 126 bytes": (frame(PING, b"x" * 126), {1002}),
    "a goodbye of one byte": (frame(CLOSE, b"\x03"), BAD_GOODBYE),
    "a goodbye in bad UTF-8": (close(1000, BAD_UTF8), BAD_GOODBYE),
    **{f"the close code {code}": (close(code), BAD_GOODBYE) for code in NO_CODES},
    "64 KiB and one byte": (frame(TEXT, b"x" * (64 * KIB + 1)), {1009}),
    "1 GB that is announced": (frame(TEXT, b"x", announced=10**9), {1009}),
    "2**63 bytes that are announced": (frame(TEXT, b"x", announced=2**63), {1002, 1009}),
    "64 KiB and one byte in two fragments": (
        frame(TEXT, b"x" * 40 * KIB, ends=False) + frame(CONTINUATION, b"x" * (24 * KIB + 1)), {1009},
    ),
    "binary": (frame(BINARY, HELLO), {4400}),
    "binary that is empty": (frame(BINARY), {4400}),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_frame_that_is_wrong_ends_the_connection_with_its_code(live: LiveServer, caller: Caller, what: str) -> None:
    data, codes = BROKEN[what]
    with Wire(live, caller.token) as wire:
        assert wire.send(data).close_code() in codes


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_a_goodbye_is_answered_in_kind(live: LiveServer, caller: Caller, code: int) -> None:
    with Wire(live, caller.token) as wire:
        assert wire.send(close(code)).close_code() in {code, 1000}
        assert wire.line.ended()


def test_a_message_of_64_kib_is_read_and_answered(live: LiveServer, caller: Caller) -> None:
    begin = b'{"type": "ping", "id": 1, "payload": {"x": "'
    text = begin + b"x" * (64 * KIB - len(begin) - 3) + b'"}}'
    assert len(text) == 64 * KIB
    with Wire(live, caller.token) as wire:
        wire.send(frame(TEXT, text))
        assert wire.answer()["id"] == 1
        wire.send(
            b"".join(frame(CONTINUATION if number else TEXT, text[number::1][:1], ends=False) for number in range(9))
        )
        wire.send(frame(PING, b"between") + frame(CONTINUATION, text[9:]))
        assert wire.answer()["id"] == 1


def test_no_compression_is_agreed_on(live: LiveServer, caller: Caller) -> None:
    offers = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame\r\n"
    with Wire(live, caller.token, more=offers) as wire:
        assert wire.head.startswith(b"HTTP/1.1 101 ")
        assert b"extensions" not in wire.head.lower()


# Whoever goes on sending after the goodbye may lose it: the system throws it away with the connection.
FLOODS: dict[str, tuple[Callable[[], bytes], int, set[int | None]]] = {
    "20 MB in fragments": (lambda: frame(CONTINUATION, bytes(KIB), ends=False), 20 * KIB, {1009}),
    "200,000 fragments of one byte": (lambda: frame(CONTINUATION, b"x", ends=False), 200_000, {1009}),
    "20,000 messages": (lambda: frame(TEXT, HELLO), 20_000, {4429, None}),
    "20,000 messages that are none": (lambda: frame(TEXT, b"{"), 20_000, {4400, 4429, None}),
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_ends_with_its_code_and_is_held_nowhere(live: LiveServer, caller: Caller, what: str) -> None:
    make, count, codes = FLOODS[what]
    piece, before = make(), peak(live)
    with Wire(live, caller.token) as wire, Neighbour(live, caller.token) as neighbour:
        if what.endswith(("fragments", "one byte")):
            wire.send(frame(TEXT, b"x", ends=False))
        heard: list[int | None] = []
        listening = threading.Thread(target=lambda: heard.append(wire.close_code()))
        listening.start()
        for _ in range(count // 500):
            wire.send(piece * 500)
        listening.join(timeout=20)
        assert set(heard) <= codes
        assert heard
        assert neighbour.waits() < 1
    assert peak(live) - before < 25


@pytest.mark.parametrize("piece", [frame(PING, b"x" * 100), frame(PONG), frame(CONTINUATION)])
def test_a_flood_of_frames_that_say_nothing_keeps_nobody_waiting(
    live: LiveServer, caller: Caller, piece: bytes
) -> None:
    before = peak(live)
    with Wire(live, caller.token) as wire, Neighbour(live, caller.token) as neighbour:
        if piece == frame(CONTINUATION):
            piece = frame(CONTINUATION, ends=False)
            wire.send(frame(TEXT, b"{", ends=False))
        heard: list[int | None] = []
        listening = threading.Thread(target=lambda: heard.append(wire.close_code()))
        listening.start()
        for _ in range(40):
            wire.send(piece * 500)
        assert neighbour.waits() < 1
        listening.join(timeout=20)
        assert set(heard) <= {4429, None}
        assert heard
    assert peak(live) - before < 25


class Neighbour:
    """Somebody else on a socket, who asks on and on how long an answer takes."""

    def __init__(self, server: LiveServer, token: str) -> None:
        self._wire = Wire(server, token)
        self._took: list[float] = []
        self._over = threading.Event()
        self._asking = threading.Thread(target=self._ask)

    def __enter__(self) -> "Neighbour":
        self._asking.start()
        return self

    def __exit__(self, *args: Any) -> None:
        self._over.set()
        self._asking.join(timeout=20)
        self._wire.__exit__(None, None, None)

    def waits(self) -> float:
        """The seconds that 95 of a hundred answers take at most, of forty and more since the flood began."""
        while len(self._took) < 40 and self._asking.is_alive():
            time.sleep(0.02)
        return sorted(self._took)[int(len(self._took) * 0.95)]

    def _ask(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            self._wire.say("ping").answer()
            self._took.append(time.monotonic() - began)
            self._over.wait(0.06)  # within the rate of messages
