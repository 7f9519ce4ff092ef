"""Every function of the language beside PyneCore, which its makers check against TradingView."""

import functools
import re

import pytest

from formulas.engine.registry import FUNCTIONS
from formulas.engine.tests import naive
from formulas.engine.tests.markets import same, values
from formulas.engine.tests.oracles.asking import MARKETS, answer, numbers, rows
from formulas.engine.vocabulary import ACCOUNT

pytestmark = pytest.mark.oracles

LENGTHS = (1, 2, 5, 14, 20, 50)
ONE_SOURCE = ("sma", "ema", "rma", "wma", "hma", "vwma", "stdev", "rsi", "mom", "roc", "cmo", "highest", "lowest",
              "highestbars", "lowestbars", "change", "linreg", "cci", "mfi", "rising", "falling")  # fmt: skip
CONDITIONS = {"rising", "falling"}


def one_source():
    """(our expression, Pine's statement, our outputs in Pine's order)."""
    for name in ONE_SOURCE:
        for source in ("close", "hl2"):
            for length in LENGTHS[name == "hma" :]:
                ours = f"{name}({source}, {length})"
                pine = f"ta.{name}({source}, {length}{', 0' if name == 'linreg' else ''})"
                yield ours, f"1.0 if {pine} else 0.0" if name in CONDITIONS else pine, ()


SEVERAL = [
    *((f"macd({f}, {s}, {g})", f"ta.macd(close, {f}, {s}, {g})", ("line", "signal", "hist"))
      for f, s, g in ((12, 26, 9), (3, 10, 16), (5, 35, 5))),
    *((f"bb({n}, {k})", f"ta.bb(close, {n}, {k})", ("middle", "upper", "lower")) for n, k in ((20, 2), (5, 1.5))),
    *((f"kc({n}, {k})", f"ta.kc(close, {n}, {k})", ("middle", "upper", "lower")) for n, k in ((20, 2), (9, 1.5))),
    *((f"dmi({n}, {k})", f"ta.dmi({n}, {k})", ("plus", "minus", "adx")) for n, k in ((14, 14), (5, 9))),
    *((f"supertrend({k}, {n})", f"ta.supertrend({k}, {n})", ("line", "direction")) for k, n in ((3, 10), (1.5, 7))),
    ("donchian(20)", "ta.highest(high, 20), ta.lowest(low, 20)", ("upper", "lower")),
]  # fmt: skip
OTHERS = [
    *((name, name) for name in ("open", "high", "low", "close")),
    ("hl2", "hl2"),
    ("hlc3", "hlc3"),
    ("ohlc4", "ohlc4"),
    ("volume", "volume"),
    ("bar_index", "bar_index"),
    ("close[3]", "close[3]"),
    ("tr", "ta.tr(True)"),
    *((f"atr({n})", f"ta.atr({n})") for n in LENGTHS),
    *((f"wpr({n})", f"ta.wpr({n})") for n in LENGTHS[1:]),  # for 1 PyneCore gives the close
    *((f"stoch({n})", f"ta.stoch(close, high, low, {n})") for n in LENGTHS),
    *((f"natr({n})", f"100 * ta.atr({n}) / close") for n in LENGTHS),
    *((f"dema({n})", f"2 * ta.ema(close, {n}) - ta.ema(ta.ema(close, {n}), {n})") for n in LENGTHS),
    (
        "tema(9)",
        "3 * (ta.ema(close, 9) - ta.ema(ta.ema(close, 9), 9)) + ta.ema(ta.ema(ta.ema(close, 9), 9), 9)",
    ),
    ("stoch_d(14, 3)", "ta.sma(ta.stoch(close, high, low, 14), 3)"),
    ("bbw(20, 2)", "ta.bbw(close, 20, 2)"),
    ("ppo(12, 26)", "100 * (ta.ema(close, 12) - ta.ema(close, 26)) / ta.ema(close, 26)"),
    ("adx(14)", "ta.dmi(14, 14)[2]"),
    ("sar", "ta.sar(0.02, 0.02, 0.2)"),
    ("sar(0.1, 0.05, 0.3)", "ta.sar(0.1, 0.05, 0.3)"),
    ("obv", "ta.obv()"),
    ("accdist", "ta.accdist()"),
    (
        "cmf(20)",
        "math.sum(0 if high == low else (2 * close - low - high) / (high - low) * volume, 20) / math.sum(volume, 20)",
    ),
    ("vwap", "ta.vwap(hlc3, math.floor(time / 86400000) != math.floor(nz(time[1]) / 86400000))"),
    ("linreg(close, 14, 3)", "ta.linreg(close, 14, 3)"),
    ("crossover(sma(5), sma(20))", "1.0 if ta.crossover(ta.sma(close, 5), ta.sma(close, 20)) else 0.0"),
    ("crossunder(ema(5), ema(20))", "1.0 if ta.crossunder(ta.ema(close, 5), ta.ema(close, 20)) else 0.0"),
    ("cross(close, sma(9))", "1.0 if ta.cross(close, ta.sma(close, 9)) else 0.0"),
    ("barssince(rsi > 60)", "ta.barssince(ta.rsi(close, 14) > 60)"),
    ("valuewhen(rsi > 60, close, 1)", "ta.valuewhen(ta.rsi(close, 14) > 60, close, 1)"),
    ("count(close > open, 10)", "math.sum(1 if close > open else 0, 10)"),
    ("min(open, close, 100)", "math.min(open, close, 100)"),
    ("max(open, close, 100)", "math.max(open, close, 100)"),
    ("abs(close - open)", "math.abs(close - open)"),
    ("sqrt(close)", "math.sqrt(close)"),
    ("log(close)", "math.log(close)"),
    ("exp(close / 1000)", "math.exp(close / 1000)"),
    ("sign(close - open)", "math.sign(close - open)"),
    ("round(close)", "math.round(close)"),
    ("floor(close)", "math.floor(close)"),
    ("nz(rsi, 50)", "nz(ta.rsi(close, 14), 50)"),
    ("na(rsi)", "1.0 if na(ta.rsi(close, 14)) else 0.0"),
    ("sma(rsi(14), 5)", "ta.sma(ta.rsi(close, 14), 5)"),
    ("ema(atr(14), 9)", "ta.ema(ta.atr(14), 9)"),
    ("rsi(ema(close, 9), 14)", "ta.rsi(ta.ema(close, 9), 14)"),
]
CASES = [*one_source(), *SEVERAL, *((ours, pine, ()) for ours, pine in OTHERS)]


