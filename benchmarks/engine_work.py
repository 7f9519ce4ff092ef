"""What our engine is asked to do beside its peers, in a process of its own as theirs is."""

from itertools import islice
from typing import Any

import numpy as np

from benchmarks.peers.engines.terms import CAPITAL, FAST, FEE, SLOW
from benchmarks.peers.engines.worker import Columns, Thunk
from formulas.engine import Bars, Terms, Universe, compile_formula
from formulas.engine.backtest import backtest as whole_backtest
from formulas.engine.history import run
from formulas.engine.sweep import grid
from formulas.engine.sweep import sweep as whole_sweep

CROSS = f"""fast = param({FAST})
slow = param({SLOW})
if crossover(sma(fast), sma(slow)): buy()
if crossunder(sma(fast), sma(slow)): sell()"""
TERMS = Terms(initial_capital=CAPITAL, fee_bps=FEE * 1e4, slippage_bps=0.0)


def bars_of(market: Columns) -> Bars:
    return Bars(*(market[name] for name in ("time", "open", "high", "low", "close", "volume")))


def backtest(market: Columns, formula: str = CROSS) -> Thunk:
    """A whole backtest: trades, equity, and all metrics, those against buying and holding among them."""
    program, bars = compile_formula(formula), bars_of(market)

    def work() -> dict[str, Any]:
        done = whole_backtest(program, bars, TERMS)
        return {"trades": len(done.trades), "final": float(done.equity[-1])}

    return work


def backtests(markets: list[Columns]) -> Thunk:
    program, several = compile_formula(CROSS), [bars_of(market) for market in markets]

    def work() -> dict[str, Any]:
        done = [whole_backtest(program, bars, TERMS) for bars in several]
        finals = [float(one.equity[-1]) for one in done]
        return {"trades": sum(len(one.trades) for one in done), "final": finals[0], "sum": sum(finals)}

    return work


def sweep(market: Columns, fast: list[int], slow: list[int]) -> Thunk:
    bars, points = bars_of(market), grid({"fast": fast, "slow": slow})

    def work() -> dict[str, Any]:
        metrics = whole_sweep(CROSS, bars, points, TERMS).metrics
        finals = [CAPITAL * (1.0 + float(one["total_return"] or 0.0)) for one in metrics]
        return {"final": finals[0], "sum": float(np.sum(finals))}

    return work


def plain(market: Columns) -> Thunk:
    """The plain loop over steps, which every driver agrees with."""
    program, bars = compile_formula(CROSS), bars_of(market)
    return lambda: {"signals": len(run(program, bars).decisions)}


def compiling(market: Columns) -> Thunk:
    return lambda: [compile_formula(CROSS) for _ in range(100)] and None


def live(markets: list[Columns], pairs: list[list[int]], window: int, bars: int, decides: bool = False) -> Thunk:
    """Closed bars of each instrument: which conditions of all formulas hold; with `decides` their decisions."""
    programs = {tuple(pair): compile_formula(CROSS, dict(zip(("fast", "slow"), pair, strict=True))) for pair in pairs}
    several = dict(enumerate(map(bars_of, markets)))
    universe: Universe[int, tuple[int, ...]] = Universe(several)
    universe.join(programs, {name: one.rows(0, window + 1) for name, one in several.items()})
    rest = zip(*(one.rows(window + 1) for one in several.values()), strict=True)
    coming = iter([dict(zip(several, newest, strict=True)) for newest in rest])

    def work() -> dict[str, int]:
        found = 0
        for newest in islice(coming, bars):
            held = universe.advance(newest)
            found += len(universe.decisions()) if decides else held
        return {"signals": found}

    return work
