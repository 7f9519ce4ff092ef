"""What an equity curve and its trades come to; a figure without an answer is None."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bars
from formulas.engine.native import kernels_for
from formulas.engine.statistics import NO_DEVIATION, probability_above, shape
from formulas.engine.steps import measures
from formulas.engine.steps.measures import (
    AHEAD,
    AHEAD_SQUARES,
    ALL_EQUITY,
    BARS,
    BELOW,
    CUBES,
    DEPTH,
    FEES,
    FOURTHS,
    LONGEST,
    LOST,
    MARKET,
    MARKET_SQUARES,
    MEASURES,
    NOTIONAL,
    RESULT_SQUARES,
    RETURNS,
    SQUARES,
    TOGETHER,
    WINS,
    WON,
)
from formulas.engine.trades import Trade, Trades

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Metrics = dict[str, float | int | None]
# What holds units and cash from a bar on, and money before: prices, units, cash, the bar, the money.
Holding = tuple[Floats, float, float, int, float]

DAY = 86_400
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
WEEKDAYS_A_YEAR, DAYS_A_YEAR, WEEKS_A_YEAR = 252.0, 365.0, 52.0


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Equity at the close of each bar, from `start` money on; `times` are starts of bars in epoch seconds."""

    start: float
    times: Times
    equity: Floats
    held: NDArray[np.bool_]
    trades: Sequence[Trade]

    @property
    def curve(self) -> Curve:
        """Itself."""
        return self

    @property
    def holding(self) -> Holding:
        """The same as one unit of something that costs as much."""
        return self.equity, 1.0, 0.0, 0, self.start

    @property
    def last(self) -> float:
        """Equity at the last close."""
        return float(self.equity[-1]) if self.equity.size else self.start


