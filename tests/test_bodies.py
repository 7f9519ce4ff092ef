"""Bodies of requests on a real server: bounded before anything reads them, whether their length is announced or not."""

import io
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from accounts.tests.kyc_files import picture
from tests.raw import peak
from tests.server import Caller, LiveServer

pytestmark = pytest.mark.live

MIB = 2**20
HUNDRED = 100 * MIB
UPLOAD = "/auth/kyc/upload"


@pytest.fixture(scope="session")  # as long as the server that knows the name
def caller(live: LiveServer) -> Caller:
    return live.register("bodies")


@pytest.fixture
def growth(live: LiveServer) -> Callable[[], float]:
    """MiB by which the server's greatest size has grown since the test began."""
    before = peak(live)
    return lambda: peak(live) - before


def pieces(size: int, start: bytes = b"") -> Iterator[bytes]:
    yield start
    for _ in range(size // MIB):
        yield bytes(MIB)


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


@pytest.mark.parametrize("path", ["/auth/login", "/auth/me", UPLOAD, "/nowhere"])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_hundred_megabytes_without_a_length_are_refused_in_little_memory(
    live: LiveServer, caller: Caller, growth: Callable[[], float], path: str, kind: str
) -> None:
    answer = caller.http.post(path, content=pieces(HUNDRED), headers={"Content-Type": kind})
    assert refusal(answer) == (413, "body_too_large")
    assert growth() < 25


def test_a_hundred_megabytes_that_are_announced_are_refused_before_they_are_sent(live: LiveServer) -> None:
    for path in ("/api/v1/auth/login", f"/api/v1{UPLOAD}", "/api/auth/kyc/upload/", "/"):
        with socket.create_connection(("127.0.0.1", live.port), timeout=10) as raw:
            raw.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {HUNDRED}\r\n\r\n".encode())
            assert raw.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_the_connection_that_sent_too_much_ends(live: LiveServer) -> None:
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as raw:
        raw.sendall(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2097152\r\n\r\n")
        raw.sendall(bytes(2 * MIB) + b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        received = b""
        while data := raw.recv(65_536):
            received += data
    assert received.count(b"HTTP/1.1 ") == 1


def test_a_body_without_a_length_that_is_small_enough_is_read(caller: Caller) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"username": "bodies", '
        yield b'"password": "correct horse battery"}'

    answer = caller.http.post("/auth/login", content=body(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text


def test_documents_go_all_the_way_in_a_form(live: LiveServer, caller: Caller) -> None:
    sent = [picture() + bytes(3 * MIB), picture("PNG")]
    files = [("documents", (f"../{number}.jpg", io.BytesIO(content))) for number, content in enumerate(sent)]
    answer = caller.http.post(UPLOAD, files=files, data={"document_type": ["passport", "id_card"]})
    assert answer.status_code == 201, answer.text
    for document in answer.json()["documents"]:
        with caller.http.stream("GET", f"/auth/kyc/documents/{document['id']}") as response:
            content = response.read()
        assert len(content) == int(response.headers["Content-Length"])
        assert content[:4] in {b"\xff\xd8\xff\xe0", b"\x89PNG"}


def test_an_upload_that_breaks_off_leaves_nothing(live: LiveServer, caller: Caller) -> None:
    before: Any = caller.get("/auth/kyc/status")
    head = (
        f"POST /api/v1{UPLOAD} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {caller.token}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000000\r\n\r\n--x\r\n"
    )
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as raw:
        raw.sendall(head.encode() + bytes(1_000_000))
    assert caller.get("/auth/kyc/status") == before
    assert json.loads(httpx.get(f"{live.site}/api/v1/health").text)["status"] == "ok"
