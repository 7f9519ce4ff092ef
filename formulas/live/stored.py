"""The stored bars of one series as live formulas take them, and the holes that they wait at."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from datafeed.models import Gap, Instrument
from datafeed.selectors import BarColumns, bar_blocks, bar_closes, hours_of, source_of
from formulas import engine
from kernel import clock

# A provider that has not given the bars by then, after two looks at its history, does not have them.
HOLD_FOR = timedelta(hours=2)


class Hole(NamedTuple):
    """Bars that are missing: from the one stamped `since` to before `until`, epoch seconds."""

    since: int
    until: int


class Stored:
    """The closed bars of an instrument in one resolution, and its holes that changed after the moment `since`.

    All times are epoch seconds. Raises `ResolutionNotServed` where there is no such series.
    """

    def __init__(self, instrument: Instrument, resolution: str, since: datetime) -> None:
        self._instrument, self._resolution = instrument, resolution
        _, self._series = source_of(instrument, resolution)
        self._closes: dict[int, int] = {}
        open_or_filled = Q(filled_at=None, found_at__gt=clock.now() - HOLD_FOR) | Q(filled_at__gte=since)
        self._gaps = list(Gap.objects.filter(open_or_filled, series=self._series).order_by("since"))

    def bars(self, since: int, until: int | None = None) -> Iterator[engine.Bar]:
        """Closed bars with `since <= time < until`, block by block, so that no history is too long."""
        if until is not None and since >= until:
            return
        for block in bar_blocks(self._instrument, self._resolution, since=since, until=until):
            yield from engine_bars(block)

    def first_time(self) -> int | None:
        """When the very first bar opened."""
        first = next(self.bars(0), None)
        return None if first is None else first.time

    def closed_at(self, time: int) -> int:
        """When the bar stamped `time` closed."""
        if time not in self._closes:
            (self._closes[time],) = bar_closes(self._instrument, self._resolution, [time])
        return self._closes[time]

    def hole(self, warm_from: int) -> Hole | None:
        """The first hole after `warm_from` of which nobody knows yet whether it can be filled."""
        gap = next((gap for gap in self._gaps if gap.filled_at is None and gap.until > warm_from), None)
        return Hole(self._stamp(gap.since), gap.until) if gap else None

    def was_filled(self, since: datetime, last: int) -> bool:
        """Whether bars up to the one stamped `last` came belatedly, after the moment `since`."""
        return any(gap.filled_at and gap.filled_at >= since and gap.since <= last for gap in self._gaps)

    def _stamp(self, base_stamp: int) -> int:
        """The stamp of the bar that a bar of the recorded series is part of."""
        if self._series.resolution == self._resolution:
            return base_stamp
        return hours_of(self._series).bucket(self._resolution, base_stamp, self._series.resolution).start


def engine_bars(bars: BarColumns) -> Iterator[engine.Bar]:
    """Stored bars as the engine takes them: time in epoch seconds, prices and volume as floats."""
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return map(engine.Bar._make, zip(*(column.tolist() for column in columns), strict=True))
