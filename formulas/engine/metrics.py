"""What an equity curve and its trades come to; a figure without an answer is None."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulas.engine.native import kernels_for
from formulas.engine.statistics import NO_DEVIATION, mean_and_deviation, probability_above, sharpe_per_period
from formulas.engine.steps.falls import deepest
from formulas.engine.trades import Trade, Trades

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Metrics = dict[str, float | int | None]

DAY = 86_400
NO_ENDS = np.empty(0, dtype=np.intp)
SATURDAY = 5
ENTRY_BAR, EXIT_BAR, ENTRY_PRICE, EXIT_PRICE, SIZE, PNL, FEES = range(7)
WEEKDAYS_A_YEAR, DAYS_A_YEAR = 252.0, 365.0


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Equity at the close of each bar, from `start` money on; `times` are starts of bars in epoch seconds."""

    start: float
    times: Times
    equity: Floats
    held: NDArray[np.bool_]
    trades: Sequence[Trade]


@dataclass(frozen=True, slots=True)
class Calendar:
    """How many periods make a year, and whether a period is a day made of several bars.

    `ends` are the last bars of the days of `times`.
    """

    periods_per_year: float
    by_day: bool
    times: Times
    ends: NDArray[np.intp]


def calendar_of(times: Times, periods_per_year: float | None = None) -> Calendar:
    """The given number of bars a year; else days, 252 a year or 365 where the market trades on weekends.

    Bars longer than a day count as they are, by their usual distance.
    """
    if periods_per_year is not None:
        return Calendar(periods_per_year, False, times, NO_ENDS)
    spacing = _usual_distance(times)
    if spacing >= 4 * DAY:
        return Calendar(DAYS_A_YEAR * DAY / spacing, False, times, NO_ENDS)
    ends = day_ends(times)
    weekdays = (times[ends] // DAY + 3) % 7
    days = DAYS_A_YEAR if (weekdays >= SATURDAY).any() else WEEKDAYS_A_YEAR
    return Calendar(days, spacing < DAY, times, ends)


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
    distances = np.diff(times)
    if 2 * np.count_nonzero(distances < DAY) > distances.size + 1:
        return float(distances.min())
    return float(np.median(distances))


def returns_of(curve: Curve, calendar: Calendar) -> Floats:
    """The return of each period; that of the first is against the money at the start."""
    equity = curve.equity
    if calendar.by_day:
        equity = equity[calendar.ends if curve.times is calendar.times else day_ends(curve.times)]
    before = np.concatenate(([curve.start], equity[:-1]))[: equity.size]
    if (before > 0.0).all():
        return equity / before - 1.0
    return np.where(before > 0.0, equity / np.where(before > 0.0, before, 1.0) - 1.0, 0.0)


def drawdown(start: float, equity: Floats) -> Floats:
    """The distance from the highest equity so far, 0 or below; the money at the start is a peak."""
    depths = np.maximum.accumulate(equity)
    np.maximum(depths, start, out=depths)
    np.divide(equity, depths, out=depths)
    depths -= 1.0
    return depths


def measure(
    curve: Curve,
    calendar: Calendar,
    market: Curve | None = None,
    returns: Floats | None = None,
    of_market: Floats | None = None,
) -> Metrics:
    """All metrics of a curve; those against the market need its curve over the same bars.

    `returns` and `of_market` are the returns of both, where they are known already.
    """
    returns = returns_of(curve, calendar) if returns is None else returns
    years = returns.size / calendar.periods_per_year
    trades = Trades.of(curve.trades)
    closed = trades.closed
    found: Metrics = {
        **_growth(curve, returns, calendar),
        **_risk(returns, calendar.periods_per_year),
        **_falls(curve),
        **_trading(curve, trades, years),
        **_of_trades(closed),
        "open_trades": len(trades) - len(closed),
    }
    growth, fall = found["cagr"], found["max_drawdown"]
    found["calmar"] = growth / abs(fall) if growth is not None and fall else None
    if market is not None:
        of_market = returns_of(market, calendar) if of_market is None else of_market
        found.update(_against(returns, of_market, calendar.periods_per_year))
        found["buy_and_hold_return"] = _growth(market, returns, calendar)["total_return"]
    return found


def _growth(curve: Curve, returns: Floats, calendar: Calendar) -> Metrics:
    if not curve.equity.size:
        return {"total_return": 0.0, "cagr": None}
    growth = float(curve.equity[-1]) / curve.start
    try:
        yearly = growth ** (calendar.periods_per_year / returns.size) - 1.0 if growth > 0.0 else -1.0
    except OverflowError:
        yearly = math.inf
    return {"total_return": growth - 1.0, "cagr": yearly if yearly < math.inf else None}


def _risk(returns: Floats, periods: float) -> Metrics:
    mean, deviation = mean_and_deviation(returns)
    sharpe = mean / deviation if deviation > NO_DEVIATION else None
    falls = np.minimum(returns, 0.0)
    below = math.sqrt(float((falls * falls).sum()) / returns.size) if returns.size else 0.0
    return {
        "volatility": deviation * math.sqrt(periods) if returns.size > 1 else None,
        "sharpe": None if sharpe is None else sharpe * math.sqrt(periods),
        "sortino": mean / below * math.sqrt(periods) if below > 0.0 else None,
        "psr": probability_above(returns, sharpe),
    }


def _falls(curve: Curve) -> Metrics:
    kernels = kernels_for(curve.equity.size)
    if kernels is not None:
        depth, bars = kernels.deepest(curve.equity, curve.start)
    else:
        found = [0.0, 0.0]
        deepest(curve.equity.tolist(), curve.equity.size, curve.start, found)
        depth, bars = found
    return {"max_drawdown": depth, "max_drawdown_bars": int(bars)}


def _trading(curve: Curve, trades: Trades, years: float) -> Metrics:
    sizes, closed = np.abs(trades.table[:, SIZE]), trades.closed
    notional = float((sizes * trades.table[:, ENTRY_PRICE]).sum())
    notional += float((sizes[: len(closed)] * closed[:, EXIT_PRICE]).sum())
    count = curve.equity.size
    mean = float(curve.equity.sum()) / count if count else 0.0
    return {
        "exposure": np.count_nonzero(curve.held) / count if count else 0.0,
        "turnover": notional / mean / years if mean > 0.0 and years > 0.0 else None,
        "fees": float(trades.table[:, FEES].sum()),
    }


def _of_trades(closed: Floats) -> Metrics:
    results = closed[:, PNL]
    wins, losses = results[results > 0.0], -results[results <= 0.0]
    count, won, lost = len(results), float(wins.sum()), float(losses.sum())
    mean_win, mean_loss = _ratio(won, len(wins)), _ratio(lost, len(losses))
    deviation = mean_and_deviation(results)[1]
    return {
        "trades": count,
        "win_rate": _ratio(len(wins), count),
        "profit_factor": _ratio(won, lost),
        "expectancy": _ratio(won - lost, count),
        "payoff": _ratio(mean_win, mean_loss) if mean_win is not None and mean_loss is not None else None,
        "sqn": math.sqrt(count) * (won - lost) / count / deviation if deviation > 0.0 else None,
        "avg_bars": _ratio(float((closed[:, EXIT_BAR] - closed[:, ENTRY_BAR]).sum()), count),
    }


def _against(returns: Floats, market: Floats, periods: float) -> Metrics:
    if returns.size < 2:
        return {"alpha": None, "beta": None, "information_ratio": None}
    mean, of_market = float(returns.mean()), float(market.mean())
    distance = market - of_market
    together, variance = float(((returns - mean) * distance).sum()), float((distance * distance).sum())
    beta = together / variance if variance > 1e-30 * (returns.size - 1) else None
    ahead = sharpe_per_period(returns - market)
    return {
        "alpha": None if beta is None else (mean - beta * of_market) * periods,
        "beta": beta,
        "information_ratio": None if ahead is None else ahead * math.sqrt(periods),
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
