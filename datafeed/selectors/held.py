"""The series that this process holds in memory, and pages of them: true to the store at the moment of the question.

Each question reads one small row, the series' edition and revision, which every write changes in its own transaction.
So it does not matter which process wrote, and there is no message that could be lost.
"""

from collections import OrderedDict
from collections.abc import Callable
from copy import copy
from threading import Lock
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from datafeed.bars import BarColumns, FormingBar
from datafeed.builder import BarBuilder
from datafeed.errors import ResolutionNotServed
from datafeed.held import SEGMENT, Held, Page
from datafeed.models import Instrument, Series
from datafeed.resolutions import canonical, seconds
from datafeed.selectors.bars import forming_of, open_builder, read_bars, read_series
from datafeed.selectors.instruments import bases_of, find_instrument, is_symbol, source_of
from kernel import clock

FURTHER_BACK = 5_000
MOST_HELD = 100_000
MEGABYTE = 2**20

# As text: making it from a query set takes three times as long as asking it.
_STANDING = f"""
    SELECT s.resolution, s.id, s.revision, s.edition, s.provider, i.session, i.timezone, i.exchange
    FROM {Series._meta.db_table} s JOIN {Instrument._meta.db_table} i ON i.id = s.instrument_id
    WHERE i.symbol = %s AND i.is_active
"""  # noqa: S608  names of our own tables


class Served(NamedTuple):
    """A resolution of an instrument and where the store stands: `edition` is all that its earlier bars hang on, `base`
    the resolution in which they are recorded.

    `forming` was read before the rest: a bar that closed meanwhile is among the closed ones, not left out of both.
    """

    series_id: int
    resolution: str
    revision: int
    edition: tuple[Any, ...]
    forming: FormingBar | None
    base: str


def find_served(symbol: str, resolution: str, find: Callable[[str], Instrument] = find_instrument) -> Served:
    """What `symbol` and `resolution` (`D` is `1D`) mean now.

    Raises what `find` raises for an unknown symbol, and `ResolutionNotServed`.
    """
    served = _served(symbol.strip().upper(), resolution)
    if served is None:
        # It says what is wrong, or knows the symbol by a longer name.
        instrument = find(symbol)
        name, _ = source_of(instrument, resolution)
        served = _served(instrument.symbol, name)
    if served is None:
        raise ResolutionNotServed(resolution, [])
    return served


def _served(symbol: str, resolution: str) -> Served | None:
    try:
        name = canonical(resolution)
    except ValueError:
        return None
    if not is_symbol(symbol):
        return None
    while True:
        expected = _series_ids.get((symbol, name))
        forming = None if expected is None else forming_of(expected, name)
        rows = _standing(symbol)
        base = bases_of(frozenset(rows)).get(name)
        if base is None:
            return None
        series_id, revision, *edition = rows[base]
        if series_id == expected:
            return Served(series_id, name, revision, tuple(edition), forming, base)
        _series_ids[symbol, name] = series_id


def _standing(symbol: str) -> dict[str, tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [symbol])
        return {row[0]: row[1:] for row in cursor.fetchall()}


# Symbol and resolution → the series it was last read or built from, only ever believed once it is confirmed.
_series_ids: dict[tuple[str, str], int] = {}


def is_still_so(served: Served) -> bool:
    """Whether nothing has been recorded since."""
    return Series.objects.filter(pk=served.series_id, revision=served.revision).exists()


class Begun(NamedTuple):
    """What has taken every recorded bar of the bucket now open."""

    revision: int
    edition: tuple[Any, ...]
    series: Series
    builder: BarBuilder


def _begun(old: Begun | None, served: Served) -> Begun:
    """The present one: the `old` one with what has been recorded since, or made anew where earlier bars changed."""
    if old is None or old.edition != served.edition:
        series = Series.objects.select_related("instrument").get(pk=served.series_id)
        return Begun(*served[2:4], series, open_builder(series, served.resolution))
    builder = copy(old.builder)
    builder.add(read_series(old.series, since=builder.next_from))
    return Begun(*served[2:4], old.series, builder)


