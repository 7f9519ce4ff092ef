"""Requests to addresses that people name: checked, sent to the very address that was checked, and bounded.

Nobody may use us to reach what only we can reach. A name is looked up once for each request, every address it has is
looked at, and the connection goes to one of those, so a name that changes its mind in between gains nothing. No
redirect is followed, no proxy of the environment is used and nothing is unpacked.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext
from typing import Any

import httpcore
import httpx
from django.conf import settings

from kernel import clock
from kernel.errors import DomainError

CONNECT_WITHIN, ANSWER_WITHIN = 5.0, 10.0  # seconds, the second for everything together
LOOK_UP_WITHIN = 2.0  # while somebody waits who enters an address
LARGEST_ANSWER = 1024 * 1024
LONGEST_URL = 2_048
PORTS = {"http": (80, 8080), "https": (443, 8443)}
# Names that only mean something inside a network.
INNER_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "localdomain", "arpa")

_PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII without the space and the backslash
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
_GLOBAL_6 = ipaddress.ip_network("2000::/3")
# IPv4 in IPv6's clothes, and the one public address that is a cloud's inside.
_REFUSED = [ipaddress.ip_network(network) for network in ("2002::/16", "192.88.99.0/24", "168.63.129.16/32")]
_resolvers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolver")


class AddressRefused(DomainError):
    """We do not send anything there."""

    code = "address_refused"
    message = "This address cannot be used."


class OutgoingFailed(Exception):
    """The other side could not be reached or did not answer properly; worth another try. Its text is safe to show."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `headers` by their names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def check_url(url: str) -> None:
    """Refuse an address that must not be reached; raises `AddressRefused`.

    A name that nobody knows at the moment passes: it is looked up again whenever something is sent.
    """
    target = _parsed(url)
    if _is_named_private(target):
        return
    try:
        _public_addresses(target.host, _port(target), LOOK_UP_WITHIN)
    except OutgoingFailed:
        return


def post(url: str, *, content: bytes, headers: Mapping[str, str]) -> Answer:
    """Send `content` and read the answer, whatever its status.

    Blocking, for ten seconds at most. Raises `AddressRefused`, and `OutgoingFailed` saying what went wrong.
    """
    target = _parsed(url)
    backend = _CheckedBackend(clock.monotonic() + ANSWER_WITHIN, _is_named_private(target))
    sent = {"Host": target.netloc.decode(), "Accept-Encoding": "identity", "User-Agent": "Signalbox", **headers}
    whole = httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
    limits = {"timeout": {"connect": CONNECT_WITHIN}}
    try:
        with (
            httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend) as pool,
            pool.stream("POST", whole, headers=list(sent.items()), content=content, extensions=limits) as response,
        ):
            return _read(response)
    except httpcore.TimeoutException:
        raise OutgoingFailed("It did not answer in time.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        raise OutgoingFailed(f"The connection failed ({type(error).__name__}).") from None


def _read(response: httpcore.Response) -> Answer:
    body = bytearray()
    for part in response.iter_stream():
        body += part
        if len(body) > LARGEST_ANSWER:
            raise OutgoingFailed("Its answer is too long.")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return Answer(response.status, headers, bytes(body))


@cache
def _tls() -> SSLContext:
    return httpcore.default_ssl_context()


def _parsed(url: str) -> httpx.URL:
    """`url` in its parts, the same for the check and for the connection."""
    if len(url) > LONGEST_URL or not _PLAIN.fullmatch(url):
        raise AddressRefused("An address is at most 2,048 plain characters, without spaces.")
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise AddressRefused("This is no address.") from None
    if target.scheme not in PORTS or not _HOST.fullmatch(target.host):
        raise AddressRefused("An address begins with https:// or http:// and a host.")
    if target.userinfo or "@" in re.split("[/?#]", url.partition("//")[2])[0]:
        raise AddressRefused("An address must not hold a name or a password.")
    if not _is_named_private(target):
        _check_name(target)
    return target


def _check_name(target: httpx.URL) -> None:
    if _port(target) not in PORTS[target.scheme]:
        raise AddressRefused(f"Only the ports {PORTS[target.scheme][0]} and {PORTS[target.scheme][1]} can be used.")
    host = target.host.rstrip(".").lower()
    last = host.rpartition(".")[2]
    if _address(host):
        # With a dot at its end the system's resolver may take it for a name, or for the address.
        is_refused = not is_public(host)
    else:
        is_refused = bool(_NUMBER.fullmatch(last)) or last in INNER_NAMES or "." not in host
    if is_refused:
        raise AddressRefused("The host must be one that anybody can reach.")


def _port(target: httpx.URL) -> int:
    return PORTS[target.scheme][0] if target.port is None else target.port


def _is_named_private(target: httpx.URL) -> bool:
    """Whether `OUTGOING_PRIVATE_HOSTS` names the host, with or without its port."""
    host = target.host.lower()
    return host in settings.OUTGOING_PRIVATE_HOSTS or f"{host}:{_port(target)}" in settings.OUTGOING_PRIVATE_HOSTS


def resolve(host: str, port: int) -> list[str]:
    """Every address that `host` has; raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    try:
        # On a thread, because the system's resolver takes as long as it likes.
        return _resolvers.submit(resolve, host, port).result(seconds)
    except TooLate:
        raise OutgoingFailed("Its name was not found in time.") from None
    except (OSError, UnicodeError):
        raise OutgoingFailed("Its name is not known.") from None


def _public_addresses(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of `host`, of which not one may be private: one that is makes the whole name suspect."""
    found = _addresses(host, port, seconds)
    if not found or not all(is_public(address) for address in found):
        raise AddressRefused("The host must be one that anybody can reach.")
    return found


def is_public(text: str) -> bool:
    """Whether `text` is an address on the open internet."""
    address = _address(text)
    if address is None or any(address.version == net.version and address in net for net in _REFUSED):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_6:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class _CheckedBackend(httpcore.SyncBackend):
    """Connections to addresses that were looked at, none of whose steps outlasts the deadline."""

    def __init__(self, deadline: float, may_be_private: bool) -> None:
        self._deadline, self._may_be_private = deadline, may_be_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        until = min(self._deadline, clock.monotonic() + CONNECT_WITHIN)
        look_up = _addresses if self._may_be_private else _public_addresses
        error: Exception = httpcore.ConnectError()
        for address in look_up(host, port, _left(until)):
            try:
                stream = super().connect_tcp(address, port, _left(until), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                error = failure
            else:
                return _BoundedStream(stream, self._deadline)
        raise error


class _BoundedStream(httpcore.NetworkStream):
    """A connection that ends with its deadline, however slowly the other side goes on."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = min(_left(self._deadline), CONNECT_WITHIN)
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    """The seconds until `deadline`; raises httpcore's time-out where there are none."""
    left = deadline - clock.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left
