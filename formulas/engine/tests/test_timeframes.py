"""Higher timeframes: only complete bars, from the first bar that shows them complete, and held between."""

import math

import pytest

from formulas.engine import LiveProgram, compile_formula
from formulas.engine.bars import Bars
from formulas.engine.compiler import compile_output
from formulas.engine.history import run
from formulas.engine.tests import naive
from formulas.engine.tests.markets import random_walk, same, values
from formulas.engine.timeframes import seconds_of

NAN = math.nan
MIDNIGHT = 1_700_006_400


def quarters(*prices, start=MIDNIGHT):
    """Bars of 15 minutes; each opens at its price, reaches 1 above and below, and closes half above."""
    return Bars.from_rows([(start + 900 * i, p, p + 1, p - 1, p + 0.5, 10.0 + i) for i, p in enumerate(prices)])


def test_a_higher_bar_appears_with_the_bar_that_closes_at_its_end():
    bars = quarters(1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert same(values("tf('1h', close)", bars), [NAN, NAN, NAN, 4.5, 4.5, 4.5, 4.5, 8.5, 8.5])
    assert same(values("tf('1h', open)", bars), [NAN, NAN, NAN, 1, 1, 1, 1, 5, 5])
    assert same(values("tf('1h', high)", bars)[3:8], [5, 5, 5, 5, 9])
    assert same(values("tf('1h', low)", bars)[3:8], [0, 0, 0, 0, 4])
    assert same(values("tf('1h', volume)", bars)[3:8], [46, 46, 46, 46, 62])
    assert same(values("tf('1h', bar_index)", bars)[3:8], [0, 0, 0, 0, 1])
    assert same(values("tf('1h', time)", bars)[7:], [MIDNIGHT + 3600] * 2)


def test_a_bar_that_is_missing_at_the_end_is_not_waited_for_beyond_the_next():
    rows = [(MIDNIGHT + 900 * i, p, p, p, p, 1.0) for i, p in [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (11, 9)]]
    assert same(values("tf('1h', close)", Bars.from_rows(rows)), [NAN, NAN, NAN, 3, 3, 9])
    assert same(values("tf('1h', bar_index)", Bars.from_rows(rows)), [NAN, NAN, NAN, 0, 0, 2])


def test_an_indicator_of_a_higher_timeframe_runs_over_its_bars_alone():
    walk = random_walk(2, 600)
    hours, expected = [], []
    rows = list(walk.rows())
    for index, row in enumerate(rows):
        if index + 1 == len(rows) or rows[index + 1].time // 300 != row.time // 300:
            hours.append(row.close)
    averages = naive.ema(hours, 7)
    known = -1
    for row in rows:
        known += row.time // 300 != (row.time + 60) // 300
        expected.append(NAN if known < 0 else averages[known])
    assert same(values("tf('5m', ema(7))", walk), expected)


@pytest.mark.parametrize(
    "expression",
    ["tf('5m', close)", "tf('5m', wma(close[1], 3) + highest(4))", "tf('4h', close)", "tf('5m', close > open)"],
)
@pytest.mark.parametrize("cut", [7, 100, 101, 102, 103, 104])
def test_no_later_bar_is_ever_seen(expression, cut):
    rows = list(random_walk(3, 200).rows())
    other = [row._replace(open=7.0, high=9.0, low=5.0, close=6.0) for row in rows[cut:]]
    before = values(expression, Bars.from_rows(rows))[:cut]
    assert same(values(expression, Bars.from_rows([*rows[:cut], *other]))[:cut], before, 0.0)


def test_several_outputs_and_conditions_come_from_a_higher_timeframe():
    walk = random_walk(5, 900)
    source = "line, signal, hist = tf('5m', macd(3, 6, 2))\nup = tf('5m', crossover(close, open[1]))\nx = line - signal"
    hist = run(compile_output(source, "hist"), walk).outputs["hist"].tolist()
    assert same(run(compile_output(source, "x"), walk).outputs["x"].tolist(), hist)
    up = compile_output(source, "up")
    assert up.conditions[up.outputs[0].node]
    assert {0.0, 1.0} <= set(run(up, walk).outputs["up"].tolist())


def test_a_reason_names_the_higher_timeframe():
    program = compile_formula("if tf('5m', rsi(3)) < 60 and tf('5m', close > 1): buy()")
    decision = run(program, random_walk(5, 200)).decisions[0]
    assert [reason["expression"] for reason in decision.why] == [
        'tf("5m", rsi(3))',
        'tf("5m", rsi(3)) < 60',
        'tf("5m", close > 1)',
    ]
    assert decision.why[2]["value"] is True


def test_a_param_may_stand_inside():
    source = "n = param(3)\nx = tf('5m', sma(n) * n)"
    walk = random_walk(5, 100)
    assert same(run(compile_output(source, "x"), walk).outputs["x"].tolist(), values("tf('5m', sma(3) * 3)", walk))


def test_the_same_calculation_over_another_timeframe_is_another_one():
    hashes = [
        compile_formula(f"if {x} > 1: buy()").version_hash for x in ("sma(9)", "tf('1h', sma(9))", "tf('4h', sma(9))")
    ]
    assert len(set(hashes)) == 3
    assert compile_formula("if tf('60', sma(9)) > 1: buy()").version_hash == hashes[1]


@pytest.mark.parametrize("split", [1, 3, 4, 99, 151])
def test_a_half_built_bar_is_part_of_a_snapshot(split):
    program = compile_formula("if tf('7m', close) > tf('5m', sma(3)): buy()\nelse: sell()")
    rows = list(random_walk(6, 200).rows())
    live, restored = LiveProgram(program), LiveProgram(program)
    decisions = [d for row in rows[:split] for d in live.advance(row)]
    restored.restore(live.snapshot())
    decisions += [d for row in rows[split:] for d in restored.advance(row)]
    assert decisions == run(program, Bars.from_rows(rows)).decisions


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15m", 900),
        ("1h", 3600),
        ("240", 14400),
        ("D", 86400),
        ("1w", 604800),
        ("2d", 172800),
        ("", None),
        ("5x", None),
    ],
)
def test_periods_are_read(text, seconds):
    assert seconds_of(text) == seconds


def test_a_week_begins_on_monday():
    days = Bars.from_rows([(86_400 * i, i + 1, i + 1, i + 1, i + 1, 1.0) for i in range(15)])
    assert same(values("tf('1w', close)", days)[3:12], [4, 4, 4, 4, 4, 4, 4, 11, 11])
