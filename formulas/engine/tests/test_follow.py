"""An account that goes on from a snapshot, a stretch of bars at a time, is the one that went over all of them."""

import random

import numpy as np
import pytest

from formulas.engine import LiveProgram, compile_formula
from formulas.engine.backtest import run_account
from formulas.engine.bars import BarError, Bars
from formulas.engine.broker import Terms
from formulas.engine.tests.markets import bits, random_walk
from formulas.engine.tests.random_formulas import random_account_formula, random_formula
from formulas.engine.trades import Trades

TERMS = Terms(fee_bps=7.0, slippage_bps=3.0)
WALK = random_walk(23, 3_000)
COLUMNS = ("time", "open", "high", "low", "close", "volume")
STOPS = "if crossover(sma(3), sma(9)): buy()\nstop_loss(pct=1)\ntrail(pct=2)"
LONGER = 'if tf("15m", rsi(5)) < 45: buy()\nelif tf("15m", rsi(5)) > 55: sell()'


def stretch(start: int, stop: int) -> Bars:
    return Bars(*(getattr(WALK, name)[start:stop] for name in COLUMNS))


def closed(trades) -> list:
    return [trade for trade in trades if trade.exit_bar is not None]


def in_stretches(program, chance, modes, monkeypatch):
    """Equity, what was held, and trades, each stretch by a program made anew that knows a snapshot alone."""
    equity, held, trades, snapshot, start = [], [], [], None, 0
    while start < len(WALK):
        stop = min(len(WALK), start + chance.choice([1, 2, 7, 390, 1023, 1024, 1025]))
        monkeypatch.setenv("SIGNALBOX_KERNELS", chance.choice(modes))
        live = LiveProgram(program, TERMS)
        if snapshot is not None:
            live.restore(snapshot)
        curve = live.follow(stretch(start, stop))
        assert curve.start == (equity[-1][-1] if equity else TERMS.initial_capital)
        equity.append(curve.equity)
        held.append(curve.held)
        trades += closed(curve.trades)
        snapshot, start, last = live.snapshot(), stop, curve.trades
    return np.concatenate(equity), np.concatenate(held), Trades.of([*trades, *last[len(closed(last)) :]]), live.refused


@pytest.mark.parametrize("modes", [["on"], ["off"], ["on", "off"]], ids=["machine code", "plain", "both"])
def test_a_stretch_at_a_time_comes_to_the_same_bits(modes, monkeypatch):
    seeds = range(12 if "off" not in modes else 4)
    sources = [STOPS, LONGER, *map(random_account_formula, seeds), *map(random_formula, seeds)]
    for number, source in enumerate(sources):
        program = compile_formula(source)
        whole, refused = run_account(program, WALK, TERMS)
        equity, held, trades, also_refused = in_stretches(program, random.Random(number), modes, monkeypatch)
        assert bits(equity) == bits(whole.equity), source
        assert held.tolist() == whole.held.tolist(), source
        assert trades == whole.trades, source
        assert also_refused == refused, source
        assert len(closed(trades)) > 3 or number > 1, "the two that are named are to trade"


def test_bars_that_were_taken_are_not_taken_again():
    live = LiveProgram(compile_formula(STOPS), TERMS)
    live.follow(stretch(0, 500))
    before = live.snapshot()
    with pytest.raises(BarError):
        live.follow(stretch(499, 600))
    assert live.snapshot() == before


def test_without_an_account_there_is_nothing_to_follow():
    with pytest.raises(ValueError, match="no account"):
        LiveProgram(compile_formula("if close > 1: buy()")).follow(WALK)