class Valued(Protocol):
    """A curve, or what could be one."""

    @property
    def start(self) -> float: ...
    @property
    def times(self) -> Times: ...
    @property
    def holding(self) -> Holding: ...
    @property
    def last(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Calendar:
    """How many periods make a year, and whether a period is a day made of several bars.

    `ends` are the last bars of the periods of `times`; a Sunday evening may count to the day after.
    """

    periods_per_year: float
    by_day: bool
    times: Times
    ends: NDArray[np.intp]
    joins_sundays: bool = False

    def ends_of(self, times: Times) -> NDArray[np.intp]:
        """The last bars of the periods of other times on the same market."""
        if times is self.times:
            return self.ends
        if not self.by_day:
            return np.arange(times.size)
        ends = day_ends(times)
        return _without_sundays(times, ends) if self.joins_sundays else ends


def calendar_of(times: Times, periods_per_year: float | None = None) -> Calendar:
    """The given number of bars a year; else days: 252 a year, 365 where the market trades on weekends, and 260 where
    it keeps no holidays but Saturdays, as currencies do.

    Bars longer than a day count as they are, by their usual distance.
    """
    if periods_per_year is not None:
        return Calendar(periods_per_year, False, times, np.arange(times.size))
    spacing = _usual_distance(times)
    if spacing >= 4 * DAY:
        return Calendar(DAYS_A_YEAR * DAY / spacing, False, times, np.arange(times.size))
    ends = day_ends(times)
    weekdays = _weekdays(times[ends])
    if not (weekdays >= SATURDAY).any():
        return Calendar(WEEKDAYS_A_YEAR, spacing < DAY, times, ends)
    if not _rests_on_saturdays(times[ends], weekdays):
        return Calendar(DAYS_A_YEAR, spacing < DAY, times, ends)
    # Bars of a day may be stamped with its evening before; with Sunday and Friday there are six a week.
    is_six = spacing == DAY and (weekdays == FRIDAY).any()
    days = WEEKS_A_YEAR * (6 if is_six else 5)
    return Calendar(days, spacing < DAY, times, _without_sundays(times, ends), joins_sundays=True)


def calendar_for(bars: Bars, periods_per_year: float | None = None) -> Calendar:
    """The same of bars, which is found once."""
    return bars.once(("calendar", periods_per_year), lambda: calendar_of(bars.time, periods_per_year))


def _weekdays(times: Times) -> Times:
    """0 for Monday to 6 for Sunday."""
    weekdays: Times = (times // DAY + 3) % 7
    return weekdays


def _rests_on_saturdays(days: Times, weekdays: Times) -> bool:
    """Whether bars go on over Saturdays, and none of them is of one."""
    first, last = int(days[0]) // DAY, int(days[-1]) // DAY
    has_seen_one = (SATURDAY - (first + 3)) % 7 <= last - first
    return has_seen_one and not bool((weekdays == SATURDAY).any())


def _without_sundays(times: Times, ends: NDArray[np.intp]) -> NDArray[np.intp]:
    """The ends of days where a Sunday evening counts to the day after; the last end stays."""
    stays = _weekdays(times[ends]) != SUNDAY
    stays[-1:] = True
    kept: NDArray[np.intp] = ends[stays]
    return kept


def day_ends(times: Times) -> NDArray[np.intp]:
    """The places of the last bar of each day."""
    if not times.size:
        return np.empty(0, dtype=np.intp)
    first, last = int(times[0]) // DAY, int(times[-1]) // DAY
    if last - first < times.size:
        # With several bars a day it takes less to look for the days than to go over the bars.
        ends = np.searchsorted(times, np.arange(first + 1, last + 2) * DAY) - 1
        is_day: NDArray[np.bool_] = np.append(True, ends[1:] != ends[:-1])
        return ends[is_day]
    days = times // DAY
    return np.flatnonzero(np.append(days[1:] != days[:-1], True))


def _usual_distance(times: Times) -> float:
    """The median distance between two bars; a day when there are not two. Below a day any such distance will do."""
    if times.size < 2:
        return float(DAY)
    span, count = int(times[-1] - times[0]), times.size - 1
    if 2 * (count - span // DAY) > count + 1:
        # No more than so many can be of a day, wherever they are.
        return span / count
    distances = np.diff(times)
    if 2 * np.count_nonzero(distances < DAY) > distances.size + 1:
        return float(distances.min())
    return float(np.median(distances))


def returns_of(curve: Curve, calendar: Calendar) -> Floats:
    """The return of each period; that of the first is against the money at the start."""
    return assess(curve, calendar)[1]


def drawdown(start: float, equity: Floats) -> Floats:
    """The distance from the highest equity so far, 0 or below; the money at the start is a peak."""
    depths = np.maximum.accumulate(equity)
    np.maximum(depths, start, out=depths)
    np.divide(equity, depths, out=depths)
    depths -= 1.0
    return depths


def measure(curve: Curve, calendar: Calendar, market: Valued | None = None) -> Metrics:
    """All metrics of a curve; those against the market need its curve over the same bars."""
    sums, returns = assess(curve, calendar, market)
    return metrics_of(curve, calendar, market, sums, returns.size)


def metrics_of(curve: Curve, calendar: Calendar, market: Valued | None, sums: Sequence[float], count: int) -> Metrics:
    """The metrics that follow from the sums over `count` returns."""
    trades = Trades.of(curve.trades)
    closed = len(trades.closed)
    periods, years = calendar.periods_per_year, count / calendar.periods_per_year
    growth = _growth(curve, count, calendar)
    calmar = None if growth["cagr"] is None or not sums[DEPTH] else growth["cagr"] / abs(sums[DEPTH])
    found: Metrics = {
        **growth,
        **_risk(sums, count, periods),
        "max_drawdown": sums[DEPTH],
        "max_drawdown_bars": int(sums[LONGEST]),
        **_trading(curve, sums, years),
        **_of_trades(sums, closed),
        "open_trades": len(trades) - closed,
        "calmar": calmar,
    }
    if market is not None:
        found.update(_against(sums, count, periods))
        found["buy_and_hold_return"] = market.last / market.start - 1.0
    return {name: value if value is not None and math.isfinite(value) else None for name, value in found.items()}


def assess(curve: Curve, calendar: Calendar, market: Valued | None = None) -> tuple[list[float], Floats]:
    """What all metrics rest on, see steps.measures, and the return of each period."""
    trades, ends = Trades.of(curve.trades), calendar.ends_of(curve.times)
    holding, closed = (curve if market is None else market).holding, len(trades.closed)
    returns = np.empty((2, ends.size))
    kernels = kernels_for(curve.equity.size)
    if kernels is not None:
        return kernels.measure(curve.equity, curve.start, ends, holding, trades.table, closed, returns), returns[0]
    prices, units, cash, entry, begun = holding
    found, own = [0.0] * MEASURES, [0.0] * ends.size
    measures.measure(
        curve.equity.tolist(),
        curve.equity.size,
        curve.start,
        ends.tolist(),
        ends.size,
        prices.tolist(),
        units,
        cash,
        entry,
        begun,
        trades.table.ravel().tolist(),
        len(trades),
        closed,
        own,
        [0.0] * ends.size,
        found,
    )
    return found, np.array(own)


def sharpe_of(sums: Sequence[float], count: int) -> float | None:
    """Mean over deviation (ddof 1) of the returns; None when they do not vary."""
    deviation = _deviation(sums[SQUARES], count)
    return sums[RETURNS] / count / deviation if deviation > NO_DEVIATION else None


def _growth(curve: Curve, periods: int, calendar: Calendar) -> Metrics:
    if not curve.equity.size:
        return {"total_return": 0.0, "cagr": None}
    growth = float(curve.equity[-1]) / curve.start
    try:
        yearly = growth ** (calendar.periods_per_year / periods) - 1.0 if growth > 0.0 else -1.0
    except OverflowError:
        yearly = math.inf
    return {"total_return": growth - 1.0, "cagr": yearly if yearly < math.inf else None}


def _risk(sums: Sequence[float], count: int, periods: float) -> Metrics:
    deviation, sharpe = _deviation(sums[SQUARES], count), sharpe_of(sums, count)
    below = math.sqrt(sums[BELOW] / count) if count else 0.0
    yearly = math.sqrt(periods)
    return {
        "volatility": deviation * yearly if count > 1 else None,
        "sharpe": None if sharpe is None else sharpe * yearly,
        "sortino": sums[RETURNS] / count / below * yearly if below > 0.0 else None,
        "psr": None if sharpe is None else probability_above(sharpe, *_shape_of(sums, count), count),
    }


def _shape_of(sums: Sequence[float], count: int) -> tuple[float, float]:
    return shape(sums[SQUARES], sums[CUBES], sums[FOURTHS], count)


def _trading(curve: Curve, sums: Sequence[float], years: float) -> Metrics:
    count = curve.equity.size
    mean = sums[ALL_EQUITY] / count if count else 0.0
    return {
        "exposure": int(np.count_nonzero(curve.held)) / count if count else 0.0,
        "turnover": sums[NOTIONAL] / mean / years if mean > 0.0 and years > 0.0 else None,
        "fees": sums[FEES],
    }


def _of_trades(sums: Sequence[float], count: int) -> Metrics:
    won, lost, wins = sums[WON], sums[LOST], sums[WINS]
    mean_win, mean_loss = _ratio(won, wins), _ratio(lost, count - wins)
    deviation = _deviation(sums[RESULT_SQUARES], count)
    return {
        "trades": count,
        "win_rate": _ratio(wins, count),
        "profit_factor": _ratio(won, lost),
        "expectancy": _ratio(won - lost, count),
        "payoff": _ratio(mean_win, mean_loss) if mean_win is not None and mean_loss is not None else None,
        "sqn": math.sqrt(count) * (won - lost) / count / deviation if deviation > 0.0 else None,
        "avg_bars": _ratio(sums[BARS], count),
    }


def _against(sums: Sequence[float], count: int, periods: float) -> Metrics:
    if count < 2:
        return {"alpha": None, "beta": None, "information_ratio": None}
    beta = sums[TOGETHER] / sums[MARKET_SQUARES] if sums[MARKET_SQUARES] > 1e-30 * (count - 1) else None
    deviation = _deviation(sums[AHEAD_SQUARES], count)
    return {
        "alpha": None if beta is None else (sums[RETURNS] - beta * sums[MARKET]) / count * periods,
        "beta": beta,
        "information_ratio": sums[AHEAD] / count / deviation * math.sqrt(periods) if deviation > NO_DEVIATION else None,
    }


def _deviation(squares: float, count: int) -> float:
    """The deviation (ddof 1) from the squared distances; 0 where there are fewer than two."""
    return math.sqrt(squares / (count - 1)) if count > 1 else 0.0


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
