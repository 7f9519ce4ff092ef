"""A backtest: trade for trade as a plain loop, bit for bit as live, and honest about what is still open."""

import pytest

from formulas.engine import LiveProgram, Terms, compile_formula, run_history
from formulas.engine.backtest import backtest, hold, run_account
from formulas.engine.bars import Bars
from formulas.engine.tests.markets import bits, closes, random_walk
from formulas.engine.tests.plain_broker import plain_backtest
from formulas.engine.tests.random_formulas import random_formula

WALK = random_walk(12, 900)
CROSS = "if crossover(sma(5), sma(20)): buy()\nif crossunder(sma(5), sma(20)): sell()"
PLAIN = [
    CROSS,
    "if rsi(7) < 30: buy(size=0.5)\nif rsi(7) > 60: sell()",
    "if close > sma(30): buy()\nelse: short(size=0.8)",
    "if close > donchian_top: buy()\n",
    "if crossover(close, sma(9)): buy(size=0.3)\nelif crossunder(close, sma(9)): short(size=0.6)\nif rsi > 80: close()",
]
PLAIN[3] = "top, middle, bottom = donchian(15)\nif high >= top: short()\nif low <= bottom: cover()"


@pytest.mark.parametrize("formula", PLAIN)
@pytest.mark.parametrize(("fee", "slip"), [(0.0, 0.0), (10.0, 3.0)])
def test_equity_and_trades_are_those_of_a_plain_loop(formula, fee, slip):
    program = compile_formula(formula)
    done = backtest(program, WALK, Terms(5000.0, fee, slip))
    equity, trades = plain_backtest(WALK, run_history(program, WALK), 5000.0, fee / 1e4, slip / 1e4)
    closed = [t for t in done.trades if t.exit_bar is not None]
    assert done.equity.tolist() == pytest.approx(equity, rel=1e-9)
    assert len(closed) == len(trades) > 3
    for ours, theirs in zip(closed, trades, strict=True):
        got = (ours.entry_bar, ours.exit_bar, ours.entry_price, ours.exit_price, ours.size, ours.pnl, ours.fees)
        assert got == pytest.approx(theirs, rel=1e-9, abs=1e-9)


STATEFUL = [
    *PLAIN,
    "if rsi < 45: buy(size=0.5)\nstop_loss(close - 2 * atr)\ntake_profit(pct=3)",
    "if close > sma(9):\n    buy()\n    trail(pct=1)\nelse:\n    short()\n    stop_loss(pct=0.5)",
    "if position == 0 and rsi < 50: buy(size=0.4)\nif bars_held > 6 or close > entry_price * 1.01: close()",
    "if equity > 10000: short(size=0.2)\nelif equity < 9990: cover()\nelse: buy()",
]


HELD = {
    "an ordinary market": (WALK, Terms()),
    "one bar": (closes(5.0), Terms()),
    "a price that cannot be paid for a while": (closes(*[1000.0] * 20, *[8.0] * 5, 9.0), Terms(100.0, size_units=1.0)),
    "a fee that is never paid": (WALK, Terms(100.0, minimum_fee=500.0)),
    "a market below zero": (closes(4.0, 4.0, 3.0, -2.0, -1.0, -1.0, 2.0, 5.0, 6.0), Terms()),
}


@pytest.mark.parametrize("mode", ["on", "off"])
@pytest.mark.parametrize(("bars", "terms"), HELD.values(), ids=HELD)
def test_buying_and_holding_is_the_account_that_buys_whenever_it_can(monkeypatch, bars, terms, mode):
    monkeypatch.setenv("SIGNALBOX_KERNELS", mode)
    held, walked = hold(bars, terms), run_account(compile_formula("buy()"), bars, terms)[0]
    assert bits(held.equity.tolist()) == bits(walked.equity.tolist())
    assert held.held.tolist() == walked.held.tolist()
    assert list(held.trades) == list(walked.trades)


@pytest.mark.parametrize("formula", STATEFUL)
def test_a_backtest_is_the_live_account_on_bits(formula):
    program, terms = compile_formula(formula), Terms()
    done = backtest(program, WALK, terms)
    live, equity = LiveProgram(program, terms), []
    for bar in WALK.rows():
        live.advance(bar)
        equity.append(live.broker.equity)
    assert bits(done.equity.tolist()) == bits(equity)
    assert [t for t in done.trades if t.exit_bar is not None] == live.broker.trades
    assert live.broker.trades


@pytest.mark.parametrize("seed", range(40))
def test_random_formulas_have_the_same_account_in_both(seed):
    program, terms = compile_formula(random_formula(seed)), Terms(fee_bps=3.0)
    bars = random_walk(seed, 200)
    live, equity = LiveProgram(program, terms), []
    for bar in bars.rows():
        live.advance(bar)
        equity.append(live.broker.equity)
    assert bits(backtest(program, bars, terms).equity.tolist()) == bits(equity)


@pytest.mark.parametrize("formula", STATEFUL)
@pytest.mark.parametrize("cut", [1, 333, 700])
def test_a_later_bar_never_changes_earlier_equity(formula, cut):
    program = compile_formula(formula)
    rows = list(WALK.rows())
    other = [bar._replace(open=7.0, high=9.0, low=5.0, close=6.0) for bar in rows[cut:]]
    changed = backtest(program, Bars.from_rows([*rows[:cut], *other])).equity[:cut]
    assert bits(changed.tolist()) == bits(backtest(program, WALK).equity[:cut].tolist())


def test_costs_are_on_unless_they_are_switched_off():
    program = compile_formula(CROSS)
    usual, free = backtest(program, WALK), backtest(program, WALK, Terms(fee_bps=0.0, slippage_bps=0.0))
    assert usual.assumptions["fee_bps"] == 5.0
    assert usual.assumptions["slippage_bps"] == 2.0
    assert usual.metrics["fees"] > 0.0 == free.metrics["fees"]
    assert usual.equity[-1] < free.equity[-1]


def test_an_open_position_is_kept_marked_and_reported():
    done = backtest(compile_formula("if bar_index == 0: buy()"), closes(10, 10, 12, 15), Terms(1000.0, 0.0, 0.0))
    (trade,) = done.trades
    assert (trade.exit_bar, trade.exit_price, trade.pnl) == (None, None, 500.0)
    assert done.equity[-1] == 1500.0
    assert (done.metrics["trades"], done.metrics["open_trades"]) == (0, 1)


def test_a_formula_that_always_buys_is_buying_and_holding():
    done = backtest(compile_formula("buy()"), WALK)
    assert bits(done.equity.tolist()) == bits(done.buy_and_hold.tolist())
    assert done.metrics["beta"] == pytest.approx(1.0)
    assert done.metrics["alpha"] == pytest.approx(0.0, abs=1e-12)
    assert done.metrics["information_ratio"] is None


def test_the_two_parts_make_up_the_whole():
    done = backtest(compile_formula(CROSS), WALK)
    growth = [1 + part["total_return"] for part in (done.in_sample, done.out_of_sample)]
    assert growth[0] * growth[1] == pytest.approx(1 + done.metrics["total_return"])
    for name in ("trades", "open_trades", "fees"):
        assert done.in_sample[name] + done.out_of_sample[name] == pytest.approx(done.metrics[name])


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_hardly_any_bars_give_a_result_all_the_same(count):
    done = backtest(compile_formula("buy()"), closes(*[10.0] * count))
    assert len(done.equity) == len(done.drawdown) == count
    assert done.metrics["trades"] == 0
