"""Whose address a request has, and whose forwarded headers are believed."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from kernel import net
from kernel.middleware import ClientAddressMiddleware

PROXIES = ("127.0.0.1", "10.0.0.0/8", "fd00::/8")


def served(peer: str, **headers: str) -> Any:
    seen: list[Any] = []

    def answer(request: Any) -> HttpResponse:
        assert net.current_address() == net.client_address(request)
        seen.append(request)
        return HttpResponse()

    ClientAddressMiddleware(answer)(RequestFactory().get("/", REMOTE_ADDR=peer, **headers))
    assert net.current_address() is None, "the next request is somebody else's"
    return seen[0]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("192.0.2.1", "127.0.0.1", "192.0.2.1"),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "1.1.1.1, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("127.0.0.1", "198.51.100.7, what?, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "10.9.9.9", "10.9.9.9"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("fd00::1", "2001:DB8::7", "2001:db8::7"),
        ("::ffff:127.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.7", None),
        ("127.0.0.1", "198.51.100.7" + ", 10.0.0.1" * 5_000, "10.0.0.1"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_address_is_the_nearest_that_no_trusted_proxy_has(
    settings: Any, peer: str, forwarded_for: str, address: str | None
) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    request = served(peer, HTTP_X_FORWARDED_FOR=forwarded_for)
    assert net.client_address(request) == address
    assert "HTTP_X_FORWARDED_FOR" not in request.META, "no library may look at it again"


def test_nobody_is_trusted_by_default(settings: Any) -> None:
    assert settings.TRUSTED_PROXIES == ()
    assert net.client_address(served("127.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.7")) == "127.0.0.1"


@pytest.mark.parametrize(("peer", "is_believed"), [("127.0.0.1", True), ("192.0.2.1", False)])
def test_the_forwarded_scheme_counts_from_a_trusted_proxy_alone(settings: Any, peer: str, is_believed: bool) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_HOST": "evil.example", "HTTP_FORWARDED": "for=1"}
    request = served(peer, **headers)
    assert request.is_secure() is is_believed
    assert not {"HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED"} & set(request.META)
