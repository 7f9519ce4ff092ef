"""Reading JSON bodies strictly: bounded, valid UTF-8, finite numbers, no control characters."""

import json
import re
from collections.abc import Mapping
from typing import IO, Any

import msgspec
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from kernel.errors import DomainError, Invalid

INTEGER_LIMIT = 2**63
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class BodyTooLarge(DomainError):
    code = "body_too_large"
    status = 413  # type: ignore[assignment]
    message = "The request body is too large."


def body_limit(view: Any) -> int:
    """How many bytes a request to `view` may have: its own `body_limit`, or the one for all."""
    return int(getattr(view, "body_limit", settings.REQUEST_BODY_LIMIT))


def text_limit(view: Any) -> int:
    """How many characters a text sent to `view` may have: its own `text_limit`, or the one for all.

    A view that says more has a limit on each of its fields.
    """
    return int(getattr(view, "text_limit", settings.JSON_TEXT_LIMIT))


class StrictJSONParser(BaseParser):
    """`application/json`, read as `read_json` does. Of a key that is given twice the last one counts."""

    media_type = "application/json"

    def limit(self, view: Any) -> int:
        return body_limit(view)

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        view = (parser_context or {}).get("view")
        limit = self.limit(view)
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge
        return self.read(body, text_limit(view))

    def read(self, body: bytes, longest: int) -> Any:
        return read_json(body, longest)


class UniqueKeysParser(StrictJSONParser):
    """The same, for views of roles, orders and configuration: who gives a key twice may not mean the last one."""

    def read(self, body: bytes, longest: int) -> Any:
        value = super().read(body, longest)
        json.loads(body, object_pairs_hook=_refuse_repeats)
        return value


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise Invalid.field(key[:100], "This key is given more than once.")
        seen.add(key)


def read_json(body: bytes | str, longest: int | None = None) -> Any:
    """The value in `body`, whose texts have at most `longest` characters (`JSON_TEXT_LIMIT` where unsaid).

    Raises `ParseError` for what is not plain, bounded JSON, and `Invalid` where one field of an object is at fault.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise ParseError(f"The body is not valid JSON: {str(error)[:120]}") from None
    _Check(settings.JSON_TEXT_LIMIT if longest is None else longest).body(value)
    return value


class _Check:
    """Refuses nesting, keys, numbers and texts that no field of ours could mean."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._depth, self._keys = settings.JSON_DEPTH_LIMIT, settings.JSON_KEYS_LIMIT

    def body(self, value: Any) -> None:
        if not isinstance(value, dict):
            self._value(value, 1)
            return
        self._names(value)
        for name, item in value.items():
            try:
                self._value(item, 2)
            except ParseError as error:
                raise Invalid.field(name, str(error.detail)) from None

    def _value(self, value: Any, depth: int) -> None:
        if isinstance(value, str):
            self._text(value)
        elif isinstance(value, int) and abs(value) >= INTEGER_LIMIT:
            raise ParseError("A number is out of range.")
        elif isinstance(value, list | dict):
            if depth > self._depth:
                raise ParseError(f"The body is nested more than {self._depth} deep.")
            if isinstance(value, dict):
                self._names(value)
            for item in value.values() if isinstance(value, dict) else value:
                self._value(item, depth + 1)

    def _names(self, value: dict[str, Any]) -> None:
        if len(value) > self._keys:
            raise ParseError(f"An object has more than {self._keys} keys.")
        for name in value:
            self._text(name)

    def _text(self, text: str) -> None:
        if len(text) > self._longest:
            raise ParseError(f"A text may have {self._longest} characters.")
        if _CONTROL.search(text):
            raise ParseError("A text holds a control character.")
