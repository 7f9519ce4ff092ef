"""REST by a WSGI server beside Daphne: it starts, answers as Daphne does, and stops when told."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.server import ROOT, LiveServer, free_port

WITHIN = 60.0
HISTORY = "/udf/history?symbol=AAPL&resolution=1D&to=4000000000&countback=3"


@pytest.fixture(scope="module")
def daphne(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("both"), REPLAY_INTERVAL="3600")
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="module")
def rest(daphne: LiveServer) -> Iterator[str]:
    """The address of `serve_rest` on the same data."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve_rest", "--port", str(port)], cwd=ROOT, env=daphne.environment
    )
    try:
        _wait_for(process, f"http://127.0.0.1:{port}/health/ready")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=30)
    assert status == 0


def _wait_for(process: "subprocess.Popen[bytes]", address: str) -> None:
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(address, timeout=2)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("it does not answer")


def test_it_answers_like_daphne_the_long_way_and_the_short_one(daphne: LiveServer, rest: str) -> None:
    ann = daphne.register("ann")
    headers = {"Authorization": f"Bearer {ann.token}"}
    for path in ("/api/v1/auth/me", HISTORY, HISTORY, "/udf/history?symbol=NOPE&resolution=1D&from=0&to=1", "/nothing"):
        one, other = httpx.get(daphne.site + path, headers=headers), httpx.get(rest + path, headers=headers)
        assert (one.status_code, one.headers["content-type"]) == (other.status_code, other.headers["content-type"])
        assert {**one.json(), "request_id": ""} == {**other.json(), "request_id": ""}
        told = [
            {name: value for name, value in each.headers.items() if name not in {"x-request-id", "date", "server"}}
            for each in (one, other)
        ]
        assert told[0] == told[1]


def test_what_is_written_by_it_is_seen_through_daphne(daphne: LiveServer, rest: str) -> None:
    bob = daphne.register("bob")
    body = {"name": "Mine", "formula_code": "if close > open: buy()"}
    made = httpx.post(f"{rest}/api/v1/formulas/", json=body, headers={"Authorization": f"Bearer {bob.token}"})
    assert made.status_code == 201
    assert bob.get(f"/formulas/{made.json()['id']}")["name"] == "Mine"


def test_what_is_told_through_it_reaches_a_socket_of_daphne(daphne: LiveServer, rest: str) -> None:
    eve = daphne.register("eve")
    headers = {"Authorization": f"Bearer {eve.token}"}
    with connect(f"{daphne.sockets}/ws/notifications?token={eve.token}") as socket:
        for title in ("the long way", "the short way"):
            note = {"type": "info", "priority": "low", "title": title, "message": "m"}
            made = httpx.post(f"{rest}/api/v1/notifications/", json=note, headers=headers)
            assert (made.status_code, made.json()["title"]) == (201, title)
            assert _heard(socket, title)


def _heard(socket: ClientConnection, title: str) -> bool:
    deadline = time.monotonic() + WITHIN
    while (left := deadline - time.monotonic()) > 0:
        if title in str(socket.recv(timeout=left)):
            return True
    return False
