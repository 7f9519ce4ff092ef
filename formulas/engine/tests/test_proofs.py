"""The proofs over a million (formula, bar) pairs of random formulas; beside them, that each can fail."""

import inspect
import random
import re
from dataclasses import replace

import numpy as np
import pytest

from formulas.engine import LiveProgram, Merged, compile_formula
from formulas.engine.bars import Bars
from formulas.engine.history import evaluated, run
from formulas.engine.native import load_kernels
from formulas.engine.native_stepper import NativeStepper
from formulas.engine.operations import OPERATIONS
from formulas.engine.tests import naive
from formulas.engine.tests import naive_more as plainly
from formulas.engine.tests.markets import flat_after, random_walk, same, values
from formulas.engine.tests.random_formulas import random_formula

WALK = flat_after(random_walk(17, 940), 99.5, 60)
ROWS = list(WALK.rows())
FORMULAS, AT_ONCE = 1000, 50
# Saying why takes most of the time: decisions are compared of a few formulas on every bar, of the merged ones on a few.
DECIDING, WHEN_MERGED = 10, 10
FIRST_SEED = 500_000


@pytest.fixture
def mode(monkeypatch):
    """Sets who computes: `mode("on")` is machine code, `mode("off")` plain Python."""
    return lambda wish: monkeypatch.setenv("SIGNALBOX_KERNELS", wish)


def bits(column):
    """The bytes of numbers, in which one NaN equals another and -0.0 differs from 0.0."""
    return np.where(np.isnan(column), np.nan, column).tobytes()


def nodes_of(program, bars, block=1024):
    """Every node of the chart's own bars, with the bits of its values."""
    wanted = [place for place, node in enumerate(program.nodes) if not node.frame]
    parts = [[columns[place] for place in wanted] for _, columns in evaluated(program, bars, wanted, block)]
    return {place: bits(np.concatenate(each)) for place, each in zip(wanted, zip(*parts, strict=True), strict=True)}


def live_nodes(program):
    """The same, bar by bar."""
    wanted = [place for place, node in enumerate(program.nodes) if not node.frame]
    stepper, seen = NativeStepper(program.nodes, load_kernels()), []
    for bar in ROWS:
        stepper.advance(bar)
        seen.append(stepper.values.copy())
    columns = np.array(seen)
    return {place: bits(columns[:, stepper.places[place]]) for place in wanted}


def differing(one, other):
    """The nodes that two drivers do not agree on."""
    return [place for place in one if one[place] != other[place]]


def changed_from(cut):
    """The walk with other bars from `cut` on."""
    rest = [bar._replace(open=7.0, high=9.0, low=5.0, close=6.0, volume=1.0) for bar in ROWS[cut:]]
    return Bars.from_rows([*ROWS[:cut], *rest])


@pytest.mark.parametrize("part", range(FORMULAS // AT_ONCE))
def test_a_million_pairs_agree_on_bits(mode, part):
    """Machine code in blocks of any size, plain Python, live and merged; a later bar changes nothing before it."""
    chance = random.Random(part)
    seeds = range(FIRST_SEED + part * AT_ONCE, FIRST_SEED + (part + 1) * AT_ONCE)
    programs = {seed: compile_formula(random_formula(seed)) for seed in seeds}
    mode("off")
    plain = {seed: nodes_of(program, WALK) for seed, program in programs.items()}
    deciding = list(seeds)[::DECIDING]
    by_hand = {seed: run(programs[seed], WALK).decisions for seed in deciding}
    mode("on")
    wanted = {seed: run(programs[seed], WALK).decisions for seed in deciding}
    assert by_hand == wanted
    cut = chance.randrange(1, len(ROWS))
    other = changed_from(cut)
    for seed, program in programs.items():
        fast = nodes_of(program, WALK, chance.randrange(1, 9))
        assert differing(fast, plain[seed]) == [], seed
        assert differing(live_nodes(program), plain[seed]) == [], seed
        after = nodes_of(program, other)
        assert [place for place in after if after[place][: 8 * cut] != plain[seed][place][: 8 * cut]] == [], (seed, cut)
    merged = decided_merged(programs)
    for seed, decisions in wanted.items():
        assert merged[seed] == [decision for decision in decisions if decision.bar_index % WHEN_MERGED == 0], seed


def decided_merged(programs):
    """What programs decide live, all as one program, bar by bar; asked for at some of the bars."""
    merged, found = Merged(), {key: [] for key in programs}
    merged.join(programs)
    for index, bar in enumerate(ROWS):
        if merged.advance(bar) and index % WHEN_MERGED == 0:
            for key, decisions in merged.decisions().items():
                found[key] += decisions
    return found


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + FORMULAS, 50))
def test_a_state_that_was_saved_anywhere_goes_on_with_the_same_bits(mode, seed):
    mode("off")
    program = compile_formula(random_formula(seed))
    split = random.Random(seed).randrange(0, 400)
    live = LiveProgram(program)
    for bar in ROWS[:split]:
        live.advance(bar)
    restored = LiveProgram(compile_formula(random_formula(seed)))
    restored.restore(live.snapshot())
    wanted = [decision for decision in run(program, WALK).decisions if split <= decision.bar_index < 450]
    assert [decision for bar in ROWS[split:450] for decision in restored.advance(bar)] == wanted


