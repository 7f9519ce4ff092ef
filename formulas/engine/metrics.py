"""What an equity curve and its trades come to; a figure without an answer is None."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulas.engine.broker import Trade
from formulas.engine.statistics import probabilistic_sharpe, sharpe_per_period

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Metrics = dict[str, float | int | None]

DAY = 86_400
WEEKEND = (5, 6)
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
    """How many periods make a year, and whether a period is a day made of several bars."""

    periods_per_year: float
    by_day: bool


def calendar_of(times: Times, periods_per_year: float | None = None) -> Calendar:
    """The given number of bars a year; else days, 252 a year or 365 where the market trades on weekends.

    Bars longer than a day count as they are, by their usual distance.
    """
    if periods_per_year is not None:
        return Calendar(periods_per_year, by_day=False)
    spacing = float(np.median(np.diff(times))) if times.size > 1 else float(DAY)
    if spacing >= 4 * DAY:
        return Calendar(DAYS_A_YEAR * DAY / spacing, by_day=False)
    weekdays = (times // DAY + 3) % 7
    days = DAYS_A_YEAR if np.isin(weekdays, WEEKEND).any() else WEEKDAYS_A_YEAR
    return Calendar(days, by_day=spacing < DAY)


def returns_of(curve: Curve, calendar: Calendar) -> Floats:
    """The return of each period; that of the first is against the money at the start."""
    equity = curve.equity
    if calendar.by_day and equity.size:
        days = curve.times // DAY
        equity = equity[np.append(days[1:] != days[:-1], True)]
    before = np.concatenate(([curve.start], equity[:-1]))
    return np.where(before > 0.0, equity / np.where(before > 0.0, before, 1.0) - 1.0, 0.0)


def drawdown(start: float, equity: Floats) -> Floats:
    """The distance from the highest equity so far, 0 or below; the money at the start is a peak."""
    peaks = np.maximum.accumulate(np.concatenate(([start], equity)))[1:]
    return equity / peaks - 1.0


def measure(curve: Curve, calendar: Calendar, market: Curve | None = None) -> Metrics:
    """All metrics of a curve; those against the market need its curve over the same bars."""
    returns = returns_of(curve, calendar)
    years = returns.size / calendar.periods_per_year
    found: Metrics = {
        **_growth(curve, returns, calendar),
        **_risk(returns, calendar.periods_per_year),
        **_falls(curve),
        **_trading(curve, years),
        **_of_trades([trade for trade in curve.trades if trade.exit_bar is not None]),
        "open_trades": sum(trade.exit_bar is None for trade in curve.trades),
    }
    growth, fall = found["cagr"], found["max_drawdown"]
    found["calmar"] = growth / abs(fall) if growth is not None and fall else None
    if market is not None:
        found.update(_against(returns, returns_of(market, calendar), calendar.periods_per_year))
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
    sharpe = sharpe_per_period(returns)
    below = math.sqrt(float((np.minimum(returns, 0.0) ** 2).mean())) if returns.size else 0.0
    return {
        "volatility": float(returns.std(ddof=1)) * math.sqrt(periods) if returns.size > 1 else None,
        "sharpe": None if sharpe is None else sharpe * math.sqrt(periods),
        "sortino": float(returns.mean()) / below * math.sqrt(periods) if below > 0.0 else None,
        "psr": probabilistic_sharpe(returns),
    }


def _falls(curve: Curve) -> Metrics:
    depths = drawdown(curve.start, curve.equity)
    peaks = np.flatnonzero(depths >= 0.0)
    between = np.diff(np.concatenate(([-1], peaks, [depths.size]))) - 1
    return {"max_drawdown": float(depths.min()) if depths.size else 0.0, "max_drawdown_bars": int(between.max())}


def _trading(curve: Curve, years: float) -> Metrics:
    notional = math.fsum(abs(t.size) * (t.entry_price + (t.exit_price or 0.0)) for t in curve.trades)
    mean = float(curve.equity.mean()) if curve.equity.size else 0.0
    return {
        "exposure": float(curve.held.mean()) if curve.held.size else 0.0,
        "turnover": notional / mean / years if mean > 0.0 and years > 0.0 else None,
        "fees": math.fsum(trade.fees for trade in curve.trades),
    }


def _of_trades(closed: Sequence[Trade]) -> Metrics:
    results = [trade.pnl for trade in closed]
    wins, losses = [pnl for pnl in results if pnl > 0.0], [-pnl for pnl in results if pnl <= 0.0]
    count, won, lost = len(results), math.fsum(wins), math.fsum(losses)
    mean_win, mean_loss = _ratio(won, len(wins)), _ratio(lost, len(losses))
    deviation = float(np.std(results, ddof=1)) if count > 1 else 0.0
    return {
        "trades": count,
        "win_rate": _ratio(len(wins), count),
        "profit_factor": _ratio(won, lost),
        "expectancy": _ratio(won - lost, count),
        "payoff": _ratio(mean_win, mean_loss) if mean_win is not None and mean_loss is not None else None,
        "sqn": math.sqrt(count) * (won - lost) / count / deviation if deviation > 0.0 else None,
        "avg_bars": _ratio(sum((trade.exit_bar or 0) - trade.entry_bar for trade in closed), count),
    }


def _against(returns: Floats, market: Floats, periods: float) -> Metrics:
    if returns.size < 2:
        return {"alpha": None, "beta": None, "information_ratio": None}
    variance = float(market.var(ddof=1))
    beta = float(np.cov(returns, market, ddof=1)[0, 1]) / variance if variance > 1e-30 else None
    ahead = sharpe_per_period(returns - market)
    return {
        "alpha": None if beta is None else (float(returns.mean()) - beta * float(market.mean())) * periods,
        "beta": beta,
        "information_ratio": None if ahead is None else ahead * math.sqrt(periods),
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
