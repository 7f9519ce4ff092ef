"""Reading bars: base resolutions straight from their rows, higher ones through the builder."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db.models import FloatField, QuerySet
from django.db.models.functions import Cast
from numpy.typing import NDArray

from datafeed.bars import BarColumns, FormingBar
from datafeed.builder import BarBuilder, aggregate
from datafeed.models import Bar, Instrument, Series
from datafeed.resolutions import is_intraday, seconds, unit
from datafeed.selectors.instruments import hours_of, source_of
from datafeed.sessions import DAY

_COLUMNS = ("open", "high", "low", "close", "volume")
# A day's bar may hold what traded on days off before it, a week's or month's also those of the days around it.
_REACH = {"": 0, "D": 10 * DAY, "W": 17 * DAY, "M": 41 * DAY}
FIRST_CHUNK = 262_144
BLOCK = 20_000


def read_bars(
    instrument: Instrument,
    resolution: str,
    *,
    since: int | None = None,
    until: int | None = None,
    last: int | None = None,
) -> BarColumns:
    """The closed bars with `since <= opened_at < until` (epoch seconds UTC), the newest `last` of them, ascending.

    Raises `ResolutionNotServed` where the instrument has no such bars.
    """
    name, series = source_of(instrument, resolution)
    if last is not None and last <= 0:
        return BarColumns.empty()
    if series.resolution == name:
        return read_series(series, since=since, until=until, last=last)
    if last is None:
        return _build(series, name, since, until)
    return _build_newest(series, name, since, until, last)


def read_series(
    series: Series, *, since: int | None = None, until: int | None = None, last: int | None = None
) -> BarColumns:
    """The recorded bars of `series` with `since <= opened_at < until`, the newest `last` of them, ascending."""
    rows = _rows(series)
    if since is not None:
        rows = rows.filter(opened_at__gte=since)
    if until is not None:
        rows = rows.filter(opened_at__lt=until)
    if last is None:
        return BarColumns.of(rows.order_by("opened_at"))
    return BarColumns.of(reversed(rows.order_by("-opened_at")[:last]))


def bar_blocks(
    instrument: Instrument, resolution: str, *, since: int | None = None, until: int | None = None
) -> Iterator[BarColumns]:
    """All closed bars with `since <= opened_at < until`, ascending, in blocks that fit into memory.

    Raises `ResolutionNotServed` at once.
    """
    name, series = source_of(instrument, resolution)
    if series.resolution != name:
        return iter([read_bars(instrument, name, since=since, until=until)])
    return _blocks_of(series, since, until)


def _blocks_of(series: Series, since: int | None, until: int | None) -> Iterator[BarColumns]:
    rows = _rows(series) if until is None else _rows(series).filter(opened_at__lt=until)
    while True:
        later = rows if since is None else rows.filter(opened_at__gte=since)
        bars = BarColumns.of(later.order_by("opened_at")[:BLOCK])
        if len(bars):
            yield bars
        if len(bars) < BLOCK:
            return
        since = int(bars.time[-1]) + 1


def bar_times(instrument: Instrument, resolution: str, *, last: int) -> NDArray[np.int64]:
    """The stamps of the newest `last` closed bars, ascending: cheaper than the bars where they are recorded as such."""
    name, series = source_of(instrument, resolution)
    if series.resolution != name:
        return read_bars(instrument, name, last=last).time
    newest = Bar.objects.filter(series=series).order_by("-opened_at").values_list("opened_at", flat=True)[:last]
    return np.array(newest, dtype=np.int64)[::-1]


def newest_time(series: Series) -> int | None:
    """The stamp of the newest recorded bar of `series`."""
    newest = Bar.objects.filter(series=series).order_by("-opened_at").values_list("opened_at", flat=True)
    return newest.first()


def earlier_time(instrument: Instrument, resolution: str, before: int) -> int | None:
    """The stamp of the newest closed bar with a stamp earlier than `before`, for a client to jump to."""
    found = read_bars(instrument, resolution, until=before, last=1)
    return int(found.time[-1]) if len(found) else None


def bar_closes(instrument: Instrument, resolution: str, times: Sequence[int]) -> list[int]:
    """When the bars of `resolution` stamped `times` close, each in epoch seconds UTC."""
    name, series = source_of(instrument, resolution)
    hours, stamped_as = hours_of(series), name if is_intraday(name) else "1D"
    return [hours.bucket(name, int(time), stamped_as).end for time in times]


def forming_key(series_id: int) -> str:
    """Where the cache keeps the forming bars of a series: resolution → bar."""
    return f"datafeed:forming:{series_id}"


def forming_bar(instrument: Instrument, resolution: str) -> FormingBar | None:
    """The bar of `resolution` that is not closed yet; none while no feed says one."""
    name, series = source_of(instrument, resolution)
    return forming_of(series.pk, name)


def forming_of(series_id: int, resolution: str) -> FormingBar | None:
    """The same for a canonical `resolution` that is read or built from that series."""
    kept: dict[str, tuple[Any, ...]] = cache.get(forming_key(series_id)) or {}
    return FormingBar(*kept[resolution]) if resolution in kept else None


def open_bar(series: Series, resolution: str) -> FormingBar | None:
    """The bar that the recorded bars of `series` have begun and not closed: where no feed says how it goes on."""
    return None if resolution == series.resolution else open_builder(series, resolution).forming


def newest_bar(instrument: Instrument, resolution: str) -> FormingBar | None:
    """The forming bar, or else the last closed one."""
    name, series = source_of(instrument, resolution)
    forming = forming_of(series.pk, name) or open_bar(series, name)
    closed = read_bars(instrument, name, last=1)
    if forming is not None and (not len(closed) or forming.opened_at > closed.time[-1]):
        return forming
    return closed.at(-1) if len(closed) else None


def open_builder(series: Series, resolution: str) -> BarBuilder:
    """A builder of `resolution` that has taken every recorded bar of the bucket now open."""
    builder = BarBuilder(resolution, hours_of(series), base=series.resolution)
    newest = newest_time(series)
    if newest is not None:
        builder.add(read_series(series, since=newest - _span(resolution)))
    return builder


def build_around(series: Series, resolution: str, opened_at: int, until: int) -> BarColumns:
    """The closed bars of `resolution` that the recorded bars around `opened_at` and before `until` make up."""
    bars = read_series(series, since=opened_at - _span(resolution), until=until)
    return aggregate(bars, resolution, hours_of(series), base=series.resolution)


def _rows(series: Series) -> QuerySet[Bar, Any]:
    # As floats from the database: a model instance and five Decimals for each bar cost twenty times as much.
    numbers = {f"{name}_number": Cast(name, FloatField()) for name in _COLUMNS}
    return Bar.objects.filter(series=series).values_list("opened_at", *numbers.values())


def _span(resolution: str) -> int:
    """How far before its stamp, or after it, a base bar of a bar of `resolution` may lie, in seconds."""
    return seconds(resolution) + _REACH[unit(resolution)]


def _build(series: Series, resolution: str, since: int | None, until: int | None) -> BarColumns:
    bars = read_series(
        series, since=None if since is None else since - _span(resolution), until=_after(resolution, until)
    )
    bars = _with_next(series, bars, _after(resolution, until))
    return aggregate(bars, resolution, hours_of(series), base=series.resolution).between(since, until)


def _build_newest(series: Series, resolution: str, since: int | None, until: int | None, last: int) -> BarColumns:
    """Read backwards in growing chunks until they hold `last` whole bars."""
    end, count = _after(resolution, until), min(FIRST_CHUNK, 64 + last * _ratio(series.resolution, resolution))
    start = None if since is None else since - _span(resolution)
    while True:
        bars = read_series(series, since=start, until=end, last=count)
        is_all = len(bars) < count
        built = aggregate(_with_next(series, bars, end), resolution, hours_of(series), base=series.resolution)
        # The first bucket may have begun before the chunk did.
        found = (built if is_all else built.cut(1)).between(since, until)
        if is_all or len(found) >= last:
            return found.cut(-last)
        count *= 4


def _after(resolution: str, until: int | None) -> int | None:
    return None if until is None else until + _span(resolution)


def _with_next(series: Series, bars: BarColumns, end: int | None) -> BarColumns:
    """`bars` and the first one from `end` on, which closes the last bucket as it did when it arrived."""
    if end is None:
        return bars
    following = BarColumns.of(_rows(series).filter(opened_at__gte=end).order_by("opened_at")[:1])
    return bars.joined(following)


def _ratio(base: str, target: str) -> int:
    return max(1, seconds(target) // seconds(base))
