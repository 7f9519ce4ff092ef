"""Channels, oscillators, directional movement and money flows against plain recomputations."""

import math

import pytest

from formulas.engine.bars import Bars
from formulas.engine.tests import naive
from formulas.engine.tests import naive_more as plain
from formulas.engine.tests.markets import closes, flat_after, random_walk, same, values

NAN = math.nan
WALK = random_walk(5, 600)
OPEN, HIGH, LOW, CLOSE, VOLUME, TIME = (
    getattr(WALK, name).tolist() for name in ("open", "high", "low", "close", "volume", "time")
)
TYPICAL = [(h + low + c) / 3 for h, low, c in zip(HIGH, LOW, CLOSE, strict=True)]
LENGTHS = [1, 2, 3, 14, 50, 333]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", ["hma", "dema", "tema", "linreg", "cmo", "highestbars", "lowestbars"])
def test_a_function_of_one_source_agrees_with_its_plain_definition(name, length):
    assert same(values(f"{name}(close, {length})", WALK), getattr(plain, name)(CLOSE, length))


@pytest.mark.parametrize("length", LENGTHS)
def test_functions_of_the_bar_agree_with_their_plain_definitions(length):
    n = length
    expected = {
        f"vwma({n})": plain.vwma(CLOSE, VOLUME, n),
        f"natr({n})": plain.natr(HIGH, LOW, CLOSE, n),
        f"stoch_d({n}, 3)": plain.stoch_d(CLOSE, HIGH, LOW, n, 3) if n > 1 else None,
        f"wpr({n})": plain.wpr(CLOSE, HIGH, LOW, n),
        f"cci({n})": plain.cci(TYPICAL, n),
        f"mfi({n})": plain.mfi(TYPICAL, VOLUME, n),
        f"cmf({n})": plain.cmf(HIGH, LOW, CLOSE, VOLUME, n),
        f"adx({n})": plain.dmi(HIGH, LOW, CLOSE, n, n)[2],
        f"bbw({n}, 1.5)": plain.bbw(CLOSE, n, 1.5),
        f"ppo({n}, {2 * n})": plain.ppo(CLOSE, n, 2 * n),
        f"linreg(open, {n}, 2)": plain.linreg(OPEN, n, 2) if n > 1 else None,
    }
    for expression, wanted in expected.items():
        if wanted is not None:
            assert same(values(expression, WALK), wanted), expression


@pytest.mark.parametrize("length", [1, 2, 10, 40])
def test_functions_with_several_outputs_agree_with_their_plain_definitions(length):
    expected = {
        f"kc(close, {length}, 1.5)": (("upper", "middle", "lower"), plain.kc(HIGH, LOW, CLOSE, length, 1.5)),
        f"dmi({length}, 9)": (("plus", "minus", "adx"), plain.dmi(HIGH, LOW, CLOSE, length, 9)),
        f"supertrend(2, {length})": (("line", "direction"), plain.supertrend(HIGH, LOW, CLOSE, 2, length)),
    }
    for expression, (outputs, wanted) in expected.items():
        for output, column in zip(outputs, wanted, strict=True):
            assert same(values(expression, WALK, output), column), (expression, output)


def test_donchian_gives_the_extremes_and_their_mean():
    top, bottom = naive.highest(HIGH, 20), naive.lowest(LOW, 20)
    assert values("donchian(20)", WALK, "upper")[19:] == top[19:]
    assert values("donchian", WALK, "lower")[19:] == bottom[19:]
    assert same(values("donchian", WALK, "middle"), [(a + b) / 2 for a, b in zip(top, bottom, strict=True)])


@pytest.mark.parametrize(("start", "step", "most"), [(0.02, 0.02, 0.2), (0.05, 0.01, 0.1)])
def test_stop_and_reverse_agrees_with_its_plain_definition(start, step, most):
    assert same(values(f"sar({start}, {step}, {most})", WALK), plain.sar(HIGH, LOW, CLOSE, start, step, most))


def test_cumulative_lines_agree_with_their_plain_definitions():
    assert same(values("obv", WALK), plain.obv(CLOSE, VOLUME))
    assert same(values("accdist", WALK), plain.accdist(HIGH, LOW, CLOSE, VOLUME))


