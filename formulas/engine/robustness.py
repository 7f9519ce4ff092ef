"""What is left of a result when luck and costs turn: trades in another order, double costs, and late fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from formulas.engine.backtest import replay, run_account
from formulas.engine.bars import Bar, Bars
from formulas.engine.broker import Broker, Terms, Trade
from formulas.engine.columns.board import Board
from formulas.engine.decisions import Orders
from formulas.engine.live import LiveProgram
from formulas.engine.metrics import Curve, Metrics, calendar_of, measure
from formulas.engine.plan import Plan
from formulas.engine.program import Program

RUNS = 1000
PERCENTILES = (5, 50, 95)


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


class LateBroker(Broker):
    """A broker that hears of every decision one bar late."""

    __slots__ = ("_heard",)

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._heard: Orders | None = None

    def advance(self, index: int, bar: Bar) -> None:
        """Go over a bar, then take what was decided at the close before it."""
        super().advance(index, bar)
        if self._heard is not None:
            super().place(self._heard)
            self._heard = None

    def place(self, orders: Orders) -> None:
        """Keep what was decided for a bar."""
        self._heard = orders


def monte_carlo(trades: Sequence[Trade], capital: float, runs: int = RUNS, seed: int = 0) -> MonteCarlo | None:
    """Draw as many closed trades as there are, with replacement, `runs` times; None without a closed trade.

    The results are added to `capital` as they were, in money. The same seed gives the same numbers.
    """
    results = np.array([trade.pnl for trade in trades if trade.exit_bar is not None])
    if not results.size:
        return None
    drawn = np.random.default_rng(seed).choice(results, size=(runs, results.size))
    equity = np.concatenate((np.full((runs, 1), capital), capital + np.cumsum(drawn, axis=1)), axis=1)
    falls = (equity / np.maximum.accumulate(equity, axis=1) - 1.0).min(axis=1)
    growth = equity[:, -1] / capital - 1.0
    return MonteCarlo(
        runs=runs,
        total_return=tuple(np.percentile(growth, PERCENTILES).tolist()),
        max_drawdown=tuple(np.percentile(falls, PERCENTILES).tolist()),
        loss_probability=float((growth < 0.0).mean()),
    )


def stress(program: Program, bars: Bars, terms: Terms | None = None, periods_per_year: float | None = None) -> Stress:
    """The metrics with fees and slippage doubled, and with every decision filled one bar later."""
    terms = terms or Terms()
    dear = replace(
        terms,
        fee_bps=2.0 * terms.fee_bps,
        slippage_bps=2.0 * terms.slippage_bps,
        minimum_fee=2.0 * terms.minimum_fee,
    )
    calendar = calendar_of(bars.time, periods_per_year)
    return Stress(
        double_costs=measure(run_account(program, bars, dear)[0], calendar),
        late_fills=measure(_late(program, bars, terms), calendar),
    )


def _late(program: Program, bars: Bars, terms: Terms) -> Curve:
    broker = LateBroker(terms)
    if not program.reads_account:
        plan = Plan(program, Board(bars), bars)
        orders = {int(index): plan.orders(int(index)) for index in np.flatnonzero(plan.fires)}
        return replay(broker, bars, orders, terms)
    live = LiveProgram(program, terms)
    live.broker = broker
    equity, held = np.empty(len(bars)), np.zeros(len(bars), dtype=bool)
    for index, bar in enumerate(bars.rows()):
        live.advance(bar)
        equity[index], held[index] = broker.equity, broker.units != 0.0
    return Curve(terms.initial_capital, bars.time, equity, held, broker.all_trades())
