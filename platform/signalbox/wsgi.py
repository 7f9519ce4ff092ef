"""The WSGI application: the same pages and API as ever, without sockets and background tasks, for `serve_rest`."""

import os
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalbox.settings")
django.setup(set_prefix=False)

# It imports models, which exist only once Django is set up.
from signalbox.hot import MOST_BODY, HotPages  # noqa: E402

_SCOPE = "signalbox.scope"
_BARE = {"CONTENT_TYPE": b"content-type", "CONTENT_LENGTH": b"content-length"}


class Handler(WSGIHandler):
    """Django's, and the short ways."""

    def __init__(self) -> None:
        super().__init__()
        self._hot = HotPages()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        found = None
        if self._hot.is_one(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            # Put by before the middleware rewrites whose address it is.
            scope = environ[_SCOPE] = _scope(environ)
            sent = _sent(environ)
            found = None if sent is None else self._hot.answer(scope, sent)
        if found is None:
            return super().__call__(environ, start_response)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in found.headers]
        start_response(f"{found.status} {HTTPStatus(found.status).phrase}", headers)
        return [found.body]

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        response = super().get_response(request)
        if scope := request.META.get(_SCOPE):
            self._hot.learn(scope, request, response)
        return response


def _sent(environ: dict[str, Any]) -> bytes | None:
    """The body of a request, which can be read again; none where it is too long or not announced."""
    if environ["REQUEST_METHOD"] == "GET":
        return b""
    announced = environ.get("CONTENT_LENGTH") or ""
    if not (announced.isascii() and announced.isdigit()) or int(announced) > MOST_BODY:
        return None
    sent: bytes = environ["wsgi.input"].read(int(announced))
    environ["wsgi.input"] = BytesIO(sent)
    return sent


def _scope(environ: dict[str, Any]) -> dict[str, Any]:
    """As much of an ASGI scope as the short ways look at."""
    named = [(name[5:].replace("_", "-").lower().encode(), name) for name in environ if name.startswith("HTTP_")]
    named += [(bare, name) for name, bare in _BARE.items() if environ.get(name)]
    return {
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"],
        "scheme": environ["wsgi.url_scheme"],
        "query_string": environ["QUERY_STRING"].encode("latin-1"),
        "headers": [(name, environ[key].encode("latin-1")) for name, key in named],
        "client": (environ.get("REMOTE_ADDR") or None, 0),
    }


application = Handler()