def test_the_volume_weighted_price_begins_anew_each_day():
    rows = [(1_700_000_000 + 7200 * i, *list(WALK.row(i))[1:]) for i in range(60)]
    bars = Bars.from_rows(rows)
    expected = plain.vwap(bars.time.tolist(), TYPICAL[:60], VOLUME[:60])
    assert same(values("vwap", bars), expected)
    assert same(values("vwap(close)", bars), plain.vwap(bars.time.tolist(), CLOSE[:60], VOLUME[:60]))
    assert len({time // 86400 for time in bars.time.tolist()}) > 4


def test_the_defaults_are_those_of_the_table():
    pairs = {
        "cci": "cci(hlc3, 20)",
        "mfi": "mfi(hlc3, 14)",
        "wpr": "wpr(14)",
        "cmf": "cmf(20)",
        "natr": "natr(14)",
        "adx": "adx(14)",
        "ppo": "ppo(close, 12, 26)",
        "cmo": "cmo(close, 9)",
        "bbw": "bbw(close, 20, 2)",
        "stoch_d": "stoch_d(close, high, low, 14, 3)",
        "sar": "sar(0.02, 0.02, 0.2)",
        "vwap": "vwap(hlc3)",
    }
    for short, full in pairs.items():
        assert same(values(short, WALK), values(full, WALK), 0.0)


PRICES = [0.1, 0.3, 33.33, 1234.56, 0.000123]


@pytest.mark.parametrize("price", PRICES)
def test_a_market_that_went_flat_has_no_position_in_its_range_and_no_movement(price):
    bars = flat_after(random_walk(8, 57), price, 80)
    assert all(math.isnan(value) for value in values("wpr(14)", bars)[57 + 14 :])
    assert all(math.isnan(value) for value in values("cci(14)", bars)[57 + 14 :])
    assert all(math.isnan(value) for value in values("cmo(14)", bars)[57 + 14 :])
    assert set(values("linreg(14)", bars)[57 + 13 :]) == {price}
    assert set(values("hma(9)", bars)[57 + 11 :]) == {price}
    assert set(values("highestbars(14)", bars)[57 + 13 :]) == {-13.0}


@pytest.mark.parametrize("price", PRICES)
def test_money_flows_of_a_flat_market_are_full_and_never_beyond(price):
    rows = [(60 * i, price, price, price, price, 1000.0 + i % 7) for i in range(80)]
    bars = Bars.from_rows(rows)
    walk = random_walk(8, 57)
    rows = [walk.row(i) for i in range(57)]
    rows += [(rows[-1].time + 60 * (i + 1), price, price, price, price, 10.0) for i in range(80)]
    assert set(values("mfi(14)", bars)[14:]) == {100.0}
    assert set(values("mfi(14)", Bars.from_rows(rows))[57 + 15 :]) == {100.0}
    assert set(values("cmf(14)", bars)[13:]) == {0.0}
    assert set(values("vwap(close)", bars)) == {price}
    assert set(values("obv", bars)[1:]) == {0.0}


def test_directional_movement_of_a_market_without_movement_is_na_or_zero():
    bars = closes(*[0.3] * 60)
    assert all(math.isnan(value) for value in values("dmi(5, 5)", bars, "plus"))
    assert all(math.isnan(value) for value in values("adx(5)", bars))
    after = values("dmi(5, 5)", flat_after(random_walk(8, 57), 99.0, 60), "adx")[70:]
    assert all(0.0 <= value <= 100.0 for value in after)


def test_no_volume_means_no_weighted_price():
    rows = [(60 * i, 5, 6, 4, 5, 0.0) for i in range(9)]
    for expression in ("vwap", "vwma(3)", "cmf(3)"):
        assert all(math.isnan(value) for value in values(expression, Bars.from_rows(rows)))


def test_an_na_empties_the_window_of_the_bars_back():
    gap = "(close if bar_index != 3 else log(-1))"
    expected = [NAN, 0, 0, NAN, NAN, -1, 0, -1, 0]
    assert same(values(f"highestbars({gap}, 2)", closes(1, 2, 3, 4, 5, 4, 6, 6, 7)), expected)
    assert same(values(f"linreg({gap}, 2)", closes(1, 2, 3, 4, 5)), [NAN, 2, 3, NAN, 5])
