"""The score of a published formula, from its days since publication alone, made so that it cannot be gamed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulas.engine.metrics import drawdown
from formulas.engine.statistics import NORMAL, best_of_chance, moments, sharpe_error

LEAST_DAYS, LEAST_TRADES = 60, 30
FULL_DAYS = 90
DAYS_A_YEAR = 252
HALF_LIFE = 180.0
CONFIDENCE = 1.645
HARMLESS_FALL, WORST_FALL = 0.2, 0.6

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Day:
    """One day after publication: the account's return net of costs, the mean share of equity that it held (below 0
    when short), the return of buying and holding on the same terms, and how many trades were closed.

    The share is signed and not just "in a position": else a tiny one in a falling market, or a short one, would be
    credited with all that the market lost.
    """

    net_return: float
    exposure: float
    market_return: float
    closed_trades: int


@dataclass(frozen=True, slots=True)
class Score:
    """`score` is from 0 to 100, None while there are fewer than 60 days or 30 trades; `parts` say how it came about."""

    score: float | None
    parts: dict[str, float | int | None]


def performance_score(days: Sequence[Day], versions: int) -> Score:
    """The score of the days since publication, oldest first; `versions` is how many their author ever published."""
    trades = sum(day.closed_trades for day in days)
    parts: dict[str, float | int | None] = {"days": len(days), "trades": trades, "versions": versions}
    if len(days) < LEAST_DAYS or trades < LEAST_TRADES:
        return Score(None, parts)
    # Of all days, not of each: who is in the market on the right days alone has done more than the market did then.
    exposed = float(np.mean([day.exposure for day in days]))
    excess = np.array([day.net_return - exposed * day.market_return for day in days])
    sharpe, error = _recent_sharpe(excess)
    shrink = len(days) / (len(days) + DAYS_A_YEAR)
    bar = best_of_chance(error * shrink, max(versions, 1))
    lower = math.sqrt(DAYS_A_YEAR) * (shrink * sharpe - CONFIDENCE * shrink * error - bar)
    equity = np.cumprod(np.array([1.0 + day.net_return for day in days], dtype=np.float64))
    fall = -float(drawdown(1.0, equity.astype(np.float64)).min())
    calm = min(1.0, max(0.0, (WORST_FALL - fall) / (WORST_FALL - HARMLESS_FALL)))
    length = min(1.0, len(days) / FULL_DAYS)
    parts |= {
        "sharpe": sharpe * math.sqrt(DAYS_A_YEAR),
        "shrunk_sharpe": shrink * sharpe * math.sqrt(DAYS_A_YEAR),
        "best_of_chance": bar * math.sqrt(DAYS_A_YEAR),
        "lower_bound": lower,
        "max_drawdown": -fall,
        "drawdown_factor": calm,
        "length_factor": length,
    }
    return Score(100.0 * NORMAL.cdf(lower) * length * calm, parts)


def _recent_sharpe(excess: Floats) -> tuple[float, float]:
    """The Sharpe ratio per day and its error; a day weighs half as much as one 180 days later."""
    weights = 0.5 ** (np.arange(excess.size - 1, -1, -1.0) / HALF_LIFE)
    weights /= weights.sum()
    mean = float(weights @ excess)
    deviation = math.sqrt(float(weights @ (excess - mean) ** 2))
    count = max(round(1.0 / float(weights @ weights)), 2)
    if deviation <= 1e-12:
        return 0.0, 1.0 / math.sqrt(count - 1)
    sharpe = mean / deviation
    return sharpe, sharpe_error(sharpe, *moments(excess), count)
