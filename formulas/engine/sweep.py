"""Many values of a formula's params over the same bars: a sweep, and walking forward through it."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import pairwise, product
from math import prod
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from formulas.engine import families
from formulas.engine.accounts import Accounts
from formulas.engine.backtest import keep, part
from formulas.engine.bars import Bars
from formulas.engine.broker import Terms
from formulas.engine.metrics import Curve, Metrics, assess, calendar_for, measure, metrics_of, sharpe_of
from formulas.engine.program import Program
from formulas.engine.statistics import (
    PARTS,
    block_sums,
    deflated_sharpe,
    overfitting_probability,
)

MOST_POINTS = 2000
FOLDS = 5
FEWEST_FOR_A_THREAD = 8
# Over fewer bars Python itself takes most of the time, and that it does on one core.
WORTH_A_THREAD = 50_000

Floats = NDArray[np.float64]
Point = dict[str, float]
Part = TypeVar("Part")


class SweepError(ValueError):
    """A sweep was refused."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """Every point with its metrics, in the order of the points; `best` is the place of the highest Sharpe ratio.

    `deflated_sharpe` is how probable it is that the best one is better than the best of as many without skill; None
    where unknown.
    """

    points: list[Point]
    metrics: list[Metrics]
    best: int
    deflated_sharpe: float | None
    _sums: list[Floats]
    _length: int

    @cached_property
    def overfitting(self) -> float | None:
        """How often the best in one half of time is below the median in the other; None where unknown."""
        return overfitting_probability(self._sums, self._length)


@dataclass(frozen=True, slots=True, eq=False)
class SweepPart:
    """Some of a sweep's points, with what is needed to join them to the others.

    `sharpes` are per period, `sums` as of statistics.block_sums, `best_returns` those of the first best point.
    """

    points: list[Point]
    metrics: list[Metrics]
    sharpes: list[float]
    sums: list[Floats]
    best_returns: Floats

    def as_dict(self) -> dict[str, Any]:
        """The same as values that JSON can hold, without loss."""
        return {
            "points": self.points,
            "metrics": self.metrics,
            "sharpes": self.sharpes,
            "sums": [one.tolist() for one in self.sums],
            "best_returns": self.best_returns.tolist(),
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> SweepPart:
        """A part from its dictionary."""
        sums = [np.array(one, dtype=np.float64) for one in kept["sums"]]
        returns = np.array(kept["best_returns"], dtype=np.float64)
        return cls(kept["points"], kept["metrics"], kept["sharpes"], sums, returns)


class Leader(NamedTuple):
    """The best point so far on the bars before a fold, by its place."""

    sharpe: float
    place: int
    curve: Curve


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
    return [_combination(values, number) for number in _drawn(random.Random(seed), whole, count)]


def _drawn(chance: random.Random, whole: int, count: int) -> list[int]:
    """`count` different numbers below `whole`, however large that is."""
    if whole <= sys.maxsize:
        return chance.sample(range(whole), count)
    found: dict[int, None] = {}
    while len(found) < count:
        found[chance.randrange(whole)] = None
    return list(found)


def _combination(values: Mapping[str, Sequence[float]], number: int) -> Point:
    point: Point = {}
    for name, each in values.items():
        number, place = divmod(number, len(each))
        point[name] = each[place]
    return point


def compiled(source: str, points: Sequence[Point]) -> list[Program]:
    """The program of each point. Raises SweepError or FormulaError."""
    if not 0 < len(points) <= MOST_POINTS:
        raise SweepError(f"a sweep has from 1 to {MOST_POINTS} points; this one has {len(points)}")
    return list(families.compiled(source, points))


def sweep(
    source: str,
    bars: Bars,
    points: Sequence[Point],
    terms: Terms | None = None,
    periods_per_year: float | None = None,
    threads: int | None = None,
) -> Sweep:
    """Backtest a formula at each point, on the machine's cores. Raises SweepError or FormulaError.

    The result is the same, bit for bit, however the points are shared out.
    """
    measuring = Measuring(source, bars, points, terms or Terms(), periods_per_year)
    return joined(_shared_out(measuring.part, len(points), len(bars), threads))


def _shared_out(part: Callable[[int, int], Part], points: int, bars: int, threads: int | None) -> list[Part]:
    """What comes of the points from one place up to another, for places that share them out to the cores."""
    cores = len(os.sched_getaffinity(0)) if bars >= WORTH_A_THREAD else 1
    count = min(threads or cores, max(1, points // FEWEST_FOR_A_THREAD))
    cuts = [points * step // count for step in range(count + 1)]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(part, cuts[:-1], cuts[1:]))


def sweep_part(
    source: str,
    bars: Bars,
    points: Sequence[Point],
    terms: Terms | None = None,
    periods_per_year: float | None = None,
) -> SweepPart:
    """Some points of a sweep, to be joined with the others. Raises SweepError or FormulaError."""
    return Measuring(source, bars, points, terms or Terms(), periods_per_year).part(0, len(points))


def joined(parts: Sequence[SweepPart]) -> Sweep:
    """The sweep over the points of all parts, in their order."""
    sharpes = [sharpe for part in parts for sharpe in part.sharpes]
    sums = [one for part in parts for one in part.sums]
    highest = [max(part.sharpes) for part in parts]
    returns = parts[highest.index(max(highest))].best_returns
    return Sweep(
        points=[point for part in parts for point in part.points],
        metrics=[metrics for part in parts for metrics in part.metrics],
        best=sharpes.index(max(sharpes)),
        deflated_sharpe=deflated_sharpe(returns, sharpes),
        _sums=sums,
        _length=returns.size // PARTS,
    )


class Measuring:
    """A sweep at work: the points' programs, and what all of them are measured against."""

    def __init__(
        self, source: str, bars: Bars, points: Sequence[Point], terms: Terms, periods_per_year: float | None
    ) -> None:
        self._accounts = Accounts(compiled(source, points), bars, terms)
        self._points = points
        self._calendar = calendar_for(bars, periods_per_year)
        self._market = keep(bars, terms)

    def part(self, first: int, stop: int) -> SweepPart:
        """The points from one place up to another.

        Each curve is let go before the next one is made: a sweep must fit into memory whatever its bars.
        """
        done = SweepPart(list(self._points[first:stop]), [], [], [], np.empty(0))
        best = done.best_returns
        for place in range(first, stop):
            curve = self._accounts.curve(place)
            sums, returns = assess(curve, self._calendar, self._market)
            sharpe = sharpe_of(sums, returns.size) or 0.0
            if place == first or sharpe > max(done.sharpes):
                best = returns
            done.metrics.append(metrics_of(curve, self._calendar, self._market, sums, returns.size))
            done.sharpes.append(sharpe)
            done.sums.append(block_sums(returns))
        return replace(done, best_returns=best)


