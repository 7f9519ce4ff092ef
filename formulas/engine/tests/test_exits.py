"""Stops and targets that end a position are said like any other decision, by all drivers in the same words."""

import pytest

from formulas.engine import LiveProgram, compile_formula, run_history
from formulas.engine.backtest import backtest
from formulas.engine.bars import Bar, Bars
from formulas.engine.history import run
from formulas.engine.merged import Merged
from formulas.engine.tests.markets import random_walk

WALK = random_walk(3, 2_000)
ENTRIES = "if crossover(close, sma(close, 5)): buy()\nif crossunder(close, sma(close, 5)): short()\n"
GUARDED = ENTRIES + "stop_loss(pct=0.5)\ntake_profit(pct=1)\ntrail(pct=0.8)"
WORDS = ("stop_loss", "take_profit", "trail")


def bars(*rows: tuple[float, float, float, float]) -> Bars:
    """Daily bars of open, high, low and close."""
    return Bars.from_rows([(day * 86_400, *row, 1.0) for day, row in enumerate(rows)])


@pytest.mark.parametrize("kernels", ["on", "off"])
def test_all_drivers_say_the_same_exits(monkeypatch: pytest.MonkeyPatch, kernels: str) -> None:
    monkeypatch.setenv("SIGNALBOX_KERNELS", kernels)
    program = compile_formula(GUARDED)
    live, merged = LiveProgram(program), Merged[str]()
    merged.join({"one": program})
    said, together = [], []
    for bar in WALK.rows():
        said += live.advance(bar)
        if merged.advance(bar):
            together += merged.decisions()["one"]
    assert run(program, WALK).decisions == run(program, WALK, plain=True).decisions == said == together
    assert {decision.action for decision in said} == {"buy", "short", *WORDS}


def test_each_trade_that_ended_inside_a_bar_is_said_with_its_price() -> None:
    program = compile_formula(GUARDED)
    said = {decision.bar_index: decision for decision in run_history(program, WALK) if decision.action in WORDS}
    ended = [trade for trade in backtest(program, WALK).trades if trade.ending in WORDS]
    told = [trade for trade in ended if trade.exit_bar in said]
    assert len(told) == len(said) > 100
    for trade in told:
        decision = said[trade.exit_bar]
        assert (decision.action, decision.side) == (trade.ending, "sell" if trade.size > 0 else "buy")
        assert decision.why == ({"expression": trade.ending, "value": trade.exit_price},)
        assert decision.price == float(WALK.close[trade.exit_bar])


def test_an_order_to_the_same_side_says_what_the_exit_would() -> None:
    rows = bars((10, 10, 10, 10), (10, 10, 10, 10), (10, 10, 8, 9), (9, 9, 9, 9), (9, 9, 9, 9))
    text = "if bar_index == 0: buy()\nif close == 9: {then}\nstop_loss(pct=5)"
    said = {
        then: [(one.bar_index, one.action) for one in run_history(compile_formula(text.format(then=then)), rows)][:3]
        for then in ("short()", "buy()")
    }
    assert said["short()"][:2] == [(0, "buy"), (2, "short")]
    assert said["buy()"] == [(0, "buy"), (2, "stop_loss"), (2, "buy")]


@pytest.mark.parametrize("kernels", ["on", "off"])
@pytest.mark.parametrize("code", [GUARDED, "if position == 0 and rsi < 40: buy()\nif bars_held > 5: sell()"])
def test_who_joins_warm_stands_where_one_from_the_beginning_does(
    monkeypatch: pytest.MonkeyPatch, kernels: str, code: str
) -> None:
    monkeypatch.setenv("SIGNALBOX_KERNELS", kernels)
    program = compile_formula(code)
    fresh, warm = LiveProgram(program), LiveProgram(program)
    for bar in WALK.rows(0, 1_000):
        fresh.advance(bar)
    warm.warm(Bars.gathered(WALK.rows(0, 1_000)))
    assert warm.snapshot() == fresh.snapshot()
    for bar in WALK.rows(1_000):
        assert warm.advance(bar) == fresh.advance(bar)


def test_a_higher_timeframe_is_warmed_to_the_same_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_KERNELS", "on")
    program = compile_formula('if tf("15m", ema(close, 9)) > close: buy()')
    minutes = [Bar(60 * place, *row[1:]) for place, row in enumerate(WALK.rows())]
    early, late = Merged[int](), Merged[int]()
    early.join({1: program})
    said = []
    for place, bar in enumerate(minutes):
        if early.advance(bar) and place >= 1_000:
            said.append(early.decisions()[1])
    late.join({1: program}, minutes[:1_000])
    assert [late.decisions()[1] for bar in minutes[1_000:] if late.advance(bar)] == said
    assert len(said) > 100
