"""API answers are JSON whatever `Accept` says, and decimals are numbers on the wire."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


def _plain(value: Any) -> Any:
    """Lazy texts and other objects that Django puts into answers, as text."""
    return str(value)


encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain)


class FastJSONRenderer(BaseRenderer):
    """JSON in UTF-8 with `Decimal` as an exact number."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else encoder.encode(data)


class AlwaysJSON(BaseContentNegotiation):
    """Take the parser that fits the body and the first renderer, so that a browser gets JSON as well."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        content_type = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type or "application/json"