def walk_forward(
    source: str,
    bars: Bars,
    points: Sequence[Point],
    terms: Terms | None = None,
    periods_per_year: float | None = None,
    folds: int = FOLDS,
    threads: int | None = None,
) -> WalkForward:
    """Choose the best point on all bars so far and keep to it over the next part, `folds` times.

    A later bar never changes what an account did before, so each point runs once and its curve is cut. The result is
    the same, bit for bit, however the points are shared out. Raises SweepError or FormulaError.
    """
    walking = Walking(source, bars, points, terms or Terms(), periods_per_year, folds)
    return walking.joined(_shared_out(walking.part, len(points), len(bars), threads))


class Walking:
    """A walk forward at work. Raises SweepError or FormulaError."""

    def __init__(
        self, source: str, bars: Bars, points: Sequence[Point], terms: Terms, periods_per_year: float | None, folds: int
    ) -> None:
        if not 0 < folds < len(bars):
            raise SweepError(f"{folds} folds need more than {len(bars)} bars")
        self._accounts = Accounts(compiled(source, points), bars, terms)
        self._points = points
        self._calendar = calendar_for(bars, periods_per_year)
        self._cuts = [len(bars) * step // (folds + 1) for step in range(1, folds + 2)]

    def part(self, first: int, stop: int) -> list[Leader]:
        """For each fold the best of the points from one place up to another."""
        leaders: list[Leader] = []
        for place in range(first, stop):
            curve = self._accounts.curve(place)
            sharpes = [self._sharpe(curve, cut) for cut in self._cuts[:-1]]
            new = [Leader(sharpe, place, curve) for sharpe in sharpes]
            leaders = [_better(*pair) for pair in zip(leaders, new, strict=True)] if leaders else new
        return leaders

    def joined(self, parts: Sequence[Sequence[Leader]]) -> WalkForward:
        """The walk through the points of all parts, in their order."""
        best = [reduce(_better, leaders) for leaders in zip(*parts, strict=True)]
        folds = [self._fold(*cuts, leader) for cuts, leader in zip(pairwise(self._cuts), best, strict=True)]
        before = float(np.mean([fold.in_sample["cagr"] or 0.0 for fold in folds]))
        after = float(np.mean([fold.out_of_sample["cagr"] or 0.0 for fold in folds]))
        return WalkForward(folds, after / before if before > 0.0 else None)

    def _sharpe(self, curve: Curve, stop: int) -> float:
        sums, returns = assess(part(curve, 0, stop), self._calendar)
        return sharpe_of(sums, returns.size) or 0.0

    def _fold(self, first: int, stop: int, leader: Leader) -> Fold:
        before, after = part(leader.curve, 0, first), part(leader.curve, first, stop)
        in_sample, out_of_sample = measure(before, self._calendar), measure(after, self._calendar)
        return Fold(first, stop, self._points[leader.place], in_sample, out_of_sample)


def _better(one: Leader, other: Leader) -> Leader:
    """The earlier one where both are as good."""
    return other if other.sharpe > one.sharpe else one
