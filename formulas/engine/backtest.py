"""A formula's account over past bars, what it comes to, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bars
from formulas.engine.broker import Broker, LateBroker, Terms
from formulas.engine.compiler import compile_formula
from formulas.engine.decisions import Orders
from formulas.engine.history import run
from formulas.engine.holding import Kept, kept
from formulas.engine.live import LiveProgram
from formulas.engine.metrics import Calendar, Curve, Metrics, calendar_for, drawdown, measure
from formulas.engine.native import kernels_for
from formulas.engine.program import Program
from formulas.engine.tape import Tape
from formulas.engine.trades import Trades

IN_SAMPLE = 0.7
BARS_AT_ONCE = 131_072

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Backtest:
    """The result of a backtest; curves have one value for each bar, at its close.

    `trades` are in order of entry; the last may be open. `refused` counts actions whose size or level was na.
    What is a property is worked out when it is first asked for.
    """

    metrics: Metrics
    assumptions: dict[str, str | float | int | bool | None]
    refused: int
    _curve: Curve
    _market: Curve | Kept
    _calendar: Calendar

    @property
    def trades(self) -> Trades:
        """The closed trades, then the open one."""
        return Trades.of(self._curve.trades)

    @property
    def equity(self) -> Floats:
        """The account at each close."""
        return self._curve.equity

    @property
    def buy_and_hold(self) -> Floats:
        """The account of one who bought at once and kept it."""
        return self._market.curve.equity

    @cached_property
    def drawdown(self) -> Floats:
        """The distance from the highest equity so far, 0 or below."""
        return drawdown(self._curve.start, self._curve.equity)

    @cached_property
    def in_sample(self) -> Metrics:
        """The metrics of the first 70 percent of the bars of this one run."""
        return self._of(0, self._cut)

    @cached_property
    def out_of_sample(self) -> Metrics:
        """The metrics of the last 30 percent of the bars of this one run."""
        return self._of(self._cut, len(self.equity))

    @property
    def _cut(self) -> int:
        return int(len(self.equity) * IN_SAMPLE)

    def _of(self, first: int, stop: int) -> Metrics:
        market = part(self._market.curve, first, stop)
        return measure(part(self._curve, first, stop), self._calendar, market)


def backtest(
    program: Program, bars: Bars, terms: Terms | None = None, periods_per_year: float | None = None
) -> Backtest:
    """Run a formula's account over closed bars from its beginning. Costs are those of `Terms` unless given."""
    terms = terms or Terms()
    curve, refused = run_account(program, bars, terms)
    market = keep(bars, terms)
    calendar = calendar_for(bars, periods_per_year)
    metrics = measure(curve, calendar, market)
    return Backtest(metrics, _assumptions(program, len(bars), terms, calendar), refused, curve, market, calendar)


def run_account(
    program: Program, bars: Bars, terms: Terms, given: Mapping[int, Floats] | None = None, late: bool = False
) -> tuple[Curve, int]:
    """The curve of a formula's account over bars, and how many of its actions were refused.

    `given` are columns of nodes that are known already. A `late` account hears of every decision one bar later.
    """
    kernels = kernels_for(len(bars) * (len(program.nodes) + 1))
    if kernels is None:
        return _step_account(program, bars, terms, late)
    tape = Tape(program, bars, given=given, terms=terms, late=late)
    for start in range(0, len(bars), BARS_AT_ONCE):
        tape.advance(kernels, start, min(start + BARS_AT_ONCE, len(bars)))
    curve, refused = Curve(terms.initial_capital, bars.time, tape.equity, tape.held, tape.trades()), tape.refused
    tape.end()
    return curve, refused


def _step_account(program: Program, bars: Bars, terms: Terms, late: bool) -> tuple[Curve, int]:
    """The same bar by bar in plain Python."""
    if program.reads_account:
        live = LiveProgram(program, terms)
        broker = live.broker = LateBroker(terms) if late else Broker(terms)
        equity, held = np.empty(len(bars)), np.zeros(len(bars), dtype=bool)
        for index, bar in enumerate(bars.rows()):
            live.advance(bar)
            equity[index], held[index] = broker.equity, broker.units != 0.0
        return _curve(broker, terms, bars, equity, held), live.refused
    done = run(program, bars)
    return replay(LateBroker(terms) if late else Broker(terms), bars, done.orders, terms), done.refused


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
    return keep(bars, terms).curve


def keep(bars: Bars, terms: Terms) -> Curve | Kept:
    """The same, as a curve only where it has to be one."""
    return kept(bars, terms) or run_account(holding(), bars, terms)[0]


@cache
def holding() -> Program:
    """What buys as soon as it can, and keeps it."""
    return compile_formula("buy()")


def part(curve: Curve, first: int, stop: int) -> Curve:
    """The curve over bars `first` to `stop`, with the trades that ended, or are open at the end, among them."""
    start = curve.start if first == 0 else float(curve.equity[first - 1])
    trades = Trades.of(curve.trades)
    ends = np.where(trades.is_open, len(curve.equity) - 1, trades.table[:, 1])
    inside = Trades(trades.table[(first <= ends) & (ends < stop)])
    return Curve(start, curve.times[first:stop], curve.equity[first:stop], curve.held[first:stop], inside)


def _curve(broker: Broker, terms: Terms, bars: Bars, equity: Floats, held: NDArray[np.bool_]) -> Curve:
    return Curve(terms.initial_capital, bars.time, equity, held, Trades.of(broker.all_trades()))


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
