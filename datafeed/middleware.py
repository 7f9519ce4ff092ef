"""Errors of the classic datafeed: whatever went wrong, and wherever, in the one body that its clients can read."""

import json
import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from datafeed.errors import SymbolNotFound
from kernel.api.renderers import encoder

_CLASSIC = re.compile(r"^(/api(/v1)?)?/udf(/|$)")
_OURS = ("Content-Type", "Content-Length")


class ClassicErrorsMiddleware:
    """Put `{"s": "error", "errmsg": …}` in the place of any error on a classic path; status and headers stay.

    Those clients read every body as JSON whatever the status, and take one without `s` for the answer itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return in_classic_words(request.path, self.get_response(request))


def in_classic_words(path: str, response: HttpResponse) -> HttpResponse:
    """`response`, or where it is an error on a classic path one with the body that its clients read."""
    if response.status_code < 400 or not _CLASSIC.match(path):
        return response
    body = encoder.encode({"s": "error", "errmsg": _message(response)})
    found = HttpResponse(body, status=response.status_code, content_type="application/json")
    for name, value in response.items():
        if name not in _OURS:
            found[name] = value
    if "Content-Length" in response:
        found["Content-Length"] = str(len(body))
    return found


def _message(response: HttpResponse) -> str:
    try:
        problem: Any = json.loads(response.content)
    except ValueError:
        problem = {}
    if problem.get("code") == SymbolNotFound.code:
        return SymbolNotFound.code
    faults = [f"{name}: {' '.join(map(str, said))}" for name, said in problem.get("errors", {}).items()]
    return "; ".join(faults) or problem.get("detail", response.reason_phrase)
