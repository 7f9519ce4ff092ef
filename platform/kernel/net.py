"""Who is at the other end of a request: the address, where proxies stand between, and the person."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from django.conf import settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Names of headers that only a trusted proxy may set, as a request's `META` has them.
FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT")
FORWARDED_SCHEME = "HTTP_X_FORWARDED_PROTO"
MOST_HOPS = 20

_request: ContextVar[Any] = ContextVar("request", default=None)


def client_address(request: Any) -> str | None:
    """The address `request` came from; none where it came over a Unix socket or from nowhere.

    `kernel.middleware.ClientAddressMiddleware` has looked behind the trusted proxies already.
    """
    return normal_address(request.META.get("REMOTE_ADDR"))


def normal_address(text: str | None) -> str | None:
    """`text` in the one spelling of its address, an IPv4 address never dressed as IPv6; none if it is no address."""
    address = _parse(text or "")
    return str(address) if address else None


def is_trusted(peer: str | None) -> bool:
    """Whether `peer` is one of `TRUSTED_PROXIES`, whose forwarded headers are believed."""
    address = _parse(peer or "")
    return address is not None and any(address in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


def address_behind(peer: str | None, forwarded_for: str) -> str | None:
    """Who speaks through `peer`: the nearest address in `forwarded_for` that no trusted proxy has.

    Read from the right, because each proxy appends whom it heard; what an untrusted peer claims is not looked at.
    """
    nearest = normal_address(peer)
    for hop in reversed(forwarded_for.split(",")[-MOST_HOPS:]):
        if not is_trusted(nearest):
            break
        claimed = normal_address(hop.strip())
        if claimed is None:
            break
        nearest = claimed
    return nearest


@contextmanager
def serving(request: Any) -> Iterator[None]:
    """Let whatever is written down meanwhile know for which request."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def current_address() -> str | None:
    """The address of the request being served; none outside of one."""
    request = _request.get()
    return client_address(request) if request is not None else None


def current_person() -> Any:
    """Whoever is signed in on the request being served; none for a stranger and outside of a request."""
    person = getattr(_request.get(), "user", None)
    return person if person is not None and person.is_authenticated else None


def _parse(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=8)
def _networks(proxies: tuple[str, ...]) -> list[Network]:
    return [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]
