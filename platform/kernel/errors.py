"""Errors with a stable code, and the one body (RFC 9457 problem+json) that any of them becomes."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError, OperationalError
from django.http import Http404
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.response import Response

from kernel.logs import current_request_id

logger = logging.getLogger(__name__)

FieldErrors = Mapping[str, Any]
PROBLEM_CONTENT_TYPE = "application/problem+json"


class DomainError(Exception):
    """A refusal that its reader can act on.

    `code` is stable and machine-readable, `status` the HTTP status it answers with, `errors` names the faulty
    fields where there are any. Each app subclasses it by case.
    """

    code = "invalid"
    status = HTTPStatus.BAD_REQUEST
    message = "The request cannot be carried out."

    def __init__(self, message: str = "", *, errors: FieldErrors | None = None, **headers: str) -> None:
        self.message = message or self.message
        self.errors = errors
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(self.message)


class Invalid(DomainError):
    """One or more fields are wrong; `errors` names each."""

    code = "validation_error"
    message = "Some fields are not valid."

    @classmethod
    def field(cls, name: str, *messages: str) -> "Invalid":
        return cls(errors={name: list(messages)})


class NotFound(DomainError):
    code = "not_found"
    status = HTTPStatus.NOT_FOUND
    message = "Not found."


class Forbidden(DomainError):
    code = "permission_denied"
    status = HTTPStatus.FORBIDDEN
    message = "Your role does not allow this."


class Conflict(DomainError):
    code = "conflict"
    status = HTTPStatus.CONFLICT
    message = "The request conflicts with the present state."


class Unavailable(DomainError):
    code = "unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    message = "A service this needs is not available at the moment."


def problem(
    status: int, code: str, detail: str, errors: FieldErrors | None = None, request_id: str | None = None
) -> dict[str, Any]:
    """The body of an error: `type, title, status, detail, code, request_id` and, for validation, `errors`."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        "request_id": request_id or current_request_id(),
    }
    if errors:
        body["errors"] = errors
    return body


def problem_of(error: Exception) -> tuple[dict[str, Any], dict[str, str]] | None:
    """The body and headers that `error` answers with; none where it is a fault of ours."""
    match error:
        case DomainError():
            body = problem(error.status, error.code, error.message, error.errors)
            return body, dict(error.headers)
        case exceptions.ValidationError():
            return problem(400, "validation_error", Invalid.message, _fields(error.detail)), {}
        case ValidationError():
            return problem(400, "validation_error", Invalid.message, _django_fields(error)), {}
        case Http404():
            return problem(404, NotFound.code, NotFound.message), {}
        case PermissionDenied():
            return problem(403, Forbidden.code, Forbidden.message), {}
        case exceptions.APIException():
            return _of_framework(error)
        case DataError() | OverflowError():
            # A number or text that no column can hold is the sender's fault, whatever layer found out.
            return problem(400, "out_of_range", "A value is out of range."), {}
        case OperationalError() | RedisError():
            return problem(503, "unavailable", Unavailable.message), {"Retry-After": "1"}
        case _:
            return None


def _of_framework(error: exceptions.APIException) -> tuple[dict[str, Any], dict[str, str]]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    if isinstance(error.detail, dict):
        code: Any = error.detail.get("code", error.default_code)
        detail: Any = error.detail.get("detail", error.default_detail)
    else:
        code, detail = error.get_codes(), error.detail
    return problem(error.status_code, str(code), str(detail)), headers


def _fields(detail: Any) -> dict[str, Any]:
    if isinstance(detail, Mapping):
        return {str(name): _messages(value) for name, value in detail.items()}
    return {"non_field_errors": _messages(detail)}


def _messages(value: Any) -> Any:
    """Keep nested shapes (a list of objects, a child's fields); a lone message becomes a list of one."""
    if isinstance(value, Mapping):
        return {str(name): _messages(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [item if isinstance(item, str) else _messages(item) for item in value]
    return [str(value)]


def _django_fields(error: ValidationError) -> dict[str, Any]:
    if hasattr(error, "message_dict"):
        return dict(error.message_dict)
    return {"non_field_errors": list(error.messages)}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's hook: any error raised in a view becomes a problem; what is our fault is logged and says no more."""
    known = problem_of(error)
    if known is None:
        logger.exception("unexpected error in %s", context.get("view"), exc_info=error)
        known = problem(500, "internal_error", "Something went wrong on our side."), {}
    body, headers = known
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM_CONTENT_TYPE)
