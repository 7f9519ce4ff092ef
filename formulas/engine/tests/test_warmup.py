"""How far back a program has to begin for its values to be those of one that has seen everything."""

import math

import numpy as np
import pytest

from formulas.engine import compile_formula
from formulas.engine.bars import Bars
from formulas.engine.compiler import compile_output
from formulas.engine.history import run
from formulas.engine.tests.markets import random_walk
from formulas.engine.warmup import bars_before, first_needed, most_bars

HOUR = 3600
# Minutes from ten past some hour on, three quarters of an hour long, then a break to the next hour.
WALK = random_walk(7, 4_000)
MINUTES = [600 + place // 45 * HOUR + place % 45 * 60 for place in range(len(WALK))]
MARKET = Bars(np.array(MINUTES), WALK.open, WALK.high, WALK.low, WALK.close, WALK.volume)


@pytest.mark.parametrize(
    ("code", "before"),
    [
        ("if close > sma(close, 20): buy()", {0: 19}),
        ("if close > sma(close, 3000)[4000]: buy()", {0: 6_999}),
        ("if close > tf('1h', sma(close, 20)): buy()", {0: 19, HOUR: 19}),
        ("if sma(tf('1h', highest(5)), 7) > tf('1D', open[3]): buy()", {0: 10, HOUR: 4, 86_400: 3}),
        ("if close > ema(close, 200): buy()", {0: 199 + 4 * 199}),
        ("if close > tf('1h', rma(close, 5)): buy()", {0: 4, HOUR: 4 + 100}),
    ],
)
def test_what_a_program_rests_on_is_counted_for_each_timeframe(code: str, before: dict[int, int]) -> None:
    assert bars_before(compile_formula(code)) == before


@pytest.mark.parametrize(
    "expression",
    ["sma(close, 50)", "tf('1h', sma(close, 20))", "sma(tf('1h', highest(10)), 30)", "tf('2h', close[7]) - close[40]"],
)
def test_whoever_begins_there_has_the_values_of_one_from_the_beginning(expression: str) -> None:
    program = compile_output(f"x = {expression}", "x")
    whole = run(program, MARKET).outputs["x"]
    for stop in (3_000, 3_333, 3_600):
        start = first_needed(program, MARKET.time[:stop], least=5)
        assert start is not None
        first = int(np.searchsorted(MARKET.time, start))
        columns = (getattr(MARKET, name)[first:] for name in ("time", "open", "high", "low", "close", "volume"))
        late = run(program, Bars(*columns)).outputs["x"]
        assert math.isfinite(late[stop - first])
        assert late[stop - first :] == pytest.approx(whole[stop:], rel=1e-12)
        # One whole bar of the longer timeframe less is one too few, or begins within one.
        assert stop - first <= most_bars(program, 60) + 5


def test_it_begins_with_a_whole_bar_of_the_longest_timeframe_whatever_the_grid() -> None:
    program = compile_formula("if tf('2h', close) > tf('1h', close): buy()")
    start = first_needed(program, MARKET.time, least=100, grid=5_000 * 60)
    assert start is not None
    assert start % (2 * HOUR) == 0
    assert start <= int(MARKET.time[-100])


def test_too_few_bars_are_no_beginning() -> None:
    program = compile_formula("if close > tf('1D', sma(close, 20)): buy()")
    assert first_needed(program, MARKET.time, least=5) is None
    assert first_needed(compile_formula("if close > 1: buy()"), MARKET.time[:4], least=5) is None
