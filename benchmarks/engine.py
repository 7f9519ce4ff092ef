"""The formula engine alone: backtests, a sweep, live bars, compiling, and the first answer of a new process."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.report import Row, machine, measured, save, show
from formulas.engine import Bar, Bars, LiveProgram, compile_formula
from formulas.engine.backtest import backtest
from formulas.engine.history import run
from formulas.engine.sweep import grid, sweep

ROOT = Path(__file__).parent.parent
CROSS = "fast = param(10)\nslow = param(30)\nif crossover(sma(fast), sma(slow)): buy()\n"
CROSS += "if crossunder(sma(fast), sma(slow)): sell()"
FORMULAS = {
    "averages cross": (CROSS, 500_000),
    "rsi": ("if rsi < 30: buy()\nif rsi > 70: sell()", 500_000),
    "rsi with stop and target": ("if rsi < 30: buy()\nstop_loss(pct=2)\ntake_profit(pct=3)", 500_000),
    "reads its account": ("if position == 0 and rsi < 30: buy()\nif bars_held > 10: close()", 50_000),
}
WARM_UP = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(machine())
    rows = [*backtests(rounds), *sweeps(rounds), *live(rounds), *starting(rounds)]
    show(rows, ["CPU time of one thread, but for a new process: that is elapsed time"])
    save(rows)


def market(count: int, seed: int = 1) -> Bars:
    """One-minute bars of a seeded walk."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    opening = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(opening, close) * 1.0005, np.minimum(opening, close) * 0.9995
    return Bars(np.arange(count) * 60 + 1_700_000_040, opening, high, low, close, rng.uniform(1, 100, count))


def taken(rounds: int, work: Callable[[], object]) -> list[float]:
    """CPU seconds of each round."""
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return seconds


def backtests(rounds: int) -> list[Row]:
    """Whole backtests with metrics and trades, and the plain step loop that they agree with."""
    rows = []
    for name, (source, count) in FORMULAS.items():
        work = partial(backtest, compile_formula(source), market(count))
        rows.append(measured(f"backtest of {count:,} bars: {name}", taken(rounds, work), "s", floor=2.0, goal=0.2))
    steps = partial(run, compile_formula(CROSS), market(300_000))
    rows.append(measured("300,000 bars step by step: averages cross", taken(rounds, steps), "s", floor=1.0, goal=1.0))
    return rows


def sweeps(rounds: int) -> list[Row]:
    """400 points over the same bars."""
    points = grid({"fast": list(range(2, 22)), "slow": list(range(25, 65, 2))})
    rows = []
    for count, floor in ((10_000, 1.0), (100_000, 10.0)):
        seconds = taken(rounds, partial(sweep, CROSS, market(count), points))
        rows.append(measured(f"sweep of 400 points over {count:,} bars", seconds, "s", floor=floor, goal=floor / 10))
    return rows


def live(rounds: int) -> list[Row]:
    """One closed bar for ten thousand programs, each with a state of its own."""
    bars = list(market(rounds + WARM_UP).rows())
    programs = [LiveProgram(compile_formula(CROSS, {"fast": 5 + i % 20, "slow": 30 + i % 40})) for i in range(10_000)]
    for bar in bars[:WARM_UP]:
        _advance(programs, bar)
    rest = iter(bars[WARM_UP:])
    seconds = taken(rounds, lambda: _advance(programs, next(rest)))
    return [measured("one bar for 10,000 live programs", [one * 1000 for one in seconds], "ms", floor=1.0, goal=0.2)]


def _advance(programs: Sequence[LiveProgram], bar: Bar) -> None:
    for program in programs:
        program.advance(bar)


def starting(rounds: int) -> list[Row]:
    """Compiling a formula, and a new process to its first answer."""
    compiling = taken(rounds, lambda: [compile_formula(CROSS) for _ in range(100)])
    request = json.dumps({"formula": CROSS, "bars": [list(bar) for bar in market(500).rows()]})
    command = [sys.executable, "-m", "formulas.engine", "backtest"]
    elapsed = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, input=request, text=True, check=True, capture_output=True, cwd=ROOT)
        elapsed.append(time.perf_counter() - began)
    return [
        measured("compiling a formula", [one * 10 for one in compiling], "ms", floor=1.0, goal=0.15),
        measured("first backtest of a new process", elapsed, "s", floor=0.7, goal=0.1),
    ]


if __name__ == "__main__":
    main()
