"""The live record of a published version: a day is written once it is over, linked to the day before, for good."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from datafeed.selectors import read_bars
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


def append_days(publication: Publication) -> int:
    """Write down the days that are over and not on record yet, oldest first; how many they were.

    Two that do it at once do not write a day twice: the second finds another head and leaves it at that.
    """
    head, entries = publication.head, []
    for entry in _new_days(publication):
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


def has_new_days(publication: Publication) -> bool:
    """Whether a day may be over that is not on record yet."""
    symbols = list(publication.symbols.select_related("instrument"))
    return _first_unfinished(publication, symbols) > _begin(publication)


def entries_of(publication: Publication) -> list[Entry]:
    """The days on record with their hashes, oldest first, as `python -m formulas.engine score` reads them."""
    return list(publication.days.values(*FIELDS, "hash"))


def _all_count(publication: Publication) -> bool:
    symbols = publication.symbols.select_related("instrument")
    return all(counts(symbol.instrument, publication.resolution) for symbol in symbols)


def _new_days(publication: Publication) -> Iterator[Entry]:
    symbols = list(publication.symbols.select_related("instrument", "deployment"))
    begin, end = _begin(publication), _first_unfinished(publication, symbols)
    if end <= begin:
        return
    found = [_days_of(publication, symbol) for symbol in symbols]
    for day in sorted({day for one in found for day in one.net_return if begin <= day < end}):
        yield {
            "day": day,
            "net_return": max(WORST_DAY, _mean([one.net_return.get(day, 0.0) for one in found])),
            "exposure": _mean([one.exposure.get(day, 0.0) for one in found]),
            "market_return": _mean([one.market_return.get(day, 0.0) for one in found]),
            "closed_trades": sum(one.closed_trades.get(day, 0) for one in found),
        }


def _begin(publication: Publication) -> int:
    """The earliest start of a day that is still to be written, epoch seconds."""
    newest = publication.days.order_by("-day").values_list("day", flat=True).first()
    return publication.published_at if newest is None else newest + DAY


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _first_unfinished(publication: Publication, symbols: Sequence[PublishedSymbol]) -> int:
    """The start of the first day that is not over everywhere: one with later bars is, or one long ago.

    What time it is says the clock, or the newest bar where the market is not of today.
    """
    newest: list[int] = []
    for symbol in symbols:
        newest += read_bars(symbol.instrument, publication.resolution, last=1).time.tolist() or [0]
    now = clock.now().timestamp() if publication.is_verified else max(newest)
    return max(min(newest) // DAY * DAY, int(now - PATIENCE) // DAY * DAY)


def _days_of(publication: Publication, symbol: PublishedSymbol) -> _Days:
    """The account of the version on this instrument, from where its deployment is warm from, cut into days."""
    stored = read_bars(symbol.instrument, publication.resolution, since=symbol.deployment.warm_from)
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
