"""Windowed operations by blocks of the window's length: all blocks advance together, place by place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from formulas.engine.columns.elementwise import NAN, Column, finite


def over_known(function: Callable[[int, Column], Column]) -> Callable[[int, Column], Column]:
    """The function over the known values alone, its results put back in their places."""

    def run(n: int, x: Column) -> Column:
        known = x == x
        if known.all():
            return function(n, x)
        result = np.full(x.size, NAN)
        result[known] = function(n, x[known])
        return result

    return run


def blocks(n: int, x: Column) -> Column:
    """The column as rows of n values; the last row is filled up."""
    rows = -(-x.size // n)
    return np.concatenate((x, np.full(rows * n - x.size, x[-1] if x.size else 0.0))).reshape(rows, n)


def joined(size: int, whole: Column, middle: Column) -> Column:
    """One column again: `whole` for windows that are a row, `middle` for those that lie in two."""
    result = np.full(whole.shape, NAN)
    result[:, -1] = whole[:, -1]
    result[1:, :-1] = middle
    return result.reshape(-1)[:size]


def _sums(n: int, x: Column) -> tuple[Column, Column, Column, Column]:
    """Rows, their first values, sums from the row's beginning, and sums of what comes after each place."""
    rows = blocks(n, x)
    base = rows[:, :1]
    ends = (rows - rows[:, -1:])[:, ::-1]
    later = np.zeros(rows.shape)
    later[:, :-1] = np.cumsum(ends, axis=1)[:, :-1][:, ::-1]
    return rows, base, np.cumsum(rows - base, axis=1), later


def sma(n: int, x: Column) -> Column:
    """See steps.averages.sma."""
    rows, base, total, later = _sums(n, x)
    rest = np.arange(n - 1, 0, -1.0)
    moved = (rows[:-1, -1:] - base[1:]) * rest
    middle = base[1:] + (total[1:, :-1] + later[:-1, :-1] + moved) / n
    return finite(joined(x.size, base + total / n, middle))


def wma(n: int, x: Column) -> Column:
    """See steps.averages.wma; for columns without na."""
    rows, base, total, later = _sums(n, x)
    weighted = np.cumsum((rows - base) * np.arange(1.0, n + 1.0), axis=1)
    old = np.cumsum(later[:, ::-1], axis=1)[:, ::-1]
    rest = np.arange(n - 1, 0, -1.0)
    weights = n * (n + 1) / 2
    before = old[:-1, :-1] + (rows[:-1, -1:] - base[1:]) * (rest * (rest + 1) / 2)
    middle = base[1:] + (weighted[1:, :-1] + rest * total[1:, :-1] + before) / weights
    return finite(joined(x.size, base + weighted / weights, middle))


def stdev(n: int, x: Column) -> Column:
    """See steps.averages.stdev."""
    rows = blocks(n, x)
    means, squares = np.empty(rows.shape), np.empty(rows.shape)
    mean, square = np.zeros(len(rows)), np.zeros(len(rows))
    for place in range(n):
        delta = rows[:, place] - mean
        mean = mean + delta / (place + 1)
        square = square + delta * (rows[:, place] - mean)
        means[:, place], squares[:, place] = mean, square
    later_means, later_squares = np.empty(rows.shape), np.empty(rows.shape)
    mean, square = np.zeros(len(rows)), np.zeros(len(rows))
    for place in range(n - 1, -1, -1):
        later_means[:, place], later_squares[:, place] = mean, square
        delta = rows[:, place] - mean
        mean = mean + delta / (n - place)
        square = square + delta * (rows[:, place] - mean)
    gap = later_means[:-1, :-1] - means[1:, :-1]
    share = np.arange(1, n) * np.arange(n - 1, 0, -1) / n
    middle = squares[1:, :-1] + (later_squares[:-1, :-1] + gap * gap * share)
    merged = joined(x.size, squares, middle)
    return np.sqrt(np.where(merged < np.inf, merged, NAN) / n)


def highest(n: int, x: Column) -> Column:
    """See steps.windows.highest; for columns without na and without a zero below 0."""
    rows = blocks(n, x)
    top = np.maximum.accumulate(rows, axis=1)
    later = np.maximum.accumulate(rows[:, ::-1], axis=1)[:, ::-1]
    return joined(x.size, top, np.maximum(later[:-1, 1:], top[1:, :-1]))


def lowest(n: int, x: Column) -> Column:
    """See steps.windows.lowest; for columns without na and without a zero below 0."""
    return -highest(n, -x)


def _has_odd_values(x: Column) -> bool:
    """Whether there is na, or a zero below 0, of which a maximum may be either."""
    return bool((x != x).any() or np.signbit(x[x == 0.0]).any())


SKIPPING_NA: dict[str, Callable[[int, Column], Column]] = {"sma": over_known(sma), "stdev": over_known(stdev)}
FOR_PLAIN_VALUES: dict[str, Callable[[int, Column], Column]] = {"wma": wma, "highest": highest, "lowest": lowest}


def windowed(op: str, n: int, x: Column) -> Column | None:
    """The column of a windowed operation; None where its step is needed."""
    if op in SKIPPING_NA:
        return SKIPPING_NA[op](n, x)
    if op not in FOR_PLAIN_VALUES:
        return None
    first = int(np.argmax(x == x)) if x.size else 0
    if _has_odd_values(x[first:]):
        return None
    return np.concatenate((np.full(first, NAN), FOR_PLAIN_VALUES[op](n, x[first:])))
