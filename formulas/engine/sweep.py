"""Many values of a formula's params over the same bars: a sweep, and walking forward through it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

import numpy as np
from numpy.typing import NDArray

from formulas.engine.backtest import hold, part, run_account
from formulas.engine.bars import Bars
from formulas.engine.broker import Terms
from formulas.engine.columns.board import Board
from formulas.engine.compiler import compile_formula
from formulas.engine.metrics import Curve, Metrics, calendar_of, measure, returns_of
from formulas.engine.statistics import (
    PARTS,
    block_sums,
    deflated_sharpe,
    overfitting_probability,
    sharpe_per_period,
)

MOST_POINTS = 2000
FOLDS = 5

Floats = NDArray[np.float64]
Point = dict[str, float]


class SweepError(ValueError):
    """A sweep was refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Every point with its metrics, in the order of the points; `best` is the place of the highest Sharpe ratio.

    `deflated_sharpe` is how probable it is that the best one is better than the best of as many without skill, and
    `overfitting` how often the best in one half of time is below the median in the other; None where unknown.
    """

    points: list[Point]
    metrics: list[Metrics]
    best: int
    deflated_sharpe: float | None
    overfitting: float | None


@dataclass(frozen=True, slots=True)
class Fold:
    """One step of walking forward: the point that was best on bars before `first`, and both its results."""

    first: int
    stop: int
    point: Point
    in_sample: Metrics
    out_of_sample: Metrics


@dataclass(frozen=True, slots=True)
class WalkForward:
    """`efficiency` is the mean yearly return out of sample over that in sample; None when the latter is not above 0."""

    folds: list[Fold]
    efficiency: float | None


def grid(values: Mapping[str, Sequence[float]]) -> list[Point]:
    """Every combination of the params' values. Raises SweepError for more than 2,000."""
    count = prod(len(each) for each in values.values())
    if not 0 < count <= MOST_POINTS:
        raise SweepError(f"a sweep has from 1 to {MOST_POINTS} points; this one has {count}")
    return [dict(zip(values, combination, strict=True)) for combination in product(*values.values())]


def random_points(values: Mapping[str, Sequence[float]], count: int, seed: int) -> list[Point]:
    """`count` combinations drawn with a seed, none twice. Raises SweepError for more than 2,000 or than there are."""
    whole = prod(len(each) for each in values.values())
    if not 0 < count <= min(MOST_POINTS, whole):
        raise SweepError(f"from 1 to {min(MOST_POINTS, whole)} points can be drawn here, not {count}")
    drawn = random.Random(seed).sample(range(whole), count)
    return [_combination(values, number) for number in drawn]


def _combination(values: Mapping[str, Sequence[float]], number: int) -> Point:
    point: Point = {}
    for name, each in values.items():
        number, place = divmod(number, len(each))
        point[name] = each[place]
    return point


def curves(source: str, bars: Bars, points: Sequence[Point], terms: Terms) -> Iterator[Curve]:
    """The account of the formula at each point, one after the other. Raises SweepError or FormulaError."""
    if not 0 < len(points) <= MOST_POINTS:
        raise SweepError(f"a sweep has from 1 to {MOST_POINTS} points; this one has {len(points)}")
    programs = [compile_formula(source, point) for point in points]
    board = Board(bars)
    for program in programs:
        board.announce(program)
    for program in programs:
        yield run_account(program, bars, terms, board)[0]
        board.dismiss(program)


def sweep(
    source: str,
    bars: Bars,
    points: Sequence[Point],
    terms: Terms | None = None,
    periods_per_year: float | None = None,
) -> Sweep:
    """Backtest a formula at each point. Raises SweepError or FormulaError."""
    terms = terms or Terms()
    calendar = calendar_of(bars.time, periods_per_year)
    market = hold(bars, terms)
    metrics: list[Metrics] = []
    sharpes: list[float] = []
    sums: list[Floats] = []
    best, best_returns = 0, np.empty(0)
    # Each curve is let go before the next one is made: a sweep must fit into memory whatever its bars.
    for place, curve in enumerate(curves(source, bars, points, terms)):
        returns = returns_of(curve, calendar)
        metrics.append(measure(curve, calendar, market))
        sharpes.append(sharpe_per_period(returns) or 0.0)
        sums.append(block_sums(returns))
        if place == 0 or sharpes[place] > sharpes[best]:
            best, best_returns = place, returns
    return Sweep(
        points=list(points),
        metrics=metrics,
        best=best,
        deflated_sharpe=deflated_sharpe(best_returns, sharpes),
        overfitting=overfitting_probability(sums, best_returns.size // PARTS),
    )


def walk_forward(
    source: str,
    bars: Bars,
    points: Sequence[Point],
    terms: Terms | None = None,
    periods_per_year: float | None = None,
    folds: int = FOLDS,
) -> WalkForward:
    """Choose the best point on all bars so far and keep to it over the next part, `folds` times.

    A later bar never changes what an account did before, so each point runs once and its curve is cut.
    Raises SweepError or FormulaError.
    """
    if not 0 < folds < len(bars):
        raise SweepError(f"{folds} folds need more than {len(bars)} bars")
    calendar = calendar_of(bars.time, periods_per_year)
    cuts = [len(bars) * step // (folds + 1) for step in range(1, folds + 2)]
    best: list[tuple[float, Point, Curve] | None] = [None] * folds
    for point, curve in zip(points, curves(source, bars, points, terms or Terms()), strict=True):
        for fold, first in enumerate(cuts[:-1]):
            sharpe = sharpe_per_period(returns_of(part(curve, 0, first), calendar)) or 0.0
            leader = best[fold]
            if leader is None or sharpe > leader[0]:
                best[fold] = (sharpe, point, curve)
    walked = [
        Fold(first, stop, point, measure(part(curve, 0, first), calendar), measure(part(curve, first, stop), calendar))
        for (first, stop), (_, point, curve) in zip(pairwise(cuts), filter(None, best), strict=True)
    ]
    before = float(np.mean([fold.in_sample["cagr"] or 0.0 for fold in walked]))
    after = float(np.mean([fold.out_of_sample["cagr"] or 0.0 for fold in walked]))
    return WalkForward(walked, after / before if before > 0.0 else None)
