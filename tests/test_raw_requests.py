"""Requests that two servers could understand in two ways, or that are too large: refused, and never passed on."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.raw import HEALTH, HOST, Line, request
from tests.server import PASSWORD, LiveServer

pytestmark = pytest.mark.live

JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SECOND = b"GET %b HTTP/1.1\r\n%b\r\n" % (HEALTH, HOST)

# Whoever stands in front of us could see another request in these than we do.
AMBIGUOUS = {
    "two lengths": request(b"Content-Length: 2\r\nContent-Length: 4\r\n", b"{}"),
    "the same length twice": request(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"),
    "two lengths in one header": request(b"Content-Length: 2, 2\r\n", b"{}"),
    "a signed length": request(b"Content-Length: +2\r\n", b"{}"),
    "a negative length": request(b"Content-Length: -2\r\n", b"{}"),
    "a length in words": request(b"Content-Length: two\r\n", b"{}"),
    "a length with a space in it": request(b"Content-Length: 1 2\r\n", b"{}"),
    "an empty length": request(b"Content-Length:\r\n", b"{}"),
    "a length and chunks": request(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n"),
    "chunks and a length": request(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n"),
    "chunks twice": request(CHUNKED + CHUNKED, b"0\r\n\r\n"),
    "an unknown coding": request(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "a coding before chunks": request(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "a chunk size in words": request(CHUNKED, b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk size with a sign": request(CHUNKED, b"+2\r\n{}\r\n0\r\n\r\n"),
    "a negative chunk size": request(CHUNKED, b"-2\r\n{}\r\n0\r\n\r\n"),
    "a chunk size with a prefix": request(CHUNKED, b"0x2\r\n{}\r\n0\r\n\r\n"),
    "a chunk that goes on": request(CHUNKED, b"2\r\n{}{}\r\n0\r\n\r\n"),
    "an endless chunk size": request(CHUNKED, b"0" * 20_000 + b"2\r\n{}\r\n0\r\n\r\n"),
    "a header in two lines": request(b"Content-Length: 2\r\nX-A: a\r\n b\r\n", b"{}"),
    "a header that begins in the second": request(b" X-A: a\r\n"),
    "a space before the colon": request(b"Content-Length : 2\r\n", b"{}"),
    "a header without a colon": request(b"Content-Length\r\n"),
    "a header without a name": request(b": a\r\n"),
    "a name with a space": request(b"X A: a\r\n"),
    "a name with a control character": request(b"X\x01A: a\r\n"),
    "a bare line feed": request(b"X-A: a\nContent-Length: 2\r\n"),
    "a bare carriage return": request(b"X-A: a\rContent-Length: 2\r\n"),
    **{
        f"the byte {number:#04x} in a header": request(b"X-A: a%cb\r\n" % number)
        for number in (0x00, 0x01, 0x08, 0x0B, 0x0C, 0x1B, 0x1C, 0x1F, 0x7F, 0x85)
    },
    "no path": request(line=b"GET HTTP/1.1"),
    "a path with a space": request(line=b"GET /api /v1 HTTP/1.1"),
    "a path with a control character": request(line=b"GET /\x01 HTTP/1.1"),
    "a path with NUL": request(line=b"GET /\x00 HTTP/1.1"),
    "a path with a high byte": request(line=b"GET /\xff HTTP/1.1"),
    "a method with a control character": request(line=b"G\x01T / HTTP/1.1"),
    "a method with a colon": request(line=b"GET: / HTTP/1.1"),
    "no version": request(line=b"GET /"),
    "version 0.9": request(line=b"GET / HTTP/0.9"),
    "version 2": request(line=b"PRI * HTTP/2.0"),
    "a tab for a space": request(line=b"GET\t/\tHTTP/1.1"),
    "nothing of HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_an_ambiguous_request_is_refused_and_nothing_behind_it_is_read(live: LiveServer, what: str) -> None:
    with Line(live) as line:
        line.send(AMBIGUOUS[what] + SECOND)
        assert line.answer().fault(400) == ""
        assert line.ended()


def test_what_is_not_ambiguous_is_answered_in_its_order_on_one_connection(live: LiveServer) -> None:
    body = b'{"username": "nobody", "password": "x"}'
    plain = request(JSON + b"Content-Length: %d\r\n" % len(body), body)
    chunked = request(JSON + CHUNKED, b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    with Line(live) as line:
        line.send(SECOND + plain + chunked + SECOND)
        assert [line.answer().status for _ in range(4)] == [200, 401, 401, 200]


def headers(count: int, size: int) -> bytes:
    """So many headers (`Host` is one of them) of so many bytes in all, line ends and the empty line included."""
    rest = size - len(HOST) - 2
    each, more = divmod(rest, count - 1)
    sizes = [each + (number < more) for number in range(count - 1)]
    return b"".join(b"X-%03d: %b\r\n" % (number, b"a" * (one - 9)) for number, one in enumerate(sizes))


def health(head: bytes = b"", path: bytes = HEALTH) -> bytes:
    return request(head, line=b"GET %b HTTP/1.1" % path)


@pytest.mark.parametrize(("count", "status"), [(2, 200), (100, 200), (101, 431), (8_000, 431)])
def test_a_request_has_at_most_a_hundred_headers(live: LiveServer, count: int, status: int) -> None:
    with Line(live) as line:
        answer = line.send(health(headers(count, count * 30)) + SECOND).answer()
        if status == 200:
            assert [answer.status, line.answer().status] == [200, 200]
        else:
            assert answer.fault(status) == ""
            assert line.ended()


@pytest.mark.parametrize("count", [2, 50, 100])
def test_a_requests_headers_have_at_most_16_kib(live: LiveServer, count: int) -> None:
    with Line(live) as line:
        assert line.send(health(headers(count, 16 * 1024))).answer().status == 200
        assert line.send(health(headers(count, 16 * 1024 + 1))).answer().fault(431) == ""
        assert line.ended()


def test_a_header_that_never_ends_is_refused_before_it_does(live: LiveServer) -> None:
    with Line(live) as line:
        line.send(b"GET / HTTP/1.1\r\nX-A: " + b"a" * 100_000)
        assert line.answer().fault(431) == ""
        assert line.ended()


def test_an_address_has_at_most_8_kib(live: LiveServer) -> None:
    with Line(live) as line:
        longest = HEALTH + b"?a=" + b"b" * (8 * 1024 - len(HEALTH) - 3)
        assert line.send(health(path=longest)).answer().status == 200
        assert line.send(health(path=longest + b"b")).answer().fault(414) == ""
        assert line.ended()


@pytest.mark.parametrize("end", [b" HTTP/1.1\r\n\r\n", b""])
def test_an_address_of_100_kb_is_refused_at_once(live: LiveServer, end: bytes) -> None:
    with Line(live) as line:
        line.send(b"GET /" + b"a" * 100_000 + end)
        assert line.answer().fault(414) == ""
        assert line.ended()


CLIMBING = [
    b"/static/../settings.py", b"/static/../../manage.py", b"/assets/../settings.py", b"/static/%2e%2e/settings.py",
    b"/static/%2e%2e%2f%2e%2e%2fmanage.py", b"/static/..%5c..%5cmanage.py", b"/static/%5c..%5csettings.py",
    b"/static/a%00b", b"/static//etc/passwd", b"//etc/passwd", b"/../../etc/passwd", b"/static/..;/manage.py",
    b"http://127.0.0.1/../manage.py", b"file:///etc/passwd", b"/%252e%252e/manage.py", b"/api/v1/../../manage.py",
]  # fmt: skip


def test_a_path_that_climbs_finds_nothing(live: LiveServer) -> None:
    for path in CLIMBING:
        with Line(live) as line:
            assert line.send(health(path=path)).answer().fault(404) == "", path


def test_an_underscore_does_not_pass_for_a_hyphen(make_server: Callable[..., LiveServer]) -> None:
    server = make_server(TRUSTED_PROXIES="127.0.0.1").start()
    token = server.register("proxied").token

    def addresses(name: bytes) -> set[str]:
        body = json.dumps({"username": "proxied", "password": PASSWORD}).encode()
        with Line(server) as line:
            head = b"%b: 203.0.113.7\r\n%bContent-Length: %d\r\n" % (name, JSON, len(body))
            assert line.send(request(head, body)).answer().status == 200
        listed = httpx.get(f"{server.site}/api/v1/auth/sessions", headers={"Authorization": f"Bearer {token}"})
        return {session["address"] for session in listed.json()["results"]}

    assert addresses(b"X_Forwarded_For") == {"127.0.0.1"}
    assert addresses(b"X-Forwarded_For") == {"127.0.0.1"}
    assert addresses(b"X-Forwarded-For") == {"127.0.0.1", "203.0.113.7"}