CROSSINGS = {
    "crossover(sma(5), sma(20))": ("sma(5)", "sma(20)"),
    "crossunder(ema(5), ema(20))": ("ema(5)", "ema(20)"),
    "cross(close, sma(9))": ("close", "sma(9)"),
}


@functools.cache
def of_pine(market):
    plots = [[pine, [f"{ours}.{one}" for one in outputs] or [ours]] for ours, pine, outputs in CASES]
    bars = MARKETS[market]
    found = answer("in_pine", bars=rows(bars), plots=plots, period="1D" if market.isupper() else "1")
    return {title: numbers(column) for title, column in found.items()}


def dust(ours, bars):
    """Bars on which a window hardly varies: PyneCore subtracts large sums there, and keeps the rounding."""
    name, arguments = re.fullmatch(r"(\w+)\((.+)\)", ours).groups()
    source, length = arguments.split(", ") if name in ("stdev", "cci") else ("close", arguments.split(", ")[0])
    spread = naive.stdev(values(source, bars), int(length))
    mean = naive.sma(values(source, bars), int(length))
    return {i for i, (s, m) in enumerate(zip(spread, mean, strict=True)) if s <= 1e-4 * m and int(length) > 1}


def ties(ours, bars):
    """Bars up to the first on which both sides differ by more than rounding: only we call them equal."""
    sides = [values(one, bars) for one in CROSSINGS[ours]]
    near = [not abs(a - b) > 1e-9 * abs(b) for a, b in zip(*sides, strict=True)]
    return {i for i in range(len(near)) if near[i] or (i and near[i - 1])}


def differing(ours, found, bars):
    """The bars on which the definitions differ, as the page of the language says."""
    name = ours.split("(")[0]
    if name in ("stdev", "cci", "bb", "bbw"):
        return dust(ours, bars)
    if name in ("crossover", "crossunder", "cross"):
        return ties(ours, bars)
    if name == "mfi":  # begins a bar earlier there; where no money flows out it keeps the rounding
        return {int(ours.split(", ")[1].rstrip(")")) - 1} | {i for i, value in enumerate(found) if value == 100.0}
    if name == "supertrend":  # 0 and 1 before there is a trend
        return {i for i, value in enumerate(found) if value != value}
    if name == "stoch_d":  # an average passes over na there and keeps its last value
        return {i for i, value in enumerate(values("stoch(14)", bars)) if value != value}
    if name == "sar":  # the first stop: by the highs there, by the closes in Pine's own definition
        return {1}
    return set()


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize(("ours", "outputs"), [(ours, outputs) for ours, _, outputs in CASES])
def test_a_function_has_the_values_of_pine(market, ours, outputs):
    bars = MARKETS[market]
    for output in outputs or (None,):
        wanted = of_pine(market)[f"{ours}.{output}" if output else ours]
        found = values(ours, bars, output)
        if ours.startswith(("rising", "falling", "cross")):
            found = [0.0 if value != value else value for value in found]  # Pine has no unknown
        left_out = differing(ours, found, bars)
        compared = [i for i in range(len(bars)) if i not in left_out]
        assert len(compared) > 300
        assert same([found[i] for i in compared], [wanted[i] for i in compared])


def test_every_function_is_compared():
    asked = " ".join(ours for ours, _, _ in CASES)
    there = {name for name in FUNCTIONS if re.search(rf"\b{name}\b", asked)}
    assert there == set(FUNCTIONS) - {"time", *ACCOUNT}
