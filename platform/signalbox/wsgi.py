"""The WSGI application: the same pages and API as ever, without sockets and background tasks, for `serve_rest`."""

import os
from collections.abc import Callable
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalbox.settings")
django.setup(set_prefix=False)

# It imports models, which exist only once Django is set up.
from signalbox.hot import HotPages  # noqa: E402

_SCOPE = "signalbox.scope"
_BARE = {"CONTENT_TYPE": b"content-type", "CONTENT_LENGTH": b"content-length"}


class Handler(WSGIHandler):
    """Django's, and the short way to pages of bars."""

    def __init__(self) -> None:
        super().__init__()
        self._hot = HotPages()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        # Put by before the middleware rewrites whose address it is.
        scope = environ[_SCOPE] = _scope(environ)
        found = self._hot.answer(scope) if self._hot.is_one(scope) else None
        if found is None:
            return super().__call__(environ, start_response)
        headers, body = found
        start_response("200 OK", [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers])
        return [body]

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        response = super().get_response(request)
        scope = request.META[_SCOPE]
        if self._hot.is_one(scope):
            self._hot.learn(scope, response)
        return response


def _scope(environ: dict[str, Any]) -> dict[str, Any]:
    """As much of an ASGI scope as the short way looks at."""
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