# That the proofs can fail: each operation, wrong by one unit in the last place in one driver alone. On every change
# these are shown, at night all of them.
SHOWN = ("add", "choose", "crossover", "ema", "greater", "highest", "lag", "rsi", "sma", "stdev", "tr", "wma")


def one_off(step, is_condition):
    """The step, wrong by the least that a number can be, on some bars."""
    count = 0

    def wrong(*arguments):
        nonlocal count
        value = step(*arguments)
        count += 1
        if count % 7 or value != value:
            return value
        return 1.0 - value if is_condition else float(np.nextafter(value, np.inf))

    return wrong


@pytest.mark.parametrize(
    "name", [name if name in SHOWN else pytest.param(name, marks=pytest.mark.oracles) for name in OPERATIONS]
)
def test_an_operation_that_is_wrong_by_one_bit_in_one_driver_is_found(mode, monkeypatch, name):
    """Over the formulas above that use it, until one of them shows it."""
    operation = OPERATIONS[name]
    for seed in range(FIRST_SEED, FIRST_SEED + FORMULAS):
        program = compile_formula(random_formula(seed))
        if not any(node.op == name and not node.frame for node in program.nodes):
            continue
        mode("on")
        fast = nodes_of(program, WALK)
        mode("off")
        with monkeypatch.context() as patch:
            wrong = replace(operation, step=one_off(operation.step, operation.is_condition))
            patch.setitem(OPERATIONS, name, wrong)
            if differing(nodes_of(program, WALK), fast):
                return
    pytest.fail(f"{name} may be wrong, and nobody sees it")


# And each wrong in its one definition, from which both drivers are made: its values are no longer those of the page.
HIGH, LOW, CLOSE, VOLUME = (getattr(WALK, name).tolist() for name in ("high", "low", "close", "volume"))
DEFINITIONS = {
    "sma": ("sma(close, 9)", lambda: naive.sma(CLOSE, 9)),
    "ema": ("ema(close, 9)", lambda: naive.ema(CLOSE, 9)),
    "rma": ("rma(close, 9)", lambda: naive.rma(CLOSE, 9)),
    "wma": ("wma(close, 9)", lambda: naive.wma(CLOSE, 9)),
    "stdev": ("stdev(close, 9)", lambda: naive.stdev(CLOSE, 9)),
    "rsi": ("rsi(close, 9)", lambda: naive.rsi(CLOSE, 9)),
    "tr": ("tr", lambda: naive.true_range(HIGH, LOW, CLOSE)),
    "highest": ("highest(close, 9)", lambda: naive.highest(CLOSE, 9)),
    "lowest": ("lowest(close, 9)", lambda: naive.lowest(CLOSE, 9)),
    "sar": ("sar", lambda: plainly.sar(HIGH, LOW, CLOSE, 0.02, 0.02, 0.2)),
    "linreg": ("linreg(close, 9)", lambda: plainly.linreg(CLOSE, 9)),
    "crossover": ("nz(crossover(close, sma(9)))", lambda: known(naive.crossover(CLOSE, naive.sma(CLOSE, 9)))),
}
MUTANTS = [
    ("sma", "total / n", "total / (n + 1)"),
    ("sma", "+ (x - base)", "- (x - base)"),
    ("sma", "place < n - 1", "place < n"),
    ("sma", "s[3] = x", "s[3] = s[4]"),
    ("ema", "2.0 / (n + 1)", "2.0 / n"),
    ("ema", "known >= n", "known > n"),
    ("rma", "(n - 1) + x", "(n - 1) + s[2]"),
    ("stdev", "squares / n", "squares / (n - 1)"),
    ("stdev", "(x - mean)", "(x - s[2])"),
    ("rsi", "100.0", "99.0"),
    ("tr", "abs(low - last) > result", "abs(low - last) < result"),
    ("highest", ">", "<"),
    ("lowest", "<", ">"),
    ("sar", "stop > low", "stop >= low + 0.5"),
    ("sar", "min(s[4] + step, most)", "s[4] + step"),
    ("linreg", "offset", "(offset + 1)"),
    ("crossover", "1.0 if", "0.0 if"),
]


def known(column):
    return [0.0 if value != value else value for value in column]


def mutated(step, old, new):
    """The step with one piece of its text replaced."""
    source = inspect.getsource(step)
    head, body = re.match(r"(?s)(def .*?:\n(?:    \"\"\".*?\"\"\"\n)?)(.*)", source).groups()
    assert old in body, f"{step.__name__} no longer says {old}"
    room = dict(inspect.getmodule(step).__dict__)
    exec(compile(head + body.replace(old, new), "mutant", "exec"), room)
    return room[step.__name__]


@pytest.mark.parametrize(("name", "old", "new"), MUTANTS)
def test_a_step_with_a_wrong_definition_is_found(mode, monkeypatch, name, old, new):
    mode("off")
    expression, definition = DEFINITIONS[name]
    wanted = definition()
    assert same(values(expression, WALK), wanted)
    operation = OPERATIONS[name]
    monkeypatch.setitem(OPERATIONS, name, replace(operation, step=mutated(operation.step, old, new)))
    assert not same(values(expression, WALK), wanted)
