"""Many programs merged into one decide, bit for bit, what each decides alone, whoever joins and leaves."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from formulas.engine import BarError, LiveProgram, Merged, compile_formula
from formulas.engine.tests.markets import flat_after, random_walk
from formulas.engine.tests.random_formulas import random_account_formula, random_formula

WALK = flat_after(random_walk(11, 260), 99.5, 40)
ROWS = [WALK.row(index) for index in range(len(WALK))]
SOURCES = [random_formula(seed) for seed in range(300_000, 300_060)]
SOURCES += [random_account_formula(seed) for seed in range(300_000, 300_006)]
PROGRAMS = {number: compile_formula(source) for number, source in enumerate(SOURCES)}
ALONE = {}


@pytest.fixture(autouse=True, params=["on", "off"])
def _kernels(request, monkeypatch):
    """In machine code and in plain Python."""
    monkeypatch.setenv("SIGNALBOX_KERNELS", request.param)


def alone(key):
    """What a program decides by itself on each bar."""
    if key not in ALONE:
        live = LiveProgram(PROGRAMS[key])
        ALONE[key] = [live.advance(bar) for bar in ROWS]
    return ALONE[key]


def decided(merged, bar):
    """What merged programs decide on the next bar."""
    holding, found = merged.advance(bar), merged.decisions()
    assert holding or not found
    return found


def same(found, keys, index):
    """Whether merged programs decided on a bar what they decide alone."""
    return found == {key: alone(key)[index] for key in keys if alone(key)[index]}


def test_merged_programs_decide_what_each_decides_alone():
    merged = Merged()
    merged.join(PROGRAMS)
    count = 0
    for index, bar in enumerate(ROWS):
        found = decided(merged, bar)
        count += sum(map(len, found.values()))
        assert same(found, PROGRAMS, index), index
    assert count > len(PROGRAMS), "the programs of this test act"


@given(seed=st.integers(0, 10_000))
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_who_joins_or_leaves_on_the_way_disturbs_nobody(seed):
    chance = random.Random(seed)
    merged = Merged()
    for index, bar in enumerate(ROWS[:60]):
        if chance.random() < 0.15:
            gone = chance.sample(sorted(merged.keys), k=min(len(merged.keys), chance.randrange(4)))
            merged.leave(gone)
        if chance.random() < 0.2:
            come = chance.sample(sorted(PROGRAMS.keys() - merged.keys), k=chance.randrange(6))
            merged.join({key: PROGRAMS[key] for key in come}, ROWS[:index])
        if merged.keys:
            assert same(decided(merged, bar), merged.keys, index)
        else:
            merged = Merged()
            merged.join({0: PROGRAMS[0]}, ROWS[: index + 1])


def test_what_formulas_have_in_common_is_computed_once():
    merged = Merged()
    merged.join({n: compile_formula(f"if sma(close, 20) > sma(close, {30 + n % 5}): buy()") for n in range(1000)})
    # The close, the short average, and for each of the five lengths an average and a comparison.
    assert merged.nodes == 2 + 2 * 5
    merged.leave(range(1, 1000))
    assert merged.nodes == 4
    merged.leave([0])
    assert merged.nodes == 0


def test_the_names_of_a_formula_stay_its_own():
    merged = Merged()
    long = "(close + open + high + low) / 4 - sma(close, 3) * (close + open + high + low) / 4 * 0.0001"
    texts = {name: f"{name} = {long}\nif {name} > 0: buy()" for name in ("first", "second")}
    merged.join({name: compile_formula(source) for name, source in texts.items()})
    found = [decided(merged, bar) for bar in ROWS[:5]][-1]
    for name in texts:
        assert found[name][0].why[0]["expression"] == name


def test_a_bar_or_a_history_that_does_not_fit_changes_nothing():
    merged = Merged()
    merged.join({1: PROGRAMS[1], 60: PROGRAMS[60]})
    for index in range(50):
        merged.advance(ROWS[index])
    for bar in (ROWS[49], ROWS[48], ROWS[50]._replace(high=1.0)):
        with pytest.raises(BarError):
            merged.advance(bar)
    for bars in ([], ROWS[:49], ROWS[1:50], ROWS[:51]):
        with pytest.raises(ValueError, match="bars"):
            merged.join({2: PROGRAMS[2]}, bars)
    with pytest.raises(ValueError, match="in already"):
        merged.join({1: PROGRAMS[2]}, ROWS[:50])
    assert merged.keys == {1, 60}
    assert all(same(decided(merged, ROWS[index]), merged.keys, index) for index in range(50, 120))


def test_those_who_were_warm_elsewhere_are_absorbed_as_if_they_had_joined():
    keys = list(PROGRAMS)
    merged, other = Merged(), Merged()
    merged.join({key: PROGRAMS[key] for key in keys[::2]}, ROWS[:100])
    # Twins of some that are there already, beside those that are not.
    twins = {f"twin of {key}": PROGRAMS[key] for key in keys[::10]}
    other.join({**{key: PROGRAMS[key] for key in keys[1::2]}, **twins}, ROWS[:60])
    for bar in ROWS[60:100]:
        other.advance(bar)
    with pytest.raises(ValueError, match="not the same"):
        Merged().absorb(other)
    merged.absorb(other)
    assert merged.keys == {*PROGRAMS, *twins}
    count = 0
    for index, bar in enumerate(ROWS[100:], 100):
        found = decided(merged, bar)
        for key in keys[::10]:
            assert found.pop(f"twin of {key}", []) == found.get(key, [])
        assert same(found, PROGRAMS, index), index
        count += len(found)
    assert count > len(PROGRAMS)
    again = Merged()
    again.join({keys[0]: PROGRAMS[keys[0]]}, ROWS)
    with pytest.raises(ValueError, match="already"):
        merged.absorb(again)
    merged.leave([*twins, *keys[1::2]])
    assert merged.keys == set(keys[::2])
