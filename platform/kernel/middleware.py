"""Around every request: its id, one spelling of its path, and JSON errors on API paths."""

import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from kernel.api.renderers import encoder
from kernel.errors import PROBLEM_CONTENT_TYPE, problem
from kernel.logs import set_request_id

GetResponse = Callable[[HttpRequest], HttpResponse]

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_PAGES = ("/admin/", "/static/")
_TOOLS = re.compile(r"^/admin/|/(docs|redoc|ws/asyncapi)/?$")
_TITLES = {
    400: ("bad_request", "The request cannot be understood."),
    403: ("permission_denied", "This is not allowed."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "This method is not allowed here."),
    413: ("body_too_large", "The request body is too large."),
    500: ("internal_error", "Something went wrong on our side."),
}


def problem_response(status: int) -> HttpResponse:
    code, detail = _TITLES.get(status, ("error", "The request failed."))
    return HttpResponse(encoder.encode(problem(status, code, detail)), status=status, content_type=PROBLEM_CONTENT_TYPE)


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


class ApiPathMiddleware:
    """Let `/x` and `/x/` mean the same without a redirect, and keep HTML errors away from API paths."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(_PAGES) or request.path_info == "/admin":
            return self.get_response(request)
        if len(request.path_info) > 1 and request.path_info.endswith("/"):
            request.path_info = request.path_info.removesuffix("/")
        # An announced length over the limit is refused before a byte of the body is read.
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > settings.REQUEST_BODY_LIMIT:
            return problem_response(413 if length.isdigit() else 400)
        response = self.get_response(request)
        if response.status_code >= 400 and response.get("Content-Type", "").startswith("text/html"):
            response = problem_response(response.status_code)
        if "Authorization" in request.headers:
            response.setdefault("Cache-Control", "no-store")
        return response


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
