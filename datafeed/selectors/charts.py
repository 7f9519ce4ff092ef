"""What a chart is drawn from: bars with the one that still forms, and marks placed on them."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

from datafeed.bars import FormingBar
from datafeed.held import Page
from datafeed.marks import Mark, marks_of
from datafeed.models import Gap, Instrument
from datafeed.resolutions import is_intraday
from datafeed.selectors.held import Served, find_served, held_series, is_still_so
from datafeed.selectors.instruments import hours_of, source_of
from kernel.permissions import Person

MOST_BARS = 5_000
MOST_MARKS_ON_A_BAR = 10


def chart_page(served: Served, *, since: int | None, until: int, count: int | None = None) -> Page:
    """Bars with `since <= opened_at < until`, ascending, the forming one included; at most 5,000, the oldest left out.

    With `count` the newest so many before `until` instead, however far back they reach. Times are epoch seconds UTC.
    Not to be asked within a transaction that writes bars: what it holds would outlive what is rolled back.
    """
    most = min(count or MOST_BARS, MOST_BARS)
    since = since if count is None else None
    if since is not None and since >= until:
        return Page(())
    page = held_series.page(served, since, until, most)
    after = max(-1 if page.newest is None else page.newest, -1 if since is None else since - 1)
    for bar in _unclosed(served):
        if after < bar.opened_at < until:
            page, after = page.followed_by(bar, most), bar.opened_at
    return page


def _unclosed(served: Served) -> Iterator[FormingBar]:
    """What comes after the closed bars: the bar that the store has begun, and the one that the feed says forms now.

    They are the same bar, of which the feed knows more; or two, where the earlier one had no base bar at its end.
    """
    begun, forming = held_series.begun_bar(served), served.forming
    if begun is not None and (forming is None or begun.opened_at != forming.opened_at):
        if not is_still_so(served):
            return  # the bar before it may have closed since the closed ones were read: better none than a hole
        yield begun
    if forming is not None:
        yield forming


def earlier_page_time(served: Served, before: int) -> int | None:
    """The stamp of the newest closed bar with a stamp earlier than `before`, for a client to jump to."""
    return held_series.page(served, None, before, 1).newest


def chart_times(served: Served, *, since: int, until: int) -> list[int]:
    """The stamps of the bars of such a page, ascending."""
    return chart_page(served, since=since, until=until).times()


def placed_marks(
    user: Person, instrument: Instrument, resolution: str, *, since: int, until: int
) -> Iterator[tuple[int, Mark]]:
    """The marks `user` may see, newest first, each with the stamp of the bar of `resolution` it belongs on.

    Only bars with `since <= opened_at < until` are marked, each at most ten times. Raises `ResolutionNotServed`.
    """
    name, series = source_of(instrument, resolution)
    hours = hours_of(series)
    times = chart_times(find_served(instrument.symbol, name), since=since, until=until)
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
    times = chart_times(find_served(instrument.symbol, name), since=since, until=until)
    if not times:
        return []
    last_close = hours.bucket(name, times[-1], name if is_intraday(name) else "1D").end
    found = series.gaps.filter(filled_at=None, until__gte=times[0], until__lt=last_close)
    stamped = [(hours.bucket(name, gap.until, series.resolution).start, gap) for gap in found]
    return [(times[bisect_right(times, stamp) - 1], gap) for stamp, gap in stamped if stamp >= times[0]]
