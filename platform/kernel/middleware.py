"""Around every request: its id and sender, one spelling of its path, JSON errors on API paths, refusals on record."""

import logging
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware

from kernel import audit
from kernel.api.parsers import body_limit
from kernel.api.renderers import encoder
from kernel.errors import PROBLEM_CONTENT_TYPE, problem
from kernel.logs import set_request_id
from kernel.net import FORWARDED, FORWARDED_SCHEME, address_behind, is_trusted, serving

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_LENGTH = re.compile(r"[0-9]{1,18}")
_PAGES = ("/admin/", "/static/")
_TOOLS = re.compile(r"^/admin/|/(docs|redoc|ws/asyncapi)/?$")
_TITLES = {
    400: ("bad_request", "The request cannot be understood."),
    403: ("permission_denied", "This is not allowed."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "This method is not allowed here."),
    408: ("request_timeout", "The request took too long to arrive."),
    413: ("body_too_large", "The request body is too large."),
    414: ("address_too_long", "The address of the request is too long."),
    431: ("headers_too_large", "The headers of the request are too many or too long."),
    500: ("internal_error", "Something went wrong on our side."),
    503: ("unavailable", "The request could not be served in time; try again."),
}


def problem_response(status: int, request_id: str = "") -> HttpResponse:
    code, detail = _TITLES.get(status, ("error", "The request failed."))
    body = encoder.encode(problem(status, code, detail, request_id=request_id))
    return HttpResponse(body, status=status, content_type=PROBLEM_CONTENT_TYPE)


def early_refusal(status: int) -> HttpResponse:
    """The whole answer to a request that no middleware will see: the server itself cannot take it in."""
    request_id = uuid.uuid4().hex
    response = problem_response(status, request_id)
    response["X-Request-ID"] = request_id
    response["Content-Length"] = str(len(response.content))
    response["Content-Security-Policy"] = settings.CONTENT_SECURITY_POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = settings.SECURE_REFERRER_POLICY
    response["Cache-Control"] = "no-store"
    if status == 503:
        response["Retry-After"] = "1"
    return response


class RequestIdMiddleware:
    """Give every request an id (the caller's, if it sent a sane one) and say it in the answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get("X-Request-ID", "")
        request_id = sent if _SANE_ID.fullmatch(sent) else uuid.uuid4().hex
        set_request_id(request_id)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class ClientAddressMiddleware:
    """Put the sender's own address into `REMOTE_ADDR`, for us and every library, whatever proxies stand between.

    Forwarded headers of anybody but `TRUSTED_PROXIES` are taken away before anything can believe them.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        peer, forwarded_for = meta.get("REMOTE_ADDR"), meta.get("HTTP_X_FORWARDED_FOR", "")
        if not is_trusted(peer):
            meta.pop(FORWARDED_SCHEME, None)
        for name in FORWARDED:
            meta.pop(name, None)
        meta["REMOTE_ADDR"] = address_behind(peer, forwarded_for) or ""
        with serving(request):
            return self.get_response(request)


class ApiPathMiddleware:
    """Let `/x` and `/x/` mean the same without a redirect, and keep HTML errors away from API paths."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/admin":
            request.path_info = "/admin/"
        if request.path_info.startswith(_PAGES):
            return self.get_response(request)
        if len(request.path_info) > 1 and request.path_info.endswith("/"):
            request.path_info = request.path_info.removesuffix("/")
        if not _LENGTH.fullmatch(request.META.get("CONTENT_LENGTH") or "0"):
            return problem_response(400)
        response = self.get_response(request)
        if response.status_code >= 400 and response.get("Content-Type", "").startswith("text/html"):
            response = _without_page(response)
        if "Authorization" in request.headers:
            response.setdefault("Cache-Control", "no-store")
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Refuse an announced length over the view's limit before a byte of the body is read."""
        if request.path_info.startswith(_PAGES):
            return None
        length = int(request.META.get("CONTENT_LENGTH") or "0")
        return problem_response(413) if length > body_limit(getattr(view, "cls", None)) else None


def _without_page(response: HttpResponse) -> HttpResponse:
    """The problem that takes the place of an HTML error; what its other headers say (`Allow`, `Vary`) stays true."""
    found = problem_response(response.status_code)
    for name, value in response.items():
        if name != "Content-Length":
            found.setdefault(name, value)
    return found


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """The static files; what a symbolic link in our own folders brings in from elsewhere is not among them."""

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: Any = None) -> None:
        if _stays_inside(path):
            super().add_file_to_dictionary(url, path, stat_cache=stat_cache)

    def candidate_paths_for_url(self, url: str) -> Iterator[str]:
        return filter(_stays_inside, super().candidate_paths_for_url(url))


def _stays_inside(path: str) -> bool:
    """Whether what `path` leads to is in that one of our folders which holds it; a package may link as it likes."""
    if "\0" in path:
        return False
    folders = [Path(folder) for folder in (*settings.STATICFILES_DIRS, settings.STATIC_ROOT)]
    holding = [folder for folder in folders if Path(path).is_relative_to(folder)]
    return all(Path(path).resolve().is_relative_to(folder.resolve()) for folder in holding)


class ContentSecurityPolicyMiddleware:
    """Send the strict policy, and a looser one for the tools whose bundled scripts need it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        tools = _TOOLS.search(request.path)
        policy = settings.CONTENT_SECURITY_POLICY_TOOLS if tools else settings.CONTENT_SECURITY_POLICY
        response.setdefault("Content-Security-Policy", policy)
        return response


class RefusalAuditMiddleware:
    """Write down whatever somebody signed in was refused for want of a right, by the API or the control panel."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 403 and request.user.is_authenticated:
            body = getattr(response, "data", None)
            reason = str(body["code"]) if isinstance(body, dict) and "code" in body else "permission_denied"
            try:
                audit.record(
                    "authorisation.refused", target=request.path, detail={"method": request.method, "reason": reason}
                )
            except DatabaseError:
                logger.exception("a refusal could not be written down")
        return response
