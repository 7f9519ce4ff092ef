"""Machine code gives the bits of plain Python: every node, every decision, every account."""

import os
import subprocess
import sys

import numpy as np
import pytest

from formulas.engine import LiveProgram, Terms, compile_formula, native
from formulas.engine.backtest import backtest, replay, run_account
from formulas.engine.broker import Broker
from formulas.engine.compiler import compile_output
from formulas.engine.history import evaluated, run
from formulas.engine.kernels import loading, store
from formulas.engine.kernels.module import arity
from formulas.engine.native import kernels_for
from formulas.engine.operations import OPERATIONS
from formulas.engine.robustness import stress
from formulas.engine.tests.markets import bits, flat_after, random_walk
from formulas.engine.tests.random_formulas import random_account_formula, random_formula

WALK = flat_after(random_walk(13, 1040), 99.5, 40)
SEEDS = range(48)
BOTH = ("off", "on")


def in_both(monkeypatch, work):
    """What plain Python and machine code give."""
    results = []
    for mode in BOTH:
        monkeypatch.setenv("SIGNALBOX_KERNELS", mode)
        assert (kernels_for(1) is None) == (mode == "off")
        results.append(work())
    return results


def columns_of(program, bars, block=1024):
    """The bits of every node over the chart's bars."""
    wanted = [place for place, node in enumerate(program.nodes) if not node.frame]
    found = {place: [] for place in wanted}
    for _, columns in evaluated(program, bars, wanted, block):
        for place in wanted:
            found[place].extend(bits(columns[place].tolist()))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_every_node_and_decision_has_the_same_bits(monkeypatch, seed):
    program = compile_formula(random_formula(seed))
    plain, fast = in_both(monkeypatch, lambda: columns_of(program, WALK))
    for place, column in plain.items():
        assert fast[place] == column, program.texts[place]
    plain, fast = in_both(monkeypatch, lambda: run(program, WALK))
    assert fast.decisions == plain.decisions
    assert fast.refused == plain.refused


@pytest.mark.parametrize("seed", SEEDS)
def test_every_account_has_the_same_bits(monkeypatch, seed):
    program = compile_formula(random_formula(seed) if seed % 2 else random_account_formula(seed))
    for terms in (Terms(), Terms(50.0, 3.0, 1.0, minimum_fee=0.1, size_units=1.0)):
        plain, fast = in_both(monkeypatch, lambda terms=terms: run_account(program, WALK, terms))
        assert bits(fast[0].equity.tolist()) == bits(plain[0].equity.tolist())
        assert fast[0].held.tolist() == plain[0].held.tolist()
        assert fast[0].trades == plain[0].trades
        assert fast[1] == plain[1]


@pytest.mark.parametrize("seed", range(12))
def test_results_and_their_stress_are_the_same(monkeypatch, seed):
    program = compile_formula(random_formula(seed) if seed % 2 else random_account_formula(seed))
    plain, fast = in_both(monkeypatch, lambda: (backtest(program, WALK), stress(program, WALK)))
    assert fast[0].metrics == plain[0].metrics
    assert fast[0].out_of_sample == plain[0].out_of_sample
    assert fast[1] == plain[1]


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_step_gives_the_same_wherever_its_bars_are_split(monkeypatch, name):
    monkeypatch.setenv("SIGNALBOX_KERNELS", "on")
    operation, kernels = OPERATIONS[name], kernels_for(1)
    has_state, lengths, inputs = arity(operation)
    numbers = (7, 3)[:lengths]
    random = np.random.default_rng(5)
    given = np.round(random.normal(size=(8, 400)), 1) + random.integers(0, 2, (8, 400)) * 3
    given[random.random((8, 400)) < 0.1] = np.nan
    if name in ("vwap", "money_flow_index"):
        # Times are known, and flows are not below 0.
        given = np.abs(np.nan_to_num(given))
    state = [0.0] * operation.state(numbers)
    columns = given[:inputs].tolist()
    expected = bits([operation.step(*[state] * has_state, *numbers, *row) for row in zip(*columns, strict=True)])
    row = [list(OPERATIONS).index(name), 0, *(*numbers, 0, 0)[:2], *range(inputs), *[0] * (6 - inputs), 7, 0]
    for size in (1, 2, 5, 400):
        values, kept = given.copy(), np.zeros(max(1, len(state)))
        for first in range(0, 400, size):
            kernels.run_rows(np.array([row], dtype=np.int64), kept, values, first, size)
        assert bits(values[7].tolist()) == expected, size


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_step_gives_each_of_several_instruments_its_own(monkeypatch, name):
    monkeypatch.setenv("SIGNALBOX_KERNELS", "on")
    operation, kernels = OPERATIONS[name], kernels_for(1)
    has_state, lengths, inputs = arity(operation)
    numbers, lanes = (7, 3)[:lengths], 3
    given = np.abs(np.random.default_rng(6).normal(size=(60, 7, lanes)).round(1))
    size = operation.state(numbers)
    row = [list(OPERATIONS).index(name), 2, *(*numbers, 0, 0)[:2], *range(inputs), *[0] * (6 - inputs), 7, size]
    state, values = np.zeros((2 + size) * lanes), np.empty((8, lanes))
    table = np.array([row], dtype=np.int64)
    step_lanes = kernels.bound_lanes(table, state, values)
    alone = [[0.0] * size for _ in range(lanes)]
    for bar in given:
        values[:7], values[7] = bar, -1.0
        step_lanes(0, 2)
        step_lanes(2, 3)
        rows = zip(alone, bar[:inputs].T.tolist(), strict=True)
        assert bits(values[7].tolist()) == bits(
            [operation.step(*[own] * has_state, *numbers, *inputs_of) for own, inputs_of in rows]
        )


