"""The live record of a published version: a day is written once it is over, linked to the day before, for good."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Max, Prefetch
from numpy.typing import NDArray

from datafeed.models import Instrument
from datafeed.selectors import BarColumns, read_bars
from formulas import engine
from formulas.engine.backtest import hold, run_account
from formulas.engine.chain import linked
from formulas.engine.metrics import Curve
from formulas.engine.records import MOST_EXPOSED
from formulas.models import Publication, PublishedSymbol, RecordDay
from formulas.services.compiling import compile_code
from formulas.services.publications import counts
from kernel import clock

DAY = 86_400
# A market that has no later bar yet (a halt, a holiday) does not hold the others up for longer.
PATIENCE = 2 * DAY
MOST_HELD = 1_000_000  # bars, 48 MB
WORST_DAY = -0.9999  # of an account that is ruined
FIELDS = ("day", "net_return", "exposure", "market_return", "closed_trades")

Floats = NDArray[np.float64]
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Days:
    """What each day with bars brought on one instrument, by the day's start in epoch seconds."""

    net_return: dict[int, float]
    exposure: dict[int, float]
    market_return: dict[int, float]
    closed_trades: dict[int, int]


class Markets:
    """Bars that several records are made of, each series read once. It is made anew for each look at them."""

    def __init__(self) -> None:
        self._newest: dict[tuple[int, str], int] = {}
        self._bars: dict[tuple[int, str, int | None], BarColumns] = {}

    def newest(self, instrument: Instrument, resolution: str) -> int:
        """The stamp of the newest bar; 0 where there is none."""
        key = (instrument.pk, resolution)
        if key not in self._newest:
            found = read_bars(instrument, resolution, last=1).time
            self._newest[key] = int(found[-1]) if found.size else 0
        return self._newest[key]

    def bars(self, instrument: Instrument, resolution: str, since: int | None) -> BarColumns:
        """All bars from the one stamped `since` on."""
        key = (instrument.pk, resolution, since)
        if key not in self._bars:
            if sum(map(len, self._bars.values())) > MOST_HELD:
                self._bars.clear()
            self._bars[key] = read_bars(instrument, resolution, since=since)
        return self._bars[key]


def append_days(publication: Publication, markets: Markets | None = None) -> int:
    """Write down the days that are over and not on record yet, oldest first; how many they were.

    However many they are, the account is run once over its bars. Two that do it at once do not write a day twice: the
    second finds another head and leaves it at that.
    """
    head, entries = publication.head, []
    for entry in _new_days(publication, markets or Markets()):
        head = linked(head, entry)
        entries.append(RecordDay(publication=publication, hash=head, **entry))
    is_verified = publication.is_verified and _all_count(publication)
    with transaction.atomic():
        mine = Publication.objects.filter(pk=publication.pk, head=publication.head, ended_at=None)
        if not entries or not mine.update(head=head, is_verified=is_verified):
            return 0
        RecordDay.objects.bulk_create(entries)
    publication.head, publication.is_verified = head, is_verified
    return len(entries)


def due_publications() -> list[int]:
    """Those on record of which a day may be over that is not written down yet.

    Bars are looked at once for each series, and not at all for a record that has yesterday's day by the clock.
    """
    today = int(clock.now().timestamp()) // DAY * DAY
    rows, days = Publication.objects.current().order_by("pk"), RecordDay.objects.filter(publication__ended_at=None)
    newest = dict(days.order_by().values_list("publication").annotate(Max("day")))
    symbols = PublishedSymbol.objects.select_related("instrument").prefetch_related("instrument__series")
    markets = Markets()
    due: list[int] = []
    for row in rows.prefetch_related(Prefetch("symbols", queryset=symbols)):
        begin = _begin(row, newest.get(row.pk))
        is_up_to_date = row.is_verified and begin >= today
        if not is_up_to_date and _first_unfinished(row, row.symbols.all(), markets) > begin:
            due.append(row.pk)
    return due


def entries_of(publication: Publication) -> list[Entry]:
    """The days on record with their hashes, oldest first, as `python -m formulas.engine score` reads them."""
    return list(publication.days.values(*FIELDS, "hash"))


