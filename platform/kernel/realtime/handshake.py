"""What the handshake of a socket says: by which name we were called, from which site, and with which credential."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from kernel.net import address_behind


def _header(scope: dict[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def host_is_allowed(scope: dict[str, Any]) -> bool:
    """Whether the client called us by a name of ours: else a page of any site could pass for one of this site."""
    hosts = _header(scope, b"host")
    names = [split_domain_port(host)[0] for host in hosts]
    return len(hosts) <= 1 and all(name and validate_host(name, settings.ALLOWED_HOSTS) for name in names)


def origin_is_allowed(scope: dict[str, Any]) -> bool:
    """Whether a browser page of this origin may connect; programs send none and are judged by their credential."""
    origins = _header(scope, b"origin")
    if not origins:
        return True
    if len(origins) > 1:
        return False
    try:
        origin = urlsplit(origins[0])
    except ValueError:
        return False
    if f"{origin.scheme}://{origin.netloc}" != origins[0] or origin.scheme not in {"http", "https"}:
        return False
    return origins[0] in settings.CORS_ALLOWED_ORIGINS or [origin.netloc] == _header(scope, b"host")


def client_of(scope: dict[str, Any]) -> str | None:
    """The address that connects, looked for behind the trusted proxies; none over a Unix socket."""
    peer = (scope.get("client") or [None])[0]
    return address_behind(peer, ",".join(_header(scope, b"x-forwarded-for")))


def find_credential(scope: dict[str, Any]) -> tuple[str, str] | None:
    """What the handshake says of who connects, as (kind, credential), in the documented order of preference."""
    protocols = scope.get("subprotocols", [])
    if len(protocols) >= 2 and protocols[0] == "bearer":
        return "subprotocol", protocols[1]
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    if ticket := query.get("ticket"):
        return "ticket", ticket[0]
    if settings.WS_TOKEN_IN_URL and (token := query.get("token")):
        return "bearer", token[0]
    for value in _header(scope, b"authorization"):
        scheme, _, credential = value.partition(" ")
        if scheme.lower() in {"bearer", "api-key"}:
            return scheme.lower(), credential.strip()
    return None
