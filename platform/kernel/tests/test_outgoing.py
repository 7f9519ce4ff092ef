"""Nobody may use us to reach what only we can reach; the answers of others cost us little."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import pytest

from kernel import outgoing
from kernel.outgoing import AddressRefused, OutgoingFailed, check_url, is_public, post

REFUSED = [
    "http://127.0.0.1./", "http://127.1./", "http://example.com:0/",
    "http://127.0.0.1/", "http://127.1/", "http://0/", "http://0.0.0.0/", "http://2130706433/", "http://0x7f000001/",
    "http://0x7f.0.0.1/", "http://017700000001/", "http://0177.0.0.1/", "http://[::1]/", "http://[::]/",
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
    "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fd00::1]/", "http://10.0.0.1/", "http://172.16.0.1/",
    "http://192.168.1.1/", "http://100.64.0.1/", "http://169.254.169.254/latest/meta-data/", "http://224.0.0.1/",
    "http://255.255.255.255/", "http://168.63.129.16/", "http://100.100.100.200/", "http://localhost/",
    "http://LOCALHOST./", "http://a.localhost/", "http://metadata.google.internal/", "http://redis/", "http://db.local/",
    "http://user:pass@example.com/", "http://user@example.com/", "http://@example.com/", "http://example.com:22/",
    "http://example.com:6379/", "https://example.com:80/", "ftp://example.com/", "file:///etc/passwd",
    "gopher://example.com/", "javascript:alert(1)", "//example.com/", "example.com", "", "http://", "http:///x",
    "http://exam ple.com/", "http://example.com\\@127.0.0.1/", "http://example.com\n/", "http://example.com/\x00",
    "http://\uff11\uff12\uff17.0.0.1/", "http://ex\u0430mple.com/", "http://%31%32%37.0.0.1/", "http://[127.0.0.1]/",
    "http://example.com:99999/", "http://example.com:-1/", "https://example.com/" + "a" * 2_048,
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED, ids=range(len(REFUSED)))
def test_an_address_that_is_not_for_everybody_is_refused_when_it_is_entered_and_when_it_is_used(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url)
    with pytest.raises(AddressRefused):
        post(url, content=b"", headers={})


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::1"])
def test_addresses_on_the_open_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What names lead to: a list of answers for each, one after the other, the last for good."""
    known: dict[str, list[list[str]]] = {}

    def resolve(host: str, port: int) -> list[str]:
        if host not in known:
            raise socket.gaierror
        return known[host].pop(0) if len(known[host]) > 1 else known[host][0]

    monkeypatch.setattr(outgoing, "resolve", resolve)
    return known


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that connections were tried to; none succeeds."""
    tried: list[str] = []

    def connect(self: Any, host: str, port: int, *args: Any, **options: Any) -> Any:
        tried.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    return tried


def test_one_private_address_among_public_ones_makes_the_name_suspect(names: Any, connected: list[str]) -> None:
    names["example.com"] = [["8.8.8.8", "10.0.0.1"]]
    with pytest.raises(AddressRefused):
        check_url("https://example.com/")
    with pytest.raises(AddressRefused):
        post("https://example.com/", content=b"", headers={})
    assert connected == []


def test_a_name_that_changes_its_mind_gains_nothing(names: Any, connected: list[str]) -> None:
    names["example.com"] = [["8.8.8.8"], ["127.0.0.1"]]
    check_url("https://example.com/")
    with pytest.raises(AddressRefused):
        post("https://example.com/", content=b"", headers={})
    assert connected == []


def test_the_connection_goes_to_an_address_that_was_checked_and_the_name_is_asked_once(
    names: Any, connected: list[str]
) -> None:
    names["example.com"] = [["8.8.8.8", "1.1.1.1"], ["127.0.0.1"]]
    with pytest.raises(OutgoingFailed):
        post("https://example.com/", content=b"", headers={})
    assert connected == ["8.8.8.8", "1.1.1.1"]


def test_a_name_nobody_knows_may_be_entered_and_fails_in_use(names: Any) -> None:
    check_url("https://example.com/")
    with pytest.raises(OutgoingFailed, match="not known"):
        post("https://example.com/", content=b"", headers={})


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    monkeypatch.setattr(outgoing, "resolve", lambda host, port: hang.wait(20) and [])
    monkeypatch.setattr(outgoing, "CONNECT_WITHIN", 0.2)
    with pytest.raises(OutgoingFailed, match="in time"):
        post("https://example.com/", content=b"", headers={})
    hang.set()


@pytest.fixture
def listener(settings: Any) -> Iterator[Callable[[bytes], str]]:
    """A maker of servers that say something whatever they are told; their address, which may be reached."""
    sockets: list[socket.socket] = []

    def listen(said: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)

        def serve() -> None:
            client, _ = server.accept()
            with client:
                heard.append(client.recv(65_536))
                client.sendall(said)

        heard.clear()
        threading.Thread(target=serve, daemon=True).start()
        host = f"127.0.0.1:{server.getsockname()[1]}"
        settings.OUTGOING_PRIVATE_HOSTS = frozenset({host})
        return f"http://{host}/path?a=b"

    yield listen
    for server in sockets:
        server.close()


heard: list[bytes] = []


def test_a_private_host_is_reached_where_the_settings_name_it_and_no_other(listener: Any) -> None:
    url = listener(b"HTTP/1.1 200 OK\r\nX-Y: z\r\nContent-Length: 2\r\n\r\nok")
    answer = post(url, content=b"said", headers={"X-A": "b"})
    assert (answer.status, answer.headers["x-y"], answer.body) == (200, "z", b"ok")
    first, _, rest = heard[0].partition(b"\r\n")
    assert first == b"POST /path?a=b HTTP/1.1"
    assert b"Host: " + url.split("/")[2].encode() in rest
    with pytest.raises(AddressRefused):
        post("http://127.0.0.1:1/", content=b"", headers={})


def test_what_would_unpack_to_more_is_not_unpacked(listener: Any) -> None:
    url = listener(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08")
    assert post(url, content=b"", headers={}).body == b"\x1f\x8b\x08"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 20",
        b"\x16\x03\x01",
    ],
    ids=["nothing", "another protocol", "cut short", "half a line", "bytes"],
)
def test_what_is_no_proper_answer_is_a_failure_that_tells_nothing_of_the_address(listener: Any, said: bytes) -> None:
    url = listener(said)
    with pytest.raises(OutgoingFailed) as caught:
        post(url, content=b"", headers={})
    assert "path" not in str(caught.value)


def test_proxies_of_the_environment_are_not_used(listener: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    url = listener(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert post(url, content=b"", headers={}).status == 204
