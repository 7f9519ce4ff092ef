"""Whole columns have the bits of the steps, and a walk through a plan those of a broker that goes bar by bar."""

import math

import pytest

from formulas.engine import LiveProgram, Terms, compile_formula
from formulas.engine.backtest import replay, run_account
from formulas.engine.broker import Broker
from formulas.engine.columns.board import Board
from formulas.engine.columns.elementwise import ELEMENTWISE
from formulas.engine.columns.recursive import RECURSIVE
from formulas.engine.columns.windowed import FOR_PLAIN_VALUES, SKIPPING_NA
from formulas.engine.compiler import compile_output
from formulas.engine.history import run
from formulas.engine.plan import Plan
from formulas.engine.tests.markets import bits, flat_after, random_walk
from formulas.engine.tests.random_formulas import random_formula
from formulas.engine.tests.test_parity import everything

WALK = flat_after(random_walk(13, 330), 99.5, 40)
SEEDS = range(120)


@pytest.mark.parametrize("seed", SEEDS)
def test_columns_have_the_bits_of_the_steps(seed):
    program = compile_formula(random_formula(seed))
    columns = Board(WALK).read(program, range(len(program.nodes)))
    expected = everything(program, WALK, 1024)
    for place, node in enumerate(program.nodes):
        if not node.frame:
            values = columns[place].tolist() if node.op != "constant" else [node.value] * len(WALK)
            assert bits(values) == expected[place], (node, program.texts[place])


def test_every_fast_form_is_used():
    used = {node.op for seed in SEEDS for node in compile_formula(random_formula(seed)).nodes}
    assert {*ELEMENTWISE, *RECURSIVE, *SKIPPING_NA, *FOR_PLAIN_VALUES} <= used


ODD = [
    "close if bar_index % 7 != 3 else log(-1)",
    "0 * (close - 100)",
    "exp(709) * 1.7 if bar_index % 90 == 5 else close",
    "log(-1) if bar_index < 50 else close",
    "log(close - 1e9)",
    "0.1",
]


@pytest.mark.parametrize("source", ODD)
@pytest.mark.parametrize("length", [1, 2, 20, 369, 371, 1000])
@pytest.mark.parametrize("op", ["sma", "ema", "rma", "wma", "stdev", "highest", "lowest", "rsi", "linreg", "rising"])
def test_odd_values_have_the_same_bits_too(op, source, length):
    offset = ", 0" if op == "linreg" else ""
    program = compile_output(f"x = {source}\ny = {op}(x, {length}{offset})", "y")
    node = program.outputs[0].node
    column = Board(WALK).read(program, [node])[node]
    expected = run(program, WALK).outputs["y"].tolist()
    assert bits(column.tolist() * (len(WALK) if column.size == 1 else 1)) == bits(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_wants_what_the_steps_decide(seed):
    program = compile_formula(random_formula(seed))
    history = run(program, WALK)
    plan = Plan(program, Board(WALK), WALK)
    wanted = {index: orders for index, orders in history.orders.items() if orders.decisions or orders.protections}
    for index in range(len(WALK)):
        ours, theirs = plan.orders(index), wanted.get(index)
        assert bool(theirs) <= bool(plan.fires[index])
        got = [(d.action, d.size) for d in ours.decisions]
        assert got == [(d.action, d.size) for d in (theirs.decisions if theirs else [])]
        assert ours.protections == (theirs.protections if theirs else ())
    assert plan.refused == history.refused


WALKED = [
    "if crossover(sma(5), sma(20)): buy()\nif crossunder(sma(5), sma(20)): sell()",
    "if close > sma(30): buy()\nelse: short(size=0.8)",
    "if rsi < 45: buy(size=0.5)\nstop_loss(close - 2 * atr)\ntake_profit(pct=3)",
    "if close > sma(9):\n    buy(size=abs(close - open))\n    trail(pct=1)\nelse:\n    short()\n    stop_loss(pct=0.5)",
    "buy()",
    "if bar_index % 9 == 8: short()\nif bar_index % 9 == 3: close()\nstop_loss(log(close - 99))",
]


@pytest.mark.parametrize("formula", WALKED)
@pytest.mark.parametrize("terms", [Terms(), Terms(50.0, 0.0, 0.0, size_units=1.0)], ids=["share", "units"])
def test_a_walk_is_the_same_as_going_bar_by_bar(formula, terms):
    program = compile_formula(formula)
    walked, refused = run_account(program, WALK, terms)
    history = run(program, WALK)
    stepped = replay(Broker(terms), WALK, history.orders, terms)
    assert bits(walked.equity.tolist()) == bits(stepped.equity.tolist())
    assert walked.held.tolist() == stepped.held.tolist()
    assert walked.trades == stepped.trades
    assert refused == history.refused
    assert walked.trades


@pytest.mark.parametrize("seed", [0, 1, 3, 5, 7])
def test_an_account_that_is_ruined_ends_at_the_same_bar(seed):
    walk = random_walk(seed, 400)
    program = compile_formula("if bar_index % 50 == 3: short()\nif bar_index % 50 == 33: buy()")
    terms = Terms(100.0, 5.0, 2.0, size_units=20.0)
    walked, _ = run_account(program, walk, terms)
    live = LiveProgram(program, terms)
    equity = []
    for bar in walk.rows():
        live.advance(bar)
        equity.append(live.broker.equity)
    assert bits(walked.equity.tolist()) == bits(equity)
    assert live.broker.trades[-1].ending == "ruin"


def test_many_actions_are_told_apart():
    lines = [f"if close > {90 + i}: buy(size={i / 32})" for i in range(31)]
    program = compile_formula("\n".join([*lines, "if rsi > 60: sell()"]))
    walked, _ = run_account(program, WALK, Terms())
    stepped = replay(Broker(Terms()), WALK, run(program, WALK).orders, Terms())
    assert bits(walked.equity.tolist()) == bits(stepped.equity.tolist())


def test_columns_are_forgotten_when_no_announced_program_needs_them():
    first, second = compile_formula("if sma(9) > rsi: buy()"), compile_formula("if sma(9) > atr: buy()")
    board = Board(WALK)
    for program in (first, second):
        board.announce(program)
        board.read(program, [program.actions[0].guard])
    board.dismiss(first)
    kept = board.read(second, range(len(second.nodes)))
    assert any(not math.isnan(value) for value in kept[0].tolist())
    board.dismiss(second)
    assert not board._columns
