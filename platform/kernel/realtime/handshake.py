"""What the handshake of a socket says: by which name we were called, from which site, and with which credential."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http import parse_cookie
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
    return not origins or (len(origins) == 1 and (origins[0] in settings.CORS_ALLOWED_ORIGINS or _is_own_page(scope)))


def _is_own_page(scope: dict[str, Any]) -> bool:
    """Whether a page of this very site connects."""
    origins = _header(scope, b"origin")
    try:
        origin = urlsplit("".join(origins))
    except ValueError:
        return False
    is_whole = [f"{origin.scheme}://{origin.netloc}"] == origins and origin.scheme in {"http", "https"}
    return is_whole and [origin.netloc] == _header(scope, b"host")


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
    # A cookie comes along unasked, so a page of any other site could use it.
    if _is_own_page(scope) and (session := _session_cookie(scope)):
        return "panel", session
    return None


def _session_cookie(scope: dict[str, Any]) -> str | None:
    cookies = parse_cookie("; ".join(_header(scope, b"cookie")))
    return cookies.get(settings.SESSION_COOKIE_NAME)