ODD = [
    "close if bar_index % 7 != 3 else log(-1)",
    "0 * (close - 100)",
    "exp(709) * 1.7 if bar_index % 90 == 5 else close",
    "log(-1) if bar_index < 50 else close",
    "log(close - 1e9)",
    "0.1",
]


@pytest.mark.parametrize("source", ODD)
@pytest.mark.parametrize("op", ["sma", "ema", "rma", "wma", "stdev", "highest", "lowest", "rsi", "linreg", "rising"])
def test_odd_values_have_the_same_bits_too(monkeypatch, op, source):
    offset = ", 0" if op == "linreg" else ""
    for length in (1, 2, 20, 369, 1050):
        program = compile_output(f"x = {source}\ny = {op}(x, {length}{offset})", "y")
        plain, fast = in_both(monkeypatch, lambda program=program: run(program, WALK).outputs["y"].tolist())
        assert bits(fast) == bits(plain), length


WALKED = [
    "if crossover(sma(5), sma(20)): buy()\nif crossunder(sma(5), sma(20)): sell()",
    "if close > sma(30): buy()\nelse: short(size=0.8)",
    "if rsi < 45: buy(size=0.5)\nstop_loss(close - 2 * atr)\ntake_profit(pct=3)",
    "if close > sma(9):\n    buy(size=abs(close - open))\n    trail(pct=1)\nelse:\n    short()\n    stop_loss(pct=0.5)",
    "buy()",
    "if bar_index % 9 == 8: short()\nif bar_index % 9 == 3: close()\nstop_loss(log(close - 99))",
    "\n".join([*[f"if close > {90 + i}: buy(size={(i + 1) / 32})" for i in range(31)], "if rsi > 60: sell()"]),
]


@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize("formula", WALKED)
@pytest.mark.parametrize("terms", [Terms(), Terms(50.0, 0.0, 0.0, size_units=1.0)], ids=["share", "units"])
def test_an_account_is_the_one_that_goes_bar_by_bar(monkeypatch, formula, terms, mode):
    monkeypatch.setenv("SIGNALBOX_KERNELS", mode)
    program = compile_formula(formula)
    walked, refused = run_account(program, WALK, terms)
    history = run(program, WALK)
    stepped = replay(Broker(terms), WALK, history.orders, terms)
    assert bits(walked.equity.tolist()) == bits(stepped.equity.tolist())
    assert walked.held.tolist() == stepped.held.tolist()
    assert walked.trades == stepped.trades
    assert refused == history.refused
    assert walked.trades


@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize("seed", [0, 1, 3, 5, 7])
def test_an_account_that_is_ruined_ends_at_the_same_bar(monkeypatch, seed, mode):
    monkeypatch.setenv("SIGNALBOX_KERNELS", mode)
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


def test_more_trades_than_the_log_has_room_for_are_all_kept(monkeypatch):
    monkeypatch.setenv("SIGNALBOX_KERNELS", "on")
    walk = random_walk(3, 30_000)
    program = compile_formula("if bar_index % 2 == 0: buy()\nelse: sell()")
    trades = run_account(program, walk, Terms())[0].trades
    assert [trade.entry_bar for trade in trades] == list(range(1, 30_000, 2))
    assert trades[-1].exit_bar is None
    assert trades[-2].exit_bar == 29_998


def run_python(code, tmp_path, **env):
    kept = {name: value for name, value in os.environ.items() if name != "SIGNALBOX_KERNELS"}
    environment = {**kept, "DATA_DIR": str(tmp_path), **env}
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    ).stdout


def test_a_process_that_computes_little_loads_no_compiler(tmp_path):
    code = (
        "import sys\nfrom formulas.engine import compile_formula, run_history, Bars\n"
        "bars = Bars.from_rows([(60 * i, 1, 1, 1, 1, 1) for i in range(500)])\n"
        "assert len(run_history(compile_formula('buy()'), bars)) == 500\n"
        "print([name for name in sys.modules if 'llvmlite' in name or 'numba' in name])"
    )
    assert run_python(code, tmp_path).strip() == "[]"


def test_much_work_in_small_pieces_is_done_by_machine_code(monkeypatch):
    monkeypatch.delenv("SIGNALBOX_KERNELS", raising=False)
    monkeypatch.setattr(native, "_loaded", [])
    monkeypatch.setattr(native, "_done", [0])
    assert [kernels_for(9_000) for _ in range(40)] == [None] * 40, "a request now and then"
    assert [kernels_for(50_000) is None for _ in range(5)] == [True, True, True, False, False]


def test_compiled_code_that_is_damaged_is_made_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "folders", lambda: [tmp_path / "a file", tmp_path / "kept"])
    (tmp_path / "a file").write_text("in the way")
    assert store.load() is None
    path = store.save(b"code")
    assert path.parent == tmp_path / "kept"
    assert store.load() == b"code"
    path.write_bytes(path.read_bytes()[:-3])
    assert store.load() is None


def test_machine_code_that_cannot_be_loaded_gives_way_to_plain_python(monkeypatch, caplog):
    def broken():
        raise OSError("no such processor")

    monkeypatch.setattr(loading, "load", broken)
    monkeypatch.setattr(native, "_loaded", [])
    program = compile_formula("if close > sma(close, 3): buy()")
    monkeypatch.setenv("SIGNALBOX_KERNELS", "on")
    fallen = run(program, WALK).decisions
    monkeypatch.setenv("SIGNALBOX_KERNELS", "off")
    assert fallen == run(program, WALK).decisions != []
    assert caplog.text.count("plain Python does its work") == 1, "tried once, not on every bar"
