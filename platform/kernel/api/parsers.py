"""Reading JSON bodies strictly: bounded, valid UTF-8, finite numbers, no control characters."""

import re
from collections.abc import Mapping
from typing import IO, Any

import msgspec
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from kernel.errors import DomainError

DEPTH_LIMIT = 32
KEYS_LIMIT = 1_000
INTEGER_LIMIT = 2**63
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class BodyTooLarge(DomainError):
    code = "body_too_large"
    status = 413  # type: ignore[assignment]
    message = "The request body is too large."


def body_limit(view: Any) -> int:
    """How many bytes a request to `view` may have: its own `body_limit`, or the one for all."""
    return int(getattr(view, "body_limit", settings.REQUEST_BODY_LIMIT))


class StrictJSONParser(BaseParser):
    """`application/json`, read as `read_json` does."""

    media_type = "application/json"

    def limit(self, view: Any) -> int:
        return body_limit(view)

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = self.limit((parser_context or {}).get("view"))
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge
        return read_json(body)


def read_json(body: bytes | str) -> Any:
    """The value in `body`; raises `ParseError` for anything that is not plain, bounded JSON."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise ParseError(f"The body is not valid JSON: {str(error)[:120]}") from None
    check_value(value)
    return value


def check_value(value: Any, depth: int = 0) -> None:
    """Refuse nesting, keys, numbers and characters that no field of ours could mean; raises `ParseError`."""
    if depth > DEPTH_LIMIT:
        raise ParseError(f"The body is nested more than {DEPTH_LIMIT} deep.")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= INTEGER_LIMIT:
        raise ParseError("A number is out of range.")
    elif isinstance(value, list):
        for item in value:
            check_value(item, depth + 1)
    elif isinstance(value, dict):
        if len(value) > KEYS_LIMIT:
            raise ParseError(f"An object has more than {KEYS_LIMIT} keys.")
        for key, item in value.items():
            _check_text(key)
            check_value(item, depth + 1)


def _check_text(text: str) -> None:
    if _CONTROL.search(text):
        raise ParseError("A text holds a control character.")
