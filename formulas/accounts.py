"""The accounts that records are made of: each goes on from where its last day ended, as if it had been run over all."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datafeed.models import Instrument
from datafeed.selectors import BarColumns, read_bars, source_of
from formulas import engine
from formulas.engine.backtest import holding
from formulas.engine.metrics import Curve
from formulas.engine.records import MOST_EXPOSED
from formulas.models import Publication, PublishedSymbol
from formulas.services.compiling import compile_code

logger = logging.getLogger(__name__)

DAY = 86_400
MOST_HELD = 1_000_000  # bars, 48 MB

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Days:
    """What each day with bars brought on one instrument, by the day's start in epoch seconds."""

    net_return: dict[int, float]
    exposure: dict[int, float]
    market_return: dict[int, float]
    closed_trades: dict[int, int]


class Markets:
    """Bars that several records are made of, each series read once. It is made anew for each look at them."""

    def __init__(self) -> None:
        self._newest: dict[tuple[int, str], int] = {}
        self._bars: dict[tuple[int, str, int | None, int], BarColumns] = {}

    def newest(self, instrument: Instrument, resolution: str) -> int:
        """The stamp of the newest bar; 0 where there is none."""
        key = (instrument.pk, resolution)
        if key not in self._newest:
            found = read_bars(instrument, resolution, last=1).time
            self._newest[key] = int(found[-1]) if found.size else 0
        return self._newest[key]

    def bars(self, instrument: Instrument, resolution: str, since: int | None, until: int) -> BarColumns:
        """All bars from the one stamped `since` on that are stamped before `until`."""
        key = (instrument.pk, resolution, since, until)
        if key not in self._bars:
            if sum(map(len, self._bars.values())) > MOST_HELD:
                self._bars.clear()
            self._bars[key] = read_bars(instrument, resolution, since=since, until=until)
        return self._bars[key]


def days_of(publication: Publication, symbol: PublishedSymbol, markets: Markets, begin: int, end: int) -> Days:
    """The days before `end` that were not taken yet, those from `begin` on among them.

    `symbol` is to be saved with them: its snapshots move on. Where bars behind them came or went, the account is run
    anew from where the deployment is warm from; what was written down stays.
    """
    edition = source_of(symbol.instrument, publication.resolution)[1].edition
    own, market = _kept(publication, symbol, begin) if symbol.edition == edition else _begun(publication)
    since = symbol.deployment.warm_from if own.last_time is None else own.last_time + 1
    stored = markets.bars(symbol.instrument, publication.resolution, since, end)
    if not len(stored):
        return Days({}, {}, {}, {})
    bars = engine.Bars(stored.time, *stored.values)
    first = own.bars
    days = _cut(bars, first, own.follow(bars), market.follow(bars))
    symbol.account, symbol.market, symbol.edition = own.snapshot(), market.snapshot(), edition
    return days


Pair = tuple[engine.LiveProgram, engine.LiveProgram]


def _begun(publication: Publication) -> Pair:
    """The version, and one that buys and holds, before their first bar."""
    terms = engine.Terms(fee_bps=float(publication.fee_bps), slippage_bps=float(publication.slippage_bps))
    return engine.LiveProgram(compile_code(publication.version.code), terms), engine.LiveProgram(holding(), terms)


def _kept(publication: Publication, symbol: PublishedSymbol, begin: int) -> Pair:
    """The same where they stood; before their first bar where nothing is kept, or what is would leave out days."""
    own, market = _begun(publication)
    if not symbol.account or not symbol.market:
        return own, market
    try:
        own.restore(bytes(symbol.account))
        market.restore(bytes(symbol.market))
    except engine.SnapshotError:
        logger.warning("the account of %s is run anew: its snapshot does not fit", symbol, exc_info=True)
        return _begun(publication)
    is_sound = own.last_time is not None and own.last_time == market.last_time and own.last_time < begin
    return (own, market) if is_sound else _begun(publication)


def _cut(bars: engine.Bars, first: int, curve: Curve, market: Curve) -> Days:
    """Curves over bars, of which the number `first` is the first, cut into days."""
    days, last = np.unique(bars.time[::-1] // DAY * DAY, return_index=True)
    ends = len(bars) - 1 - last
    share = np.clip(_share_held(curve, bars, first), -MOST_EXPOSED, MOST_EXPOSED)
    starts = np.concatenate(([0], ends[:-1] + 1))
    exits = [trade.exit_bar - first for trade in curve.trades if trade.exit_bar is not None]
    closed = np.bincount(np.searchsorted(ends, np.array(exits, dtype=np.int64)), minlength=days.size)
    names = days.tolist()
    return Days(
        dict(zip(names, _returns(curve, ends), strict=True)),
        dict(zip(names, (np.add.reduceat(share, starts) / (ends - starts + 1)).tolist(), strict=True)),
        dict(zip(names, _returns(market, ends), strict=True)),
        dict(zip(names, closed.tolist(), strict=True)),
    )


def _returns(curve: Curve, ends: NDArray[np.int64]) -> list[float]:
    """The return from the end of each day before to the end of the day; 0 for an account without money."""
    equity = np.concatenate(([curve.start], curve.equity[ends]))
    before = np.maximum(equity[:-1], 0.0)
    growth = np.divide(equity[1:], before, out=np.ones_like(before), where=before > 0.0)
    return [float(value) for value in growth - 1.0]


def _share_held(curve: Curve, bars: engine.Bars, first: int) -> Floats:
    """The position at each close as a share of equity, below 0 when short."""
    units = np.zeros(len(bars))
    for trade in curve.trades:
        end = len(bars) if trade.exit_bar is None else trade.exit_bar - first
        units[max(0, trade.entry_bar - first) : end] = trade.size
    return np.divide(units * bars.close, curve.equity, out=np.zeros(len(bars)), where=curve.equity > 0.0)
