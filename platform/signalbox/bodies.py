"""How much of a request's body the server takes in: what its path may have, before anything reads it."""

from typing import Any, cast

from daphne.http_protocol import WebRequest
from django.urls import Resolver404, resolve

from kernel.api.parsers import body_limit
from kernel.api.renderers import encoder
from kernel.errors import PROBLEM_CONTENT_TYPE, problem

# Whoever is still sending reads our answer only when they are done; beyond this they are cut off.
DISCARD_AT_MOST = 256 * 1024 * 1024


def limit_of(path: bytes) -> int:
    """The most bytes that a request to `path` may have."""
    text = "/" + path.partition(b"?")[0].decode("ascii", "replace").strip("/")
    try:
        return body_limit(getattr(resolve(text).func, "cls", None))
    except Resolver404:
        return body_limit(None)


class BoundedRequest(WebRequest):
    """Daphne's request, which by itself holds whatever is sent: refuses by the length that is announced, or counts.

    A body without an announced length that is within its limit gets one, which everything behind relies on.
    """

    _left = 0
    _taken = 0
    _is_refused = False

    def gotLength(self, length: int | None) -> None:  # noqa: N802  Twisted's name
        super().gotLength(length)
        channel: Any = self.channel
        self._left = limit_of(channel._path)
        if length is not None and length > self._left:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        self._taken += len(data)
        if not self._is_refused and self._taken > self._left:
            self._refuse()
        if not self._is_refused:
            super().handleContentChunk(data)
        elif self._taken > DISCARD_AT_MOST:
            self.channel.forceAbortClient()

    def requestReceived(self, *args: Any) -> None:  # noqa: N802
        if self._is_refused:
            self.channel.loseConnection()
            return
        if self._taken and not self.requestHeaders.hasHeader(b"content-length"):
            self.requestHeaders.setRawHeaders(b"content-length", [str(self._taken).encode()])
        super().requestReceived(*args)

    def _refuse(self) -> None:
        """Answer at once, and forget what came so far; nothing more is asked of this connection."""
        self._is_refused = True
        connection: Any = self.channel
        cast(Any, self.content).truncate(0)
        body = encoder.encode(problem(413, "body_too_large", "The request body is too large."))
        connection.transport.write(
            b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n"
            b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (PROBLEM_CONTENT_TYPE.encode(), len(body), body)
        )


def bound_requests(factory: Any) -> None:
    """Let every connection that Daphne's `factory` accepts make bounded requests."""
    build = factory.buildProtocol

    def build_bounded(address: Any) -> Any:
        protocol = build(address)
        protocol.requestFactory = BoundedRequest
        return protocol

    factory.buildProtocol = build_bounded
