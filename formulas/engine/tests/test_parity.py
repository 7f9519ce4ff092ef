"""History and live give the same bits, wherever the bars are split and whatever comes after them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formulas.engine import LiveProgram, SnapshotError, compile_formula, history, run_history
from formulas.engine.bars import Bars
from formulas.engine.compiler import compile_output
from formulas.engine.machine import Machine
from formulas.engine.operations import OPERATIONS
from formulas.engine.registry import CALLS
from formulas.engine.tests.markets import bits, flat_after, random_walk
from formulas.engine.tests.random_formulas import random_account_formula, random_formula

WALK = flat_after(random_walk(11, 260), 99.5, 40)
ROWS = [WALK.row(index) for index in range(len(WALK))]
BEGINNING = Bars.from_rows(ROWS[:80])
SEEDS = range(90)


def everything(program, bars, block):
    """The bits of every node at every bar from the driver over history."""
    machine = Machine(program)
    columns = [[] for _ in program.nodes]
    for start in range(0, len(bars), block):
        part = history._evaluate(machine, len(program.nodes), bars, start, min(start + block, len(bars)))
        for column, values in zip(columns, part, strict=True):
            column.extend(values)
    return [bits(column) for column in columns]


def live_values(program, rows):
    """The bits of every node at every bar, and the decisions, from the live driver."""
    live = LiveProgram(program)
    columns, decisions = [[] for _ in program.nodes], []
    for bar in rows:
        decisions.extend(live.advance(bar))
        for column, value in zip(columns, live.values, strict=True):
            column.append(value)
    return [bits(column) for column in columns], decisions


@pytest.mark.parametrize("seed", SEEDS[:30])
def test_history_and_live_agree_on_bits_for_every_node(seed):
    program = compile_formula(random_formula(seed))
    columns, decisions = live_values(program, ROWS)
    assert everything(program, WALK, 1024) == columns
    assert run_history(program, WALK) == decisions


def test_the_random_formulas_act_and_use_every_function():
    programs = [compile_formula(random_formula(seed)) for seed in SEEDS]
    acting = [program for program in programs if run_history(program, BEGINNING)]
    used = {node.op for program in programs for node in program.nodes}
    assert len(acting) > len(programs) / 2
    assert set(OPERATIONS) <= used
    indicators = {name for program in programs for name in program.indicators}
    assert {function.name for function in CALLS if function.is_indicator} <= indicators


@given(seed=st.integers(1000, 100_000), block=st.integers(1, 300))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_the_block_size_changes_nothing(seed, block):
    program = compile_formula(random_formula(seed))
    assert history.run(program, WALK, block).decisions == history.run(program, WALK).decisions
    assert everything(program, WALK, block) == everything(program, WALK, 1024)


@given(seed=st.integers(1000, 100_000), split=st.integers(0, len(ROWS)))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_restored_snapshot_goes_on_as_if_nothing_had_happened(seed, split):
    program = compile_formula(random_formula(seed))
    live = LiveProgram(program)
    decisions = [decision for bar in ROWS[:split] for decision in live.advance(bar)]
    restored = LiveProgram(compile_formula(random_formula(seed)))
    restored.restore(live.snapshot())
    assert (restored.bars, restored.refused) == (live.bars, live.refused)
    decisions += [decision for bar in ROWS[split:] for decision in restored.advance(bar)]
    assert decisions == run_history(program, WALK)


@given(seed=st.integers(1000, 100_000), split=st.integers(0, len(ROWS)))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_formula_that_reads_its_account_goes_on_from_a_snapshot_too(seed, split):
    program = compile_formula(random_account_formula(seed))
    live, restored = LiveProgram(program), LiveProgram(program)
    decisions = [decision for bar in ROWS[:split] for decision in live.advance(bar)]
    restored.restore(live.snapshot())
    decisions += [decision for bar in ROWS[split:] for decision in restored.advance(bar)]
    assert decisions == run_history(program, WALK)
    changed = Bars.from_rows([*ROWS[:split], *(bar._replace(high=bar.high + 9.0) for bar in ROWS[split:])])
    before = [decision for decision in decisions if decision.bar_index < split]
    assert [decision for decision in run_history(program, changed) if decision.bar_index < split] == before


@given(seed=st.integers(1000, 100_000), cut=st.integers(1, len(ROWS) - 1))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_later_bar_never_changes_an_earlier_value(seed, cut):
    program = compile_formula(random_formula(seed))
    other = [bar._replace(open=7.0, high=9.0, low=5.0, close=6.0, volume=1.0) for bar in ROWS[cut:]]
    changed = Bars.from_rows([*ROWS[:cut], *other])
    before = [column[:cut] for column in everything(program, WALK, 1024)]
    assert [column[:cut] for column in everything(program, changed, 1024)] == before
    assert [d for d in run_history(program, changed) if d.bar_index < cut] == [
        d for d in run_history(program, WALK) if d.bar_index < cut
    ]


@pytest.mark.parametrize("seed", range(20))
def test_no_value_is_ever_infinite(seed):
    program = compile_formula(random_formula(seed))
    columns, _ = live_values(program, ROWS)
    own = [column for column, node in zip(columns, program.nodes, strict=True) if not node.frame]
    assert not any(math.isinf(float.fromhex(value)) for column in own for value in column)


@pytest.mark.parametrize("length", [1, 3, 20])
@pytest.mark.parametrize("name", ["ema", "rma", "sma", "wma", "stdev"])
def test_an_overflow_is_na_and_passes(name, length):
    source = f"x = exp(709) * 1.7 if bar_index % 90 == 5 else close\ny = {name}(x, {length}) - {name}(-x, {length})"
    result = history.run(compile_output(source, "y"), WALK).outputs["y"].tolist()
    assert not any(math.isinf(value) for value in result)
    assert any(value == value for value in result[120:])


def test_a_snapshot_of_another_version_or_a_damaged_one_is_refused():
    live = LiveProgram(compile_formula("if rsi < 30: buy()"))
    for bar in ROWS[:50]:
        live.advance(bar)
    snapshot = live.snapshot()
    damaged = bytes([*snapshot[:60], snapshot[60] ^ 1, *snapshot[61:]])
    other = LiveProgram(compile_formula("if rsi < 31: buy()"))
    for program, data in ((other, snapshot), (live, damaged), (live, snapshot[:-1]), (live, b"")):
        with pytest.raises(SnapshotError):
            program.restore(data)
    assert live.snapshot() == snapshot
    assert other.bars == 0
