"""The ASGI application: HTTP by Django, and each socket path with its dialect."""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalbox.settings")
django.setup()

# Socket endpoints import models, which exist only once Django is set up.
from signalbox.http import PooledHandler  # noqa: E402
from signalbox.sockets import routed  # noqa: E402

_http = PooledHandler()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Sockets are told from HTTP by the handshake, so a path may be both."""
    if scope["type"] == "websocket":
        await routed(scope, receive, send)
    else:
        await _http(scope, receive, send)
