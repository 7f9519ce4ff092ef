"""Answers sent piece by piece, whichever kind of server sends them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse


class PiecewiseResponse(StreamingHttpResponse):
    """Streams a plain iterator on a loop as well: each piece is made on a thread, and only one is held at a time."""

    def __init__(self, pieces: Iterator[bytes], **options: Any) -> None:
        super().__init__(pieces, **options)
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        following = sync_to_async(lambda: next(self._pieces, None))
        while (piece := await following()) is not None:
            yield piece
