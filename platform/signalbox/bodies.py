"""What the server takes in of a request before anything reads it: so much of each part, and for so long."""

import re
from functools import lru_cache
from typing import Any, cast

from daphne.http_protocol import WebRequest
from django.conf import settings
from django.http import HttpResponse
from django.urls import Resolver404, resolve
from twisted.web.http import HTTPChannel

from datafeed.middleware import in_classic_words
from kernel.api.parsers import body_limit
from kernel.middleware import early_refusal

_NO_HEADER = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f\x85]")


@lru_cache(maxsize=1024)
def limit_of(path: bytes) -> int:
    """The most bytes that the body of a request to `path` may have."""
    text = "/" + path.partition(b"?")[0].decode("ascii", "replace").strip("/")
    if text.startswith("/admin/"):
        text += "/"  # which is how the control panel spells its addresses
    try:
        return body_limit(getattr(resolve(text).func, "cls", None))
    except Resolver404:
        return body_limit(None)


class BoundedChannel(HTTPChannel):
    """One connection, whose requests have a size and a time for their head, and others for their body.

    The times are for all of a part, not for the gaps in it: a byte now and then buys nothing.
    """

    # Our own limits are lower and answered in our own words.
    totalHeadersSize = maxHeaders = 2**20  # noqa: N815  Twisted's names
    is_refused = False
    _is_idle = True
    _is_in_head = False
    _header_count = 0
    _header_bytes = 0
    _asked = b""

    def connectionMade(self) -> None:  # noqa: N802
        self.MAX_LENGTH = max(settings.ADDRESS_LIMIT, settings.HEADER_BYTES_LIMIT)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self.is_refused:
            return
        if self._is_idle:
            self._begin()
        super().dataReceived(data)

    def resetTimeout(self) -> None:  # noqa: N802
        """What arrives prolongs nothing."""

    def lineReceived(self, line: bytes) -> bool:  # noqa: N802
        if self._is_idle:
            self._begin()
        if status := self._fault_of(line):
            self.refuse(status)
        else:
            super().lineReceived(line)
        return self.is_refused

    def _begin(self) -> None:
        self._is_idle = False
        self._header_count = self._header_bytes = 0
        self.setTimeout(settings.HEADER_SECONDS)

    def _fault_of(self, line: bytes) -> int | None:
        """The status that a line of a request's head is refused with."""
        if not self._is_in_head:
            self._is_in_head = bool(line)
            self._asked = line
            return 414 if any(len(word) > settings.ADDRESS_LIMIT for word in line.split(b" ")) else None
        self._header_count += bool(line)
        self._header_bytes += len(line) + len(self.delimiter)
        if self._header_count > settings.HEADER_LIMIT or self._header_bytes > settings.HEADER_BYTES_LIMIT:
            return 431
        # A header that goes on in a second line is read differently by different servers.
        return 400 if line[:1] in {b" ", b"\t"} or _NO_HEADER.search(line) else None

    def lineLengthExceeded(self, line: bytes) -> bool:  # noqa: N802
        self._asked = self._asked if self._is_in_head else line
        self.refuse(431 if self._is_in_head else 414)
        return True

    def allHeadersReceived(self) -> None:  # noqa: N802
        self._is_in_head = False
        self.setTimeout(settings.BODY_SECONDS)
        if self.length and self.length > limit_of(cast(Any, self)._path):
            self.refuse(413)
        else:
            super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> bool:  # type: ignore[override]  # noqa: N802
        super().rawDataReceived(data)
        return self.is_refused

    def allContentReceived(self) -> None:  # noqa: N802
        if not self.is_refused:
            super().allContentReceived()

    def requestDone(self, request: Any) -> None:  # noqa: N802
        self._is_idle = True
        self._savedTimeOut = settings.IDLE_SECONDS
        if not self.persistent:
            self.setTimeout(settings.IDLE_SECONDS)  # for a client that does not read the answer either
        super().requestDone(request)

    def timeoutConnection(self) -> None:  # noqa: N802
        if self._is_idle:
            super().timeoutConnection()
        else:
            self.refuse(408)

    def refuse(self, status: int) -> None:
        """Answer at once and say goodbye; what still comes is thrown away unread.

        Whoever is still sending hears the answer only if we go on listening: for as long as a head may take.
        """
        if self.is_refused:
            return
        self.is_refused = True
        transport: Any = self.transport
        transport.write(_raw(_refusal(self._asked, status)))
        self.setTimeout(None)
        transport.unregisterProducer()
        transport.loseWriteConnection()
        self._abortingCall = self.callLater(settings.HEADER_SECONDS, self.forceAbortClient)

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        self.refuse(400)


class BoundedRequest(WebRequest):
    """Daphne's request, which by itself holds whatever is sent: counts what comes without an announced length.

    A body that is within its limit then gets its length, which everything behind relies on.
    """

    _left = 0
    _taken = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        super().gotLength(length)
        self._left = limit_of(cast(Any, self.channel)._path) if length is None else length

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        channel: Any = self.channel
        self._taken += len(data)
        if self._taken > self._left and not channel.is_refused:
            cast(Any, self.content).close()
            channel.refuse(413)
        if not channel.is_refused:
            super().handleContentChunk(data)

    def requestReceived(self, *args: Any) -> None:  # noqa: N802
        if self._taken and not self.requestHeaders.hasHeader(b"content-length"):
            self.requestHeaders.setRawHeaders(b"content-length", [str(self._taken).encode()])
        super().requestReceived(*args)

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """What Daphne itself refuses is told like everything else: Daphne would send a page."""
        response = _refusal(cast(Any, self.channel)._asked, status)
        headers = [(name.encode(), value.encode()) for name, value in response.items()]
        self.handle_reply({"type": "http.response.start", "status": status, "headers": headers})
        self.handle_reply({"type": "http.response.body", "body": response.content})


def _refusal(asked: bytes, status: int) -> HttpResponse:
    """What a request is refused with whose first line is `asked`, in the words that its path's clients read."""
    _, _, target = asked.partition(b" ")
    path = re.split(rb"[? ]", target, maxsplit=1)[0]
    return in_classic_words(path.decode("latin-1"), early_refusal(status))


def _raw(response: HttpResponse) -> bytes:
    status = f"HTTP/1.1 {response.status_code} {response.reason_phrase}\r\nConnection: close\r\n"
    return status.encode() + response.serialize_headers() + b"\r\n\r\n" + response.content


def bound_requests(factory: Any) -> None:
    """Let every connection that Daphne's `factory` accepts be bounded."""
    build = factory.buildProtocol
    factory.protocol = BoundedChannel
    factory.timeOut = settings.IDLE_SECONDS

    def build_bounded(address: Any) -> Any:
        protocol = build(address)
        protocol.requestFactory = BoundedRequest
        return protocol

    factory.buildProtocol = build_bounded