class HeldSeries:
    """Everything held, within `BARS_HELD_MEGABYTES`: what nobody asked for longest goes first."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[int, str], Held] = OrderedDict()
        self._turns: dict[tuple[int, str], Lock] = {}
        self._order = Lock()
        self._begun: dict[tuple[int, str], Begun] = {}

    def begun_bar(self, served: Served) -> FormingBar | None:
        """The bar that the store has begun and not closed, however the feed says it goes on."""
        if served.resolution == served.base:
            return None
        key = served[:2]
        begun = self._begun.get(key)
        if begun is None or (begun.revision, begun.edition) != (served.revision, served.edition):
            begun = self._begun[key] = _begun(begun, served)
        return begun.builder.forming

    def page(self, served: Served, since: int | None, until: int, most: int) -> Page:
        """The newest `most` closed bars of the store with `since <= opened_at < until`, epoch seconds UTC."""
        if served[:2] not in self._held and _is_long_ago(served, until):
            return _page_of(served, since, until, most)  # one look far back is no reason to hold what is new
        held = self._present(served, most)
        page = held.page(since, until, most)
        if page is None and _is_near(held, served, until):
            held = self._further_back(served, held)
            page = held.page(since, until, most)
        return page if page is not None else _page_of(served, since, until, most)

    def clear(self) -> None:
        with self._order:
            self._held.clear()
            self._begun.clear()

    @property
    def size(self) -> int:
        """Bytes of memory."""
        with self._order:
            return sum(held.size for held in self._held.values())

    def _present(self, served: Served, most: int) -> Held:
        key = served[:2]
        held = self._held.get(key)
        if held is None or not _is_present(held, served):
            # One reads for all who wait.
            with self._turns.setdefault(key, Lock()):
                held = self._held.get(key)
                if held is None or not _is_present(held, served):
                    return self._keep(key, _caught_up(held, served, most))
        with self._order:
            if key in self._held:
                self._held.move_to_end(key)
        return held

    def _further_back(self, served: Served, held: Held) -> Held:
        key = served[:2]
        with self._turns.setdefault(key, Lock()):
            present = self._held.get(key, held)
            if present.first != held.first or present.edition != held.edition:
                return present  # somebody else has been at it
            earlier = _read(served, until=held.first, last=FURTHER_BACK)
            return self._keep(key, present.with_earlier(earlier, is_whole=len(earlier) < FURTHER_BACK))

    def _keep(self, key: tuple[int, str], held: Held) -> Held:
        with self._order:
            self._held[key] = held
            self._held.move_to_end(key)
            size = sum(other.size for other in self._held.values())
            while size > settings.BARS_HELD_MEGABYTES * MEGABYTE and len(self._held) > 1:
                size -= self._held.popitem(last=False)[1].size
        return held


held_series = HeldSeries()


def _is_long_ago(served: Served, until: int) -> bool:
    return until < clock.now().timestamp() - 2 * FURTHER_BACK * seconds(served.resolution)


def _page_of(served: Served, since: int | None, until: int, most: int) -> Page:
    """The page straight from the store."""
    bars = _read(served, since=since, until=until, last=most)
    page = Held.of(bars, edition=None, revision=0, is_whole=True).page(since, until, most)
    assert page is not None  # noqa: S101  what is whole has every page
    return page


def _is_present(held: Held, served: Served) -> bool:
    return held.revision == served.revision and held.edition == served.edition


def _caught_up(held: Held | None, served: Served, most: int) -> Held:
    if held is not None and held.edition == served.edition:
        since = None if held.last is None else held.last + 1
        return held.with_later(_read(served, since=since), served.revision)
    count = -(-most // SEGMENT) * SEGMENT
    bars = _read(served, last=count)
    return Held.of(bars, edition=served.edition, revision=served.revision, is_whole=len(bars) < count)


def _is_near(held: Held, served: Served, until: int) -> bool:
    """Whether reading a little further back is likely to reach the bars before `until`."""
    if held.first is None or held.count >= MOST_HELD:
        return False
    return held.first - until <= FURTHER_BACK * seconds(served.resolution)


def _read(served: Served, *, since: int | None = None, until: int | None = None, last: int | None = None) -> BarColumns:
    if served.resolution == served.base:
        return read_series(Series(pk=served.series_id), since=since, until=until, last=last)
    instrument = Instrument.objects.get(series=served.series_id)
    return read_bars(instrument, served.resolution, since=since, until=until, last=last)
