"""The functions whose definition is TA-Lib's as well, beside TA-Lib: at once, or when the start is forgotten."""

import functools

import numpy as np
import pytest

from formulas.engine.tests.markets import same, values
from formulas.engine.tests.oracles.asking import MARKETS, answer, numbers, rows

pytestmark = pytest.mark.oracles

BAR = ("high", "low", "close")
LENGTHS = (2, 5, 14, 30)
# (ours, our outputs, TA-Lib's function, its inputs, its settings, bars until its start is forgotten)
SAME_FROM_THE_START = [
    *((f"{ours}(close, {n})", (), theirs, ("close",), {"timeperiod": n}, 0)
      for n in LENGTHS
      for ours, theirs in (("sma", "SMA"), ("wma", "WMA"), ("ema", "EMA"), ("dema", "DEMA"), ("tema", "TEMA"),
                           ("rsi", "RSI"), ("mom", "MOM"), ("roc", "ROC"), ("stdev", "STDDEV"),
                           ("linreg", "LINEARREG"))),
    *((f"highest(close, {n})", (), "MAX", ("close",), {"timeperiod": n}, 0) for n in LENGTHS),
    *((f"lowest(close, {n})", (), "MIN", ("close",), {"timeperiod": n}, 0) for n in LENGTHS),
    *((f"wpr({n})", (), "WILLR", BAR, {"timeperiod": n}, 0) for n in LENGTHS),
    *((f"cci({n})", (), "CCI", BAR, {"timeperiod": n}, 0) for n in LENGTHS),
    *((f"mfi({n})", (), "MFI", (*BAR, "volume"), {"timeperiod": n}, 0) for n in LENGTHS),
    *((f"stoch({n})", (), "STOCHF", BAR, {"fastk_period": n, "fastd_period": 1}, 0) for n in LENGTHS),
    *((f"bb({n}, 2)", ("upper", "middle", "lower"), "BBANDS", ("close",), {"timeperiod": n}, 0) for n in LENGTHS[1:]),
    ("accdist", (), "AD", (*BAR, "volume"), {}, 0),
    ("tr", (), "TRANGE", BAR, {}, 0),
]  # fmt: skip
SAME_LATER = [
    ("macd(12, 26, 9)", ("line", "signal", "hist"), "MACD", ("close",), {}, 400),
    ("ppo(12, 26)", (), "PPO", ("close",), {"fastperiod": 12, "slowperiod": 26, "matype": 1}, 400),
    ("atr(14)", (), "ATR", BAR, {"timeperiod": 14}, 500),
    ("natr(14)", (), "NATR", BAR, {"timeperiod": 14}, 500),
    ("adx(14)", (), "ADX", BAR, {"timeperiod": 14}, 900),
    ("dmi(14, 14)", ("plus",), "PLUS_DI", BAR, {"timeperiod": 14}, 900),
    ("dmi(14, 14)", ("minus",), "MINUS_DI", BAR, {"timeperiod": 14}, 900),
]
CASES = {f"{case[0]} {case[2]}": case for case in (*SAME_FROM_THE_START, *SAME_LATER)}


@functools.cache
def of_talib(market):
    calls = {title: [function, inputs, settings] for title, (_, _, function, inputs, settings, _) in CASES.items()}
    return answer("in_talib", bars=rows(MARKETS[market]), calls=calls)


def settled(name, found, wanted, bars):
    """Bars to compare: Pine, and we, let no rounding decide; TA-Lib does, and says 0 where nothing moves."""
    if name.startswith(("stoch(", "wpr(", "cci(")):
        return {i for i, value in enumerate(found) if value == value or wanted[i] != 0.0}
    if name.startswith("rsi("):
        return {i for i, value in enumerate(found) if value != 100.0}
    if name.startswith("mfi("):
        length = int(name[4:-1])
        moves = [0.0, *np.diff(values("hlc3", bars))]
        unsure = {i + k for i, move in enumerate(moves) if 0.0 < abs(move) <= 1e-10 for k in range(length)}
        return {i for i, value in enumerate(found) if value != 100.0} - unsure
    return set(range(len(found)))


# Moves in whole cents tie often, and a tie that only rounding decides is remembered for long.
COMPARED = [(name, title) for title in CASES for name in MARKETS if name.isupper() or title[:3] not in ("dmi", "adx")]


@pytest.mark.parametrize(("market", "title"), COMPARED)
def test_a_function_has_the_values_of_talib(market, title):
    ours, outputs, _, _, _, forgotten = CASES[title]
    for output, theirs in zip(outputs or (None,), of_talib(market)[title], strict=False):
        wanted = numbers(theirs)
        found = values(ours, MARKETS[market], output)
        if title == "tr TRANGE":
            wanted[0] = found[0]  # it begins with the second bar
        places = sorted(i for i in settled(ours, found, wanted, MARKETS[market]) if i >= forgotten)
        assert len(places) > 200
        assert same([found[i] for i in places], [wanted[i] for i in places])


@pytest.mark.parametrize("market", MARKETS)
def test_the_balance_of_volume_differs_by_its_beginning_alone(market):
    bars = MARKETS[market]
    wanted = answer("in_talib", bars=rows(bars), calls={"obv": ["OBV", ("close", "volume"), {}]})["obv"][0]
    found = values("obv", bars)
    gap = wanted[1] - found[1]
    assert same([value + gap for value in found[1:]], wanted[1:])
