"""The one bar builder: whole bars of a base resolution in, bars of a higher one out, live and from history alike."""

from copy import copy

import numpy as np

from datafeed.bars import BarColumns, Floats, FormingBar, RawBar, Times
from datafeed.resolutions import is_intraday, seconds
from datafeed.sessions import Hours


class BarBuilder:
    """Builds bars of `resolution` from bars of `base`, given in ascending order in batches of any size.

    A bar closes when a base bar's close reaches its end, or when a base bar of a later bucket arrives. How the base
    bars are cut into batches changes nothing, not even the last bit of a volume.
    """

    def __init__(self, resolution: str, hours: Hours, *, base: str) -> None:
        self.resolution, self.hours, self.base = resolution, hours, base
        self.forming: FormingBar | None = None
        self._end = 0
        self._newest: int | None = None

    def add(self, bars: BarColumns) -> BarColumns:
        """Take base bars later than all before; the bars that closed by them, ascending.

        Raises `ValueError` for bars that do not come after the last one taken.
        """
        if not len(bars):
            return BarColumns.empty()
        if self._newest is not None and bars.time[0] <= self._newest:
            raise ValueError("base bars must come in ascending order")
        self._newest = int(bars.time[-1])
        starts, ends = self._buckets(bars.time)
        if self.forming is not None:
            bars = BarColumns.of([self.forming]).joined(bars)
            starts = np.concatenate([[self.forming.opened_at], starts])
            ends = np.concatenate([[self._end], ends])
        built, built_ends = _group(bars, starts, ends)
        return self._close(built, int(built_ends[-1]))

    @property
    def next_from(self) -> int | None:
        """The earliest stamp that the next base bar can have; none before the first."""
        return None if self._newest is None else self._newest + 1

    def preview(self, bar: RawBar | FormingBar) -> FormingBar:
        """The forming bar as it would be with `bar`, a base bar that is itself still forming."""
        trial = copy(self)
        closed = trial.add(BarColumns.of([bar]))
        return trial.forming or closed.at(-1)

    def _close(self, built: BarColumns, last_end: int) -> BarColumns:
        assert self._newest is not None  # noqa: S101  set by the only caller
        if self.hours.bucket(self.base, self._newest, self.base).end >= last_end:
            self.forming = None
            return built
        self.forming, self._end = built.at(-1), last_end
        return built.cut(stop=-1)

    def _buckets(self, time: Times) -> tuple[Times, Times]:
        """The stamp and the end of the bucket of each base bar."""
        starts, ends = np.empty_like(time), np.empty_like(time)
        within_day = is_intraday(self.resolution)
        position = 0
        while position < len(time):
            first = int(time[position])
            if within_day:
                span = self.hours.span(first)
                stop = int(np.searchsorted(time, span.end))
                step = seconds(self.resolution)
                grid = span.start + (time[position:stop] - span.start) // step * step
                starts[position:stop], ends[position:stop] = grid, np.minimum(grid + step, span.end)
            else:
                bucket = self.hours.bucket(self.resolution, first, self.base)
                stop = int(np.searchsorted(time, bucket.until))
                starts[position:stop], ends[position:stop] = bucket.start, bucket.end
            position = stop
        return starts, ends


def _group(bars: BarColumns, starts: Times, ends: Times) -> tuple[BarColumns, Times]:
    """One bar for each run of equal `ends`, and the end of each."""
    firsts = np.concatenate([[0], np.flatnonzero(ends[1:] != ends[:-1]) + 1])
    stops = np.concatenate([firsts[1:], [len(ends)]])
    built = BarColumns(
        time=starts[firsts],
        open=bars.open[firsts],
        high=np.maximum.reduceat(bars.high, firsts),
        low=np.minimum.reduceat(bars.low, firsts),
        close=bars.close[stops - 1],
        volume=_totals(bars.volume, firsts, stops),
    )
    return built, ends[firsts]


def _totals(volume: Floats, firsts: Times, stops: Times) -> Floats:
    # Added one after the other as live bars are: numpy's own sum adds in another order and rounds otherwise.
    runs = zip(firsts.tolist(), stops.tolist(), strict=True)
    return np.array([np.add.accumulate(volume[first:stop])[-1] for first, stop in runs])


def aggregate(bars: BarColumns, resolution: str, hours: Hours, *, base: str) -> BarColumns:
    """The closed bars of `resolution` that `bars` of `base` make up."""
    return BarBuilder(resolution, hours, base=base).add(bars)
