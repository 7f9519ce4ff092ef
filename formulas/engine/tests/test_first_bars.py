"""Every function gives its first value at the bar that its entry in the table states."""

import math

import pytest

from formulas.engine.bars import Bars
from formulas.engine.compiler import compile_expression, compile_formula
from formulas.engine.registry import FUNCTIONS
from formulas.engine.tests.markets import random_walk, values

# Bars that move, for a flat one makes some indicators na wherever it stands.
WALK = Bars.from_rows([bar for bar in map(random_walk(3, 200).row, range(200)) if bar.low < bar.close != bar.open])
CALLS = {
    "crossover": "crossover(close, open)",
    "crossunder": "crossunder(close, open)",
    "cross": "cross(close, open)",
    "count": "count(close > open, length=LENGTH)",
    "min": "min(close, open)",
    "max": "max(close, open)",
    "nz": "nz(close)",
    "abs": "abs(close)",
    "sqrt": "sqrt(close)",
    "log": "log(close)",
    "exp": "exp(close / 100)",
    "sign": "sign(close)",
    "round": "round(close)",
    "floor": "floor(close)",
    "na": "na(close)",
    "macd": "macd(fast=6, slow=LENGTH, smooth=5)",
    "ppo": "ppo(fast=6, slow=LENGTH)",
    "stoch_d": "stoch_d(length=LENGTH, smooth=5)",
    "dmi": "dmi(LENGTH, smooth=5)",
}
STATED = [function for function in FUNCTIONS.values() if function.first_bar]


def call(function, length):
    if function.name in CALLS:
        return CALLS[function.name].replace("LENGTH", str(length))
    has_length = any(argument.name == "length" for argument in function.arguments)
    return f"{function.name}(length={length})" if has_length else function.name


LENGTHS = [1, 2, 14, 31]
# One value has no distance from its mean.
ANSWERING = [(one, length) for one in STATED for length in LENGTHS if (one.name, length) != ("cci", 1)]


@pytest.mark.parametrize(("function", "length"), ANSWERING, ids=lambda one: getattr(one, "name", one))
def test_the_first_value_comes_at_the_stated_bar(function, length):
    known = {
        "length": length,
        "fast": 6,
        "slow": length,
        "smooth": 5,
        "max": max,
        "floor": math.floor,
        "sqrt": math.sqrt,
    }
    stated = eval(f"({function.first_bar},)", {"__builtins__": {}}, known)  # our own table, not a user's text
    outputs = function.outputs or (None,)
    for output, bar in zip(outputs, stated if len(stated) > 1 else stated * len(outputs), strict=True):
        text = call(function, length)
        series = values(text, WALK, output)
        first = next(index for index, value in enumerate(series) if value == value)
        assert first == bar
        assert compile_expression(text, output).warmup_bars == first


def test_every_function_without_a_stated_first_bar_depends_on_the_data():
    assert {f.name for f in FUNCTIONS.values() if not f.first_bar} == {"barssince", "valuewhen", "entry_price"}


@pytest.mark.parametrize(
    ("formula", "bars"),
    [
        ("if rsi < 30: buy()", 14),
        ("buy()", 0),
        ("if sma(rsi(14), 5)[3] > 50: buy()", 21),
        ("if close > 1: buy(size=1 / atr(20))", 19),
        ("if close > 1: buy()\nif close < sma(200): sell()", 199),
        ("if crossover(sma(5), sma(20)): buy()", 20),
        ("unused = sma(500)\nif close > sma(5): buy()", 4),
    ],
)
def test_the_warm_up_of_a_formula_is_that_of_all_it_uses(formula, bars):
    assert compile_formula(formula).warmup_bars == bars
