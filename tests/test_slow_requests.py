"""Clients that take their time: each part of a request has its own, and nobody else waits meanwhile."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.raw import HOST, Line, open_files, request
from tests.server import LiveServer

pytestmark = pytest.mark.live

HEADER, BODY, IDLE = 1.0, 2.0, 3.0
LATE = 1.5  # seconds that a busy machine may add
MIB = 2**20
HEALTH = request(line=b"GET /api/v1/health HTTP/1.1")
HEAD_BEGUN = b"POST /api/v1/auth/login HTTP/1.1\r\n" + HOST
BODY_BEGUN = request(b"Content-Type: application/json\r\nContent-Length: 5000\r\n", b"{")


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: Any) -> Iterator[LiveServer]:
    """A server whose patience is a tenth of the usual and less."""
    times = {"HEADER_SECONDS": str(HEADER), "BODY_SECONDS": str(BODY), "IDLE_SECONDS": str(IDLE)}
    server = LiveServer(tmp_path_factory.mktemp("hasty"), **times)
    try:
        yield server.start()
    finally:
        server.close()


def drip(line: Line, piece: bytes, until: float) -> float:
    """Send `piece` again and again until an answer is there, for at most `until` seconds; the seconds it took."""
    began = time.monotonic()
    line.socket.settimeout(0.1)
    while (took := time.monotonic() - began) < until:
        line.send(piece)
        with contextlib.suppress(TimeoutError):
            if line.socket.recv(1, socket.MSG_PEEK):
                break
    line.socket.settimeout(10)
    return took


@pytest.mark.parametrize(
    ("begun", "piece", "seconds"),
    [(HEAD_BEGUN, b"X-A: a\r\n", HEADER), (b"GET /", b"a", HEADER), (b"\r\n", b"G", HEADER), (BODY_BEGUN, b" ", BODY)],
    ids=["headers", "address", "method", "body"],
)
def test_a_byte_now_and_then_does_not_keep_a_connection(
    hasty: LiveServer, begun: bytes, piece: bytes, seconds: float
) -> None:
    with Line(hasty) as line:
        took = drip(line.send(begun), piece, seconds + LATE)
        assert seconds - 0.2 < took < seconds + LATE
        assert line.answer().fault(408) == ""
        assert line.ended()


def test_chunks_that_trickle_in_have_no_more_time_than_a_body_of_known_length(hasty: LiveServer) -> None:
    with Line(hasty) as line:
        took = drip(line.send(request(b"Transfer-Encoding: chunked\r\n")), b"1\r\n \r\n", BODY + LATE)
        assert BODY - 0.2 < took < BODY + LATE
        assert line.answer().fault(408) == ""


@pytest.mark.parametrize("sent", [b"", HEALTH])
def test_a_connection_without_a_request_ends_without_a_word(hasty: LiveServer, sent: bytes) -> None:
    with Line(hasty) as line:
        if line.send(sent) and sent:
            assert line.answer().status == 200
        assert IDLE - 0.5 < line.seconds_to_its_end() < IDLE + LATE


def test_each_request_of_a_connection_has_its_time_anew(hasty: LiveServer) -> None:
    half = len(HEALTH) // 2
    with Line(hasty) as line:
        for _ in range(4):  # longer in all than any one of the times
            line.send(HEALTH[:half])
            time.sleep(HEADER * 0.6)
            line.send(HEALTH[half:])
            assert line.answer().status == 200
            time.sleep(HEADER * 0.6)


def seconds_of_health(server: LiveServer) -> float:
    began = time.monotonic()
    assert httpx.get(f"{server.site}/api/v1/health", timeout=10).status_code == 200
    return time.monotonic() - began


def soon(condition: Callable[[], bool], within: float) -> bool:
    until = time.monotonic() + within
    while not (holds := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    return holds


def test_hundreds_of_idle_and_slow_connections_keep_nobody_waiting_and_are_all_closed(hasty: LiveServer) -> None:
    before = len(open_files(hasty))
    with contextlib.ExitStack() as stack:
        idle, slow = ([stack.enter_context(Line(hasty)) for _ in range(count)] for count in (300, 100))
        for number, line in enumerate(slow):
            line.send(BODY_BEGUN if number % 2 else HEAD_BEGUN)
        assert soon(lambda: len(open_files(hasty)) >= 400, within=LATE)
        assert max(seconds_of_health(hasty) for _ in range(10)) < 1
        assert {line.answer().status for line in slow} == {408}
        assert all(line.ended() for line in [*idle, *slow])
        # None of these clients has closed its own end.
        assert soon(lambda: len(open_files(hasty)) <= before + 3, within=HEADER + LATE)
        assert seconds_of_health(hasty) < 1


@pytest.mark.parametrize("is_announced", [True, False])
def test_300_mb_are_refused_within_a_second_and_held_nowhere(live: LiveServer, is_announced: bool) -> None:
    length = b"Content-Length: 314572800" if is_announced else b"Transfer-Encoding: chunked"
    piece = bytes(MIB) if is_announced else b"100000\r\n" + bytes(MIB) + b"\r\n"
    with Line(live) as line:
        began = time.monotonic()
        line.send(request(length + b"\r\n") + piece + piece)
        assert line.answer().fault(413) == ""
        assert time.monotonic() - began < 1
        assert line.ended()
        for _ in range(298):
            line.send(piece)
        assert max(open_files(live), default=0) < 64 * MIB
        assert seconds_of_health(live) < 1
