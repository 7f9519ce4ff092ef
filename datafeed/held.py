"""Bars held in memory, as columns and as the JSON of their pages: what is closed is encoded once and cut as bytes."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datafeed.bars import BarColumns, FormingBar
from kernel.api.renderers import encoder

SEGMENT = 1_000
MILLISECONDS = 1_000
_ROW = b'{"time":%b,"open":%b,"high":%b,"low":%b,"close":%b,"volume":%b}'
_COLUMNS = 6
# Of memory, with both encodings, which a page may ask for at any time.
_BYTES_OF_A_BAR = 250


class Encoded:
    """The JSON texts of many things, joined by commas; any run of them is one cut."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.text = b",".join(texts)
        self._ends = np.fromiter(accumulate(len(text) + 1 for text in texts), np.int32, len(texts))

    def cut(self, start: int, stop: int) -> bytes:
        """Those from `start` to before `stop`, of which there is at least one."""
        begin = int(self._ends[start - 1]) if start else 0
        return self.text[begin : int(self._ends[stop - 1]) - 1]

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return len(self.text) + self._ends.nbytes


class Segment:
    """Some closed bars in a row. Both encodings are made when a page first needs them."""

    def __init__(self, bars: BarColumns) -> None:
        self.bars = bars
        self.first = int(bars.time[0])

    def __len__(self) -> int:
        return len(self.bars)

    @cached_property
    def rows(self) -> Encoded:
        """Each bar as an object, its time in milliseconds."""
        columns = [_numbers(self.bars.time * MILLISECONDS), *map(_numbers, self.bars.values)]
        return Encoded([_ROW % row for row in zip(*columns, strict=True)])

    @cached_property
    def columns(self) -> tuple[Encoded, ...]:
        """Time (seconds), open, high, low, close and volume, each by itself."""
        return tuple(Encoded(_numbers(column)) for column in (self.bars.time, *self.bars.values))

    @property
    def size(self) -> int:
        """Bytes of memory, now or once it is encoded."""
        kept: dict[str, Any] = vars(self)
        encoded: list[Encoded] = [*kept.get("columns", ()), *([kept["rows"]] if "rows" in kept else [])]
        return max(len(self) * _BYTES_OF_A_BAR, len(self) * 8 * _COLUMNS + sum(one.size for one in encoded))


def _numbers(column: NDArray[Any]) -> list[bytes]:
    return encoder.encode(column.tolist())[1:-1].split(b",")


class Part(NamedTuple):
    """The bars of `segment` from position `start` to before `stop`; never none."""

    segment: Segment
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Page:
    """Bars in ascending order: closed ones, and one at the end that is still forming or none."""

    parts: tuple[Part, ...]
    forming: FormingBar | None = None

    def __len__(self) -> int:
        return sum(part.stop - part.start for part in self.parts) + (self.forming is not None)

    def rows(self) -> bytes:
        """The bars as a JSON array of objects, times in milliseconds."""
        return b"[%b]" % b",".join([segment.rows.cut(start, stop) for segment, start, stop in self._parts()])

    def columns(self) -> list[bytes]:
        """Time (seconds), open, high, low, close and volume, each a JSON array."""
        cuts = [[column.cut(start, stop) for column in segment.columns] for segment, start, stop in self._parts()] or [
            [b""] * _COLUMNS
        ]
        return [b"[%b]" % b",".join(texts) for texts in zip(*cuts, strict=True)]

    def times(self) -> list[int]:
        """The stamps of the bars, epoch seconds."""
        return [time for segment, start, stop in self._parts() for time in segment.bars.time[start:stop].tolist()]

    def followed_by(self, forming: FormingBar, most: int) -> "Page":
        """The same and then `forming`, without the oldest bar where that is one more than `most`."""
        parts = tuple(self._parts())
        if len(self) >= most:
            first = parts[0]._replace(start=parts[0].start + 1)
            parts = (first, *parts[1:]) if first.start < first.stop else parts[1:]
        return Page(parts, forming)

    def _parts(self) -> list[Part]:
        last = [] if self.forming is None else [Part(Segment(BarColumns.of([self.forming])), 0, 1)]
        return [*self.parts, *last]

    @property
    def newest(self) -> int | None:
        """The stamp of the last closed bar."""
        return int(self.parts[-1].segment.bars.time[self.parts[-1].stop - 1]) if self.parts else None


@dataclass(frozen=True, slots=True)
class Held:
    """The newest closed bars of a series in one resolution, without a hole; all there are where it `is_whole`.

    `edition` and `revision` say which state of the store they are. Never changed: others take its place.
    """

    edition: Any
    revision: int
    segments: tuple[Segment, ...]
    is_whole: bool

    @classmethod
    def of(cls, bars: BarColumns, *, edition: Any, revision: int, is_whole: bool) -> "Held":
        return cls(edition, revision, _segments(bars), is_whole)

    @property
    def first(self) -> int | None:
        """The stamp of the earliest bar held."""
        return self.segments[0].first if self.segments else None

    @property
    def last(self) -> int | None:
        return int(self.segments[-1].bars.time[-1]) if self.segments else None

    @property
    def size(self) -> int:
        """Bytes of memory, now or once it is encoded."""
        return sum(segment.size for segment in self.segments)

    @property
    def count(self) -> int:
        return sum(map(len, self.segments))

    def page(self, since: int | None, until: int, most: int) -> Page | None:
        """The newest `most` closed bars with `since <= time < until`; none where more would have to be known."""
        parts: list[Part] = []
        position = bisect_left(self.segments, until, key=lambda segment: segment.first)
        while position and most:
            position -= 1
            segment = self.segments[position]
            part = _part(segment, since, until, most)
            if part is None:
                break
            parts.insert(0, part)
            most -= part.stop - part.start
            if part.start:
                return Page(tuple(parts))
        is_known = not most or self.is_whole or position or (since is not None and self._reaches(since))
        return Page(tuple(parts)) if is_known else None

    def _reaches(self, since: int) -> bool:
        return self.first is not None and self.first <= since

    def with_later(self, bars: BarColumns, revision: int) -> "Held":
        """The same and what has been recorded since."""
        if not len(bars) or not self.segments:
            return replace(self, revision=revision, segments=self.segments or _segments(bars))
        *before, last = self.segments
        return replace(self, revision=revision, segments=(*before, *_segments(last.bars.joined(bars))))

    def with_earlier(self, bars: BarColumns, *, is_whole: bool) -> "Held":
        """The same and what comes right before it."""
        return replace(self, segments=(*_segments(bars), *self.segments), is_whole=is_whole)


def _segments(bars: BarColumns) -> tuple[Segment, ...]:
    return tuple(Segment(bars.cut(start, start + SEGMENT)) for start in range(0, len(bars), SEGMENT))


def _part(segment: Segment, since: int | None, until: int, most: int) -> Part | None:
    time = segment.bars.time
    stop = int(np.searchsorted(time, until))
    start = 0 if since is None else int(np.searchsorted(time, since))
    start = max(start, stop - most)
    return Part(segment, start, stop) if start < stop else None
