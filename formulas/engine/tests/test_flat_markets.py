"""In a halted market nothing happens, and nothing is made up from rounding."""

import math

import pytest

from formulas.engine.tests.markets import closes, flat_after, random_walk, values

PRICES = [0.1, 0.3, 1.1, 7.77, 33.33, 100.01, 1234.56, 0.000123]


@pytest.mark.parametrize("price", PRICES)
@pytest.mark.parametrize("average", ["sma", "ema", "rma", "wma"])
def test_an_average_of_a_flat_market_is_exactly_its_price(average, price):
    bars = closes(*[price] * 100)
    for length in (3, 10, 30):
        assert set(values(f"{average}({length})", bars)[length - 1 :]) == {price}


@pytest.mark.parametrize("price", PRICES)
@pytest.mark.parametrize("average", ["sma", "wma"])
def test_a_window_that_went_flat_is_exact_at_once(average, price):
    bars = flat_after(random_walk(8, 57), price, 60)
    assert set(values(f"{average}(10)", bars)[57 + 9 :]) == {price}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("average", ["sma", "wma"])
def test_averages_do_not_cross_in_a_halt(average, seed):
    walk = random_walk(seed, 73)
    bars = flat_after(walk, walk.row(72).close, 150)
    for event in ("crossover", "crossunder", "cross"):
        crossed = values(f"{event}({average}(10), {average}(30))", bars)
        assert 1.0 not in crossed[73 + 30 :]
    above = values(f"{average}(10) > {average}(30)", bars)
    assert 1.0 not in above[73 + 30 :]


def test_a_flat_market_has_no_spread_no_range_and_no_position_in_it():
    bars = closes(*[0.1] * 60)
    assert set(values("stdev(14)", bars)[13:]) == {0.0}
    assert set(values("atr(14)", bars)[13:]) == {0.0}
    assert all(math.isnan(value) for value in values("stoch(14)", bars))
    assert set(values("rsi(14)", bars)[14:]) == {100.0}
    assert set(values("macd", bars, "hist")[33:]) == {0.0}


def test_rounding_dust_is_not_a_crossing():
    bars = closes(0.3, 0.3, 0.3)
    dust = "(close if bar_index == 0 else 0.1 + 0.2)"
    assert values("0.1 + 0.2 > 0.3", bars)[1] == 1.0
    assert values(f"crossover({dust}, close)", bars)[1:] == [0.0, 0.0]


def test_rsi_of_a_market_that_only_falls_is_zero_and_that_only_rises_a_hundred():
    assert values("rsi(3)", closes(9, 8, 7, 6, 5))[3:] == [0.0, 0.0]
    assert values("rsi(3)", closes(5, 6, 7, 8, 9))[3:] == [100.0, 100.0]


def test_an_outlier_that_left_the_window_leaves_no_trace():
    prices = [100.0 + i % 7 for i in range(200)]
    prices[60] = 1e14
    bars, clean = closes(*prices), closes(*[100.0 + i % 7 for i in range(200)])
    for expression in ("sma(20)", "wma(20)", "stdev(20)"):
        assert values(expression, bars)[80:] == pytest.approx(values(expression, clean)[80:], rel=1e-9)
