"""What is left of a result when luck and costs turn: trades in another order, double costs, and late fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from formulas.engine.backtest import run_account
from formulas.engine.bars import Bars
from formulas.engine.broker import Terms
from formulas.engine.metrics import Metrics, calendar_for, measure
from formulas.engine.program import Program
from formulas.engine.trades import Trade

RUNS = 1000
PERCENTILES = (5, 50, 95)
MOST_DRAWN = 2_000_000  # results in memory at once: a formula may trade on every other bar

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MonteCarlo:
    """Closed trades drawn again and again: percentiles 5, 50, 95 of the return and of the deepest fall (0 or below).

    `loss_probability` is the share of runs that end below the money at the start.
    """

    runs: int
    total_return: tuple[float, ...]
    max_drawdown: tuple[float, ...]
    loss_probability: float


@dataclass(frozen=True, slots=True)
class Stress:
    """The metrics of the same formula under worse conditions."""

    double_costs: Metrics
    late_fills: Metrics


def monte_carlo(trades: Sequence[Trade], capital: float, runs: int = RUNS, seed: int = 0) -> MonteCarlo | None:
    """Draw as many closed trades as there are, with replacement, `runs` times; None without a closed trade.

    The results are added to `capital` as they were, in money. The same seed gives the same numbers.
    """
    results = np.array([trade.pnl for trade in trades if trade.exit_bar is not None])
    if not results.size:
        return None
    chance = np.random.default_rng(seed)
    growth, falls = np.empty(runs), np.empty(runs)
    at_once = max(1, MOST_DRAWN // results.size)
    for start in range(0, runs, at_once):
        some = slice(start, min(start + at_once, runs))
        drawn = chance.choice(results, size=(some.stop - start, results.size))
        growth[some], falls[some] = _endings(drawn, capital)
    return MonteCarlo(
        runs=runs,
        total_return=tuple(np.percentile(growth, PERCENTILES).tolist()),
        max_drawdown=tuple(np.percentile(falls, PERCENTILES).tolist()),
        loss_probability=float((growth < 0.0).mean()),
    )


def _endings(drawn: Floats, capital: float) -> tuple[Floats, Floats]:
    """What each run of results brings by its end, and its deepest fall."""
    equity = np.concatenate((np.full((len(drawn), 1), capital), capital + np.cumsum(drawn, axis=1)), axis=1)
    falls = (equity / np.maximum.accumulate(equity, axis=1) - 1.0).min(axis=1)
    return equity[:, -1] / capital - 1.0, falls


def stress(program: Program, bars: Bars, terms: Terms | None = None, periods_per_year: float | None = None) -> Stress:
    """The metrics with fees and slippage doubled, and with every decision filled one bar later."""
    terms = terms or Terms()
    dear = replace(
        terms,
        fee_bps=2.0 * terms.fee_bps,
        slippage_bps=2.0 * terms.slippage_bps,
        minimum_fee=2.0 * terms.minimum_fee,
    )
    calendar = calendar_for(bars, periods_per_year)
    return Stress(
        double_costs=measure(run_account(program, bars, dear)[0], calendar),
        late_fills=measure(run_account(program, bars, terms, late=True)[0], calendar),
    )
