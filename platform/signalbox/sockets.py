"""Which socket paths there are, in which dialect each speaks, and what it subscribes on sign-in."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import kernel.api.jobs  # noqa: F401  registers its operations
from datafeed import consumers as datafeed_consumers  # noqa: F401  registers its operations
from formulas.consumers import refresh_signals, subscribe_to_signals
from formulas.messages import SignalsSubscribe
from kernel.realtime import Identity, Socket
from kernel.realtime.dialects import Canonical, Flat, Typed
from kernel.realtime.endpoint import Endpoint
from notifications import consumers as inbox
from portfolio import consumers as portfolio_consumers  # noqa: F401  registers its operations

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def _refresh(socket: Socket) -> Awaitable[None]:
    """Somebody's role, company or subscriptions changed: their sockets follow, and say nothing more before they do."""
    refreshed = inbox.refresh_inbox(socket)

    async def refresh() -> None:
        await refreshed
        await refresh_signals(socket)

    return refresh()


async def _watch_signals(socket: Socket) -> None:
    await subscribe_to_signals(socket, SignalsSubscribe())


def _is_own(identity: Identity, captured: dict[str, Any]) -> bool:
    return bool(captured["user_id"] == str(identity.user.pk))


_canonical = Endpoint(Canonical(), on_refresh=_refresh)
_control = Endpoint(Canonical(), on_sign_in=_watch_signals, on_refresh=_refresh)
_flat = Endpoint(Flat(), on_sign_in=inbox.subscribe_inbox, on_refresh=_refresh)
_typed = Endpoint(Typed(), on_sign_in=inbox.subscribe_inbox, on_refresh=_refresh, admits=_is_own)

_PREFIX = r"^(?:/api(?:/v1)?)?"
_routes = [
    (re.compile(r"^/api/v1/ws/?$"), _canonical),
    (re.compile(_PREFIX + r"/ws/notifications?/?$"), _flat),
    (re.compile(_PREFIX + r"/notifications/ws/(?P<user_id>[^/]{1,32})/?$"), _typed),
    (re.compile(r"^(?:/api)?/ws/?$"), _control),
]


async def routed(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Hand the connection to its path's endpoint; an unknown path is refused before it is accepted."""
    for pattern, endpoint in _routes:
        if match := pattern.match(scope["path"]):
            await endpoint({**scope, "url_route": {"kwargs": match.groupdict()}}, receive, send)
            return
    await receive()
    await send({"type": "websocket.close"})