def _all_count(publication: Publication) -> bool:
    symbols = publication.symbols.select_related("instrument")
    return all(counts(symbol.instrument, publication.resolution) for symbol in symbols)


def _new_days(publication: Publication, markets: Markets) -> Iterator[Entry]:
    symbols = list(publication.symbols.select_related("instrument", "deployment"))
    newest = publication.days.order_by("-day").values_list("day", flat=True).first()
    begin, end = _begin(publication, newest), _first_unfinished(publication, symbols, markets)
    if end <= begin:
        return
    found = [_days_of(publication, symbol, markets) for symbol in symbols]
    for day in sorted({day for one in found for day in one.net_return if begin <= day < end}):
        yield {
            "day": day,
            "net_return": max(WORST_DAY, _mean([one.net_return.get(day, 0.0) for one in found])),
            "exposure": _mean([one.exposure.get(day, 0.0) for one in found]),
            "market_return": _mean([one.market_return.get(day, 0.0) for one in found]),
            "closed_trades": sum(one.closed_trades.get(day, 0) for one in found),
        }


def _begin(publication: Publication, newest_day: int | None) -> int:
    """The earliest start of a day that is still to be written after `newest_day`, epoch seconds."""
    return publication.published_at if newest_day is None else newest_day + DAY


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _first_unfinished(publication: Publication, symbols: Iterable[PublishedSymbol], markets: Markets) -> int:
    """The start of the first day that is not over everywhere: one with later bars is, or one long ago.

    What time it is says the clock, or the newest bar where the market is not of today.
    """
    newest = [markets.newest(symbol.instrument, publication.resolution) for symbol in symbols]
    now = clock.now().timestamp() if publication.is_verified else max(newest)
    return max(min(newest) // DAY * DAY, int(now - PATIENCE) // DAY * DAY)


def _days_of(publication: Publication, symbol: PublishedSymbol, markets: Markets) -> _Days:
    """The account of the version on this instrument, from where its deployment is warm from, cut into days."""
    stored = markets.bars(symbol.instrument, publication.resolution, symbol.deployment.warm_from)
    if not len(stored):
        return _Days({}, {}, {}, {})
    bars = engine.Bars(stored.time, *stored.values)
    terms = engine.Terms(fee_bps=float(publication.fee_bps), slippage_bps=float(publication.slippage_bps))
    curve = run_account(compile_code(publication.version.code), bars, terms)[0]
    days, last = np.unique(bars.time[::-1] // DAY * DAY, return_index=True)
    ends = len(bars) - 1 - last
    share = np.clip(_share_held(curve, bars), -MOST_EXPOSED, MOST_EXPOSED)
    starts = np.concatenate(([0], ends[:-1] + 1))
    exits = [trade.exit_bar for trade in curve.trades if trade.exit_bar is not None]
    closed = np.bincount(np.searchsorted(ends, np.array(exits, dtype=np.int64)), minlength=days.size)
    names = days.tolist()
    return _Days(
        dict(zip(names, _returns(curve, ends), strict=True)),
        dict(zip(names, (np.add.reduceat(share, starts) / (ends - starts + 1)).tolist(), strict=True)),
        dict(zip(names, _returns(hold(bars, terms), ends), strict=True)),
        dict(zip(names, closed.tolist(), strict=True)),
    )


def _returns(curve: Curve, ends: NDArray[np.int64]) -> list[float]:
    """The return from the end of each day before to the end of the day; 0 for an account without money."""
    equity = np.concatenate(([curve.start], curve.equity[ends]))
    before = np.maximum(equity[:-1], 0.0)
    growth = np.divide(equity[1:], before, out=np.ones_like(before), where=before > 0.0)
    return [float(value) for value in growth - 1.0]


def _share_held(curve: Curve, bars: engine.Bars) -> Floats:
    """The position at each close as a share of equity, below 0 when short."""
    units = np.zeros(len(bars) + 1)
    for trade in curve.trades:
        units[trade.entry_bar] += trade.size
        if trade.exit_bar is not None:
            units[trade.exit_bar] -= trade.size
    held = np.cumsum(units[:-1]) * curve.held
    return np.divide(held * bars.close, curve.equity, out=np.zeros(len(bars)), where=curve.equity > 0.0)
