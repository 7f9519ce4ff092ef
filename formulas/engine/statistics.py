"""How sure one can be of a Sharpe ratio: probabilistic, deflated for the number of tries, and overfitting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EULER_GAMMA = 0.5772156649015329
PARTS = 16
NO_DEVIATION = 1e-15
SPLITS_AT_ONCE = 1024
NORMAL = NormalDist()


def mean_and_deviation(values: Floats) -> tuple[float, float]:
    """Mean, and deviation with ddof 1; both 0 for none, the latter for one."""
    if values.size < 2:
        return float(values.sum()), 0.0
    mean = float(values.sum()) / values.size
    distance = values - mean
    return mean, math.sqrt(float((distance * distance).sum()) / (values.size - 1))


def sharpe_per_period(returns: Floats) -> float | None:
    """Mean over deviation (ddof 1) of the returns; None when they do not vary."""
    mean, deviation = mean_and_deviation(returns)
    return mean / deviation if deviation > NO_DEVIATION else None


def moments(returns: Floats) -> tuple[float, float]:
    """Skewness and raw kurtosis (3 for a normal distribution)."""
    distance = returns - float(returns.sum()) / returns.size
    squares = distance * distance
    sums = float(squares.sum()), float((squares * distance).sum()), float((squares * squares).sum())
    return shape(*sums, returns.size)


def shape(squares: float, cubes: float, fourths: float, count: int) -> tuple[float, float]:
    """The same from sums of powers of the distances from the mean; NaN where they are beyond all numbers."""
    variance = squares / count
    try:
        return cubes / count / variance**1.5, fourths / count / variance**2
    except (OverflowError, ZeroDivisionError):
        return math.nan, math.nan


def sharpe_error(sharpe: float, skew: float, kurtosis: float, count: int) -> float:
    """The standard error of a Sharpe ratio per period over `count` returns."""
    spread = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    return math.sqrt(max(spread, 1e-12) / (count - 1))


def probabilistic_sharpe(returns: Floats, benchmark: float = 0.0) -> float | None:
    """The probability that the true Sharpe ratio per period is above the benchmark."""
    sharpe = sharpe_per_period(returns)
    return None if sharpe is None else probability_above(sharpe, *moments(returns), returns.size, benchmark)


def probability_above(sharpe: float, skew: float, kurtosis: float, count: int, benchmark: float = 0.0) -> float:
    """The same, from the ratio of `count` returns and their shape."""
    return NORMAL.cdf((sharpe - benchmark) / sharpe_error(sharpe, skew, kurtosis, count))


def best_of_chance(spread: float, trials: int) -> float:
    """The Sharpe ratio to expect of the best of `trials` without skill, whose ratios have this deviation."""
    if trials < 2:
        return 0.0
    high, higher = NORMAL.inv_cdf(1.0 - 1.0 / trials), NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return spread * ((1.0 - EULER_GAMMA) * high + EULER_GAMMA * higher)


def deflated_sharpe(returns: Floats, tried: Sequence[float]) -> float | None:
    """The probabilistic Sharpe ratio against the best of chance among all that were tried, per period."""
    spread = float(np.std(tried, ddof=1)) if len(tried) > 1 else 0.0
    return probabilistic_sharpe(returns, best_of_chance(spread, len(tried)))


def block_sums(returns: Floats, parts: int = PARTS) -> Floats:
    """Sums and sums of squares of the returns in each of `parts` blocks of time of equal length, as two rows.

    What is left over at the end does not count.
    """
    blocks = returns[: returns.size // parts * parts].reshape(parts, -1)
    sums = np.empty((2, parts))
    blocks.sum(axis=1, out=sums[0])
    (blocks * blocks).sum(axis=1, out=sums[1])
    return sums


def overfitting_probability(candidates: Sequence[Floats], length: int) -> float | None:
    """How often the best candidate of one half of time is below the median in the other half.

    Each candidate is given by its `block_sums`, over blocks of `length` returns; all ways to choose half of them are
    tried. None with fewer than two candidates or two returns in a block.
    """
    if len(candidates) < 2 or length < 2:
        return None
    sums, squares = (np.stack([one[row] for one in candidates], axis=1) for row in (0, 1))
    parts = len(sums)
    count = length * parts // 2
    chosen = list(combinations(range(parts), parts // 2))
    below = 0
    for start in range(0, len(chosen), SPLITS_AT_ONCE):
        picks = np.array(chosen[start : start + SPLITS_AT_ONCE])
        inside = np.zeros((len(picks), parts))
        np.put_along_axis(inside, picks, 1.0, axis=1)
        before = _ratios(inside @ sums, inside @ squares, count)
        after = _ratios((1.0 - inside) @ sums, (1.0 - inside) @ squares, count)
        best = np.take_along_axis(after, before.argmax(axis=1)[:, None], axis=1)
        below += int((best[:, 0] < np.median(after, axis=1)).sum())
    return below / len(chosen)


def _ratios(sums: Floats, squares: Floats, count: int) -> Floats:
    variance = np.maximum(squares - sums**2 / count, 0.0) / (count - 1)
    return np.where(variance > 1e-30, sums / count / np.sqrt(np.maximum(variance, 1e-30)), 0.0)
