"""A formula's account over past bars, what it comes to, and what that rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bars
from formulas.engine.broker import Broker, Terms, Trade
from formulas.engine.columns.board import Board
from formulas.engine.compiler import compile_formula
from formulas.engine.decisions import Orders
from formulas.engine.live import LiveProgram
from formulas.engine.metrics import Calendar, Curve, Metrics, calendar_of, drawdown, measure
from formulas.engine.plan import Plan, walk
from formulas.engine.program import Program

IN_SAMPLE = 0.7

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """The result of a backtest; curves have one value for each bar, at its close.

    `trades` are in order of entry; the last may be open. `drawdown` is 0 or below. `in_sample` and `out_of_sample`
    are the metrics of the first 70 and the last 30 percent of the bars of this one run. `refused` counts actions
    whose size or level was na.
    """

    metrics: Metrics
    trades: list[Trade]
    equity: Floats
    drawdown: Floats
    buy_and_hold: Floats
    in_sample: Metrics
    out_of_sample: Metrics
    assumptions: dict[str, str | float | int | bool | None]
    refused: int


def backtest(
    program: Program, bars: Bars, terms: Terms | None = None, periods_per_year: float | None = None
) -> Backtest:
    """Run a formula's account over closed bars from its beginning. Costs are those of `Terms` unless given."""
    terms = terms or Terms()
    curve, refused = run_account(program, bars, terms)
    market = hold(bars, terms)
    calendar = calendar_of(bars.time, periods_per_year)
    cut = int(len(bars) * IN_SAMPLE)
    return Backtest(
        metrics=measure(curve, calendar, market),
        trades=list(curve.trades),
        equity=curve.equity,
        drawdown=drawdown(curve.start, curve.equity),
        buy_and_hold=market.equity,
        in_sample=measure(part(curve, 0, cut), calendar, part(market, 0, cut)),
        out_of_sample=measure(part(curve, cut, len(bars)), calendar, part(market, cut, len(bars))),
        assumptions=_assumptions(program, len(bars), terms, calendar),
        refused=refused,
    )


def run_account(program: Program, bars: Bars, terms: Terms, board: Board | None = None) -> tuple[Curve, int]:
    """The curve of a formula's account over bars, and how many of its actions were refused.

    `board` holds columns over the same bars that other programs share.
    """
    broker = Broker(terms)
    if program.reads_account:
        live = LiveProgram(program, terms)
        broker = live.broker or broker
        equity, held = np.empty(len(bars)), np.zeros(len(bars), dtype=bool)
        for index, bar in enumerate(bars.rows()):
            live.advance(bar)
            equity[index], held[index] = broker.equity, broker.units != 0.0
        return _curve(broker, terms, bars, equity, held), live.refused
    plan = Plan(program, board or Board(bars), bars)
    return _curve(broker, terms, bars, *walk(plan, broker, bars)), plan.refused


def replay(broker: Broker, bars: Bars, orders: dict[int, Orders], terms: Terms) -> Curve:
    """Let a broker carry out orders that were decided at the close of bars."""
    equity, held = np.empty(len(bars)), np.zeros(len(bars), dtype=bool)
    for index, bar in enumerate(bars.rows()):
        broker.advance(index, bar)
        equity[index], held[index] = broker.equity, broker.units != 0.0
        if index in orders:
            broker.place(orders[index])
    return _curve(broker, terms, bars, equity, held)


def hold(bars: Bars, terms: Terms) -> Curve:
    """Buying at the first open at which an order can fill, and keeping it."""
    return run_account(compile_formula("buy()"), bars, terms)[0]


def part(curve: Curve, first: int, stop: int) -> Curve:
    """The curve over bars `first` to `stop`, with the trades that ended, or are open at the end, among them."""
    start = curve.start if first == 0 else float(curve.equity[first - 1])
    trades = [t for t in curve.trades if first <= (len(curve.equity) - 1 if t.exit_bar is None else t.exit_bar) < stop]
    return Curve(start, curve.times[first:stop], curve.equity[first:stop], curve.held[first:stop], trades)


def _curve(broker: Broker, terms: Terms, bars: Bars, equity: Floats, held: NDArray[np.bool_]) -> Curve:
    return Curve(terms.initial_capital, bars.time, equity, held, broker.all_trades())


def _assumptions(
    program: Program, bars: int, terms: Terms, calendar: Calendar
) -> dict[str, str | float | int | bool | None]:
    return {
        "fills": "decided at the close, filled at the next open; stop, then target, then trail inside the bar",
        "initial_capital": terms.initial_capital,
        "fee_bps": terms.fee_bps,
        "slippage_bps": terms.slippage_bps,
        "minimum_fee": terms.minimum_fee,
        "size_units": terms.size_units,
        "risk_free_rate": 0.0,
        "periods_per_year": calendar.periods_per_year,
        "returns_by_day": calendar.by_day,
        "bars": bars,
        "warmup_bars": program.warmup_bars,
        "simulated": True,
    }
