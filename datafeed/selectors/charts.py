"""What a chart is drawn from: bars with the one that still forms, and marks placed on them."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

from datafeed.bars import FormingBar
from datafeed.marks import Mark, marks_of
from datafeed.models import Gap, Instrument
from datafeed.resolutions import is_intraday
from datafeed.selectors.bars import forming_bar, read_bars
from datafeed.selectors.instruments import hours_of, source_of
from kernel.permissions import Person

MOST_BARS = 5_000
MOST_MARKS_ON_A_BAR = 10


def chart_bars(
    instrument: Instrument, resolution: str, *, since: int | None, until: int, count: int | None = None
) -> list[FormingBar]:
    """Bars with `since <= opened_at < until`, ascending, the forming one included; at most 5,000, the oldest left out.

    With `count` the newest so many before `until` instead, however far back they reach. Times are epoch seconds UTC;
    raises `ResolutionNotServed`.
    """
    most = min(count or MOST_BARS, MOST_BARS)
    since = since if count is None else None
    if since is not None and since >= until:
        return []
    bars = read_bars(instrument, resolution, since=since, until=until, last=most).rows()
    forming = forming_bar(instrument, resolution)
    if forming is None or forming.opened_at >= until or (since is not None and forming.opened_at < since):
        return bars
    if bars and bars[-1].opened_at >= forming.opened_at:
        return bars
    return [*bars, forming][-most:]


def placed_marks(
    user: Person, instrument: Instrument, resolution: str, *, since: int, until: int
) -> Iterator[tuple[int, Mark]]:
    """The marks `user` may see, newest first, each with the stamp of the bar of `resolution` it belongs on.

    Only bars with `since <= opened_at < until` are marked, each at most ten times. Raises `ResolutionNotServed`.
    """
    name, series = source_of(instrument, resolution)
    hours = hours_of(series)
    times = [bar.opened_at for bar in chart_bars(instrument, name, since=since, until=until)]
    on_bar: Counter[int] = Counter()
    if not times:
        return
    last_close = hours.bucket(name, times[-1], name if is_intraday(name) else "1D").end
    for mark in marks_of(user, instrument.pk, times[0], last_close + 1):
        stamp = mark.opened_at
        if mark.resolution != name:
            # A bar's close belongs to the next one; what happened in it belongs to the moment before.
            stamp = hours.bucket(name, mark.closed_at - 1).start
        position = bisect_right(times, stamp)
        if position and on_bar[times[position - 1]] < MOST_MARKS_ON_A_BAR:
            on_bar[times[position - 1]] += 1
            yield times[position - 1], mark


def placed_gaps(instrument: Instrument, resolution: str, *, since: int, until: int) -> list[tuple[int, Gap]]:
    """The open gaps before bars of `resolution` with `since <= opened_at < until`, each with the stamp of that bar."""
    name, series = source_of(instrument, resolution)
    hours = hours_of(series)
    times = [bar.opened_at for bar in chart_bars(instrument, name, since=since, until=until)]
    if not times:
        return []
    last_close = hours.bucket(name, times[-1], name if is_intraday(name) else "1D").end
    found = series.gaps.filter(filled_at=None, until__gte=times[0], until__lt=last_close)
    stamped = [(hours.bucket(name, gap.until, series.resolution).start, gap) for gap in found]
    return [(times[bisect_right(times, stamp) - 1], gap) for stamp, gap in stamped if stamp >= times[0]]
