"""Backtests beside backtesting.py and vectorbt: the same trades, bar for bar, and the same money at every close."""

import functools

import pytest

from formulas.engine import Terms, compile_formula, run_history
from formulas.engine.backtest import backtest
from formulas.engine.tests.oracles.asking import MARKETS, answer, rows

pytestmark = pytest.mark.oracles

CAPITAL, FEE, SLIP, UNITS = 1e6, 0.0005, 0.0002, 100
FORMULAS = {
    "averages": "if crossover(sma(10), sma(30)): buy()\nif crossunder(sma(10), sma(30)): sell()",
    "oversold": "if rsi(7) < 30: buy()\nif rsi(7) > 60: sell()",
    "breakout": "top, mid, low20 = donchian(20)\nif close >= top[1]: buy()\nif close <= low20[1]: sell()",
    "channel": "upper, mid, lower = bb(20, 2)\nif crossunder(close, lower): buy()\nif close > mid: sell()",
}
TURNING = {
    "averages": "if crossover(sma(10), sma(30)): buy()\nif crossunder(sma(10), sma(30)): short()",
    "trend": "if close > ema(40): buy()\nelse: short()",
}


def wishes(program, bars):
    """1 where a formula buys, -1 where it sells, 0 elsewhere."""
    wanted = [0] * len(bars)
    for decision in run_history(program, bars):
        wanted[decision.bar_index] = 1 if decision.side == "buy" else -1
    return wanted


def closed(trades):
    return [[t.entry_bar, t.exit_bar, t.entry_price, t.exit_price, t.pnl] for t in trades if t.exit_bar is not None]


def agree(ours, theirs):
    assert len(ours) == len(theirs) > 5
    for one, other in zip(ours, theirs, strict=True):
        assert one[:2] == [int(value) for value in other[:2]]
        assert one[2:] == pytest.approx(other[2:], rel=1e-9, abs=1e-6)


# On the other walk no close reaches the high of a channel.
LONG = [
    (market, formula, False)
    for market in MARKETS
    for name, formula in FORMULAS.items()
    if (market, name) != ("other walk", "breakout")
]
TURNED = [(market, formula, True) for market in ("walk", "AAPL", "IBM", "GOOG") for formula in TURNING.values()]


def asked(market, formula, **more):
    bars = MARKETS[market]
    found = {"bars": rows(bars), "wishes": wishes(compile_formula(formula), bars), "capital": CAPITAL, "fee": FEE}
    return found | more


@functools.cache
def of_vectorbt():
    cases = [*LONG, *TURNED]
    questions = [asked(market, formula, slip=SLIP, turns=turns) for market, formula, turns in cases]
    return dict(zip(cases, answer("in_vectorbt", questions=questions), strict=True))


@functools.cache
def of_backtesting():
    questions = [asked(market, formula, units=UNITS) for market, formula, _ in LONG]
    return dict(zip(LONG, answer("in_backtesting", questions=questions), strict=True))


@pytest.mark.parametrize("case", [*LONG, *TURNED])
def test_trades_and_equity_are_those_of_vectorbt(case):
    """All of the cash each time, long only, and turning from long to short."""
    market, formula, _ = case
    ours = backtest(compile_formula(formula), MARKETS[market], Terms(CAPITAL, FEE * 1e4, SLIP * 1e4))
    theirs = of_vectorbt()[case]
    agree(closed(ours.trades), [trade[:5] for trade in theirs["trades"] if trade[5] == 1])
    assert ours.equity.tolist() == pytest.approx(theirs["equity"], rel=1e-9)


@pytest.mark.parametrize("case", LONG)
def test_trades_and_equity_are_those_of_backtesting_py(case):
    """A fixed number of units each time, as it cannot take a fee out of a share of the cash."""
    market, formula, _ = case
    bars = MARKETS[market]
    ours = backtest(compile_formula(formula), bars, Terms(CAPITAL, FEE * 1e4, 0.0, size_units=float(UNITS)))
    theirs, last = of_backtesting()[case], len(bars) - 1
    finished = [trade for trade in theirs["trades"] if trade[1] < last]  # it closes what is open at the end
    agree([trade for trade in closed(ours.trades) if trade[1] < last], finished)
    assert ours.equity.tolist()[:last] == pytest.approx(theirs["equity"][:last], rel=1e-9)
