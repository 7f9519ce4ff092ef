"""Operations on one bar's values, for all bars at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from formulas.engine.steps.arithmetic import ALL_WHOLE
from formulas.engine.steps.events import TIE

Column = NDArray[np.float64]
Flags = NDArray[np.bool_]

NAN = np.nan


def finite(x: Column) -> Column:
    """The column with na in the place of what has no finite answer."""
    return np.where(np.isfinite(x), x, NAN)


def condition(known: Flags, holds: Flags) -> Column:
    """1.0, 0.0, or NaN where it is not known."""
    return np.where(known, holds.astype(np.float64), NAN)


def both_known(x: Column, y: Column) -> Flags:
    """Where neither of two columns is na."""
    known: Flags = (x == x) & (y == y)
    return known


def exceeds(x: Column, y: Column) -> Flags:
    """Where x is above y by more than rounding dust."""
    above: Flags = x - y > TIE * np.maximum(np.abs(x), np.abs(y))
    return above


def _divide(x: Column, y: Column) -> Column:
    return finite(np.where(y == 0.0, NAN, x / y))


def _modulo(x: Column, y: Column) -> Column:
    return np.where(y == 0.0, NAN, np.fmod(x, y))


def _round(x: Column) -> Column:
    size = np.abs(x)
    whole = np.floor(size)
    whole = np.where(size - whole >= 0.5, whole + 1.0, whole)
    return np.where(size < ALL_WHOLE, np.where(x < 0.0, -whole, whole), x)


def _sign(x: Column) -> Column:
    return np.where(x > 0.0, 1.0, np.where(x < 0.0, -1.0, np.where(x == 0.0, 0.0, NAN)))


def _floor(x: Column) -> Column:
    # Adding 0 makes of -0 the 0 that a step's floor gives.
    return np.where(np.abs(x) < ALL_WHOLE, np.floor(x) + 0.0, x)


def _replaced(x: Column, replacement: Column) -> Column:
    return np.where(x != x, replacement, x)


def _and(x: Column, y: Column) -> Column:
    return np.where((x == 0.0) | (y == 0.0), 0.0, np.where(both_known(x, y), 1.0, NAN))


def _or(x: Column, y: Column) -> Column:
    is_true = ((x == x) & (x != 0.0)) | ((y == y) & (y != 0.0))
    return np.where(is_true, 1.0, np.where(both_known(x, y), 0.0, NAN))


def _lag(k: int, x: Column) -> Column:
    return np.concatenate((np.full(min(k, x.size), NAN), x[: max(x.size - k, 0)]))


def _true_range(high: Column, low: Column, close: Column) -> Column:
    last = np.concatenate((close[:1], close[:-1]))
    ranges = np.maximum(np.maximum(high - low, np.abs(high - last)), np.abs(low - last))
    ranges[:1] = (high - low)[:1]
    return ranges


def _after_close(high: Column, low: Column, close: Column) -> Column:
    ranges = _true_range(high, low, close)
    ranges[:1] = NAN
    return ranges


def _crossover(x: Column, y: Column) -> Column:
    known = np.flatnonzero(both_known(x, y))
    above = exceeds(x[known], y[known])
    result = np.full(x.size, NAN)
    result[known[1:]] = (above[1:] & ~above[:-1]).astype(np.float64)
    return result


ELEMENTWISE: dict[str, Callable[..., Column]] = {
    "add": lambda x, y: finite(x + y),
    "subtract": lambda x, y: finite(x - y),
    "multiply": lambda x, y: finite(x * y),
    "divide": _divide,
    "modulo": _modulo,
    "negate": lambda x: -x,
    "min": lambda x, y: np.where(x <= y, x, np.where(x > y, y, NAN)),
    "max": lambda x, y: np.where(x >= y, x, np.where(x < y, y, NAN)),
    "abs": np.abs,
    "sqrt": lambda x: np.sqrt(np.where(x < 0.0, NAN, x)),
    "sign": _sign,
    "round": _round,
    "floor": _floor,
    "nz": _replaced,
    "less": lambda x, y: condition(both_known(x, y), x < y),
    "less_or_equal": lambda x, y: condition(both_known(x, y), x <= y),
    "greater": lambda x, y: condition(both_known(x, y), x > y),
    "greater_or_equal": lambda x, y: condition(both_known(x, y), x >= y),
    "equal": lambda x, y: condition(both_known(x, y), x == y),
    "different": lambda x, y: condition(both_known(x, y), x != y),
    "not": lambda x: condition(x == x, x == 0.0),
    "truth": lambda x: condition(x == x, x != 0.0),
    "and": _and,
    "or": _or,
    "choose": lambda c, x, y: np.where(c != c, NAN, np.where(c != 0.0, x, y)),
    "na": lambda x: (x != x).astype(np.float64),
    "lag": _lag,
    "tr": _true_range,
    "tr_after_close": _after_close,
    "crossover": _crossover,
    "crossunder": lambda x, y: _crossover(y, x),
}
