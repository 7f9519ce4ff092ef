"""Programs on many instruments decide on each, bit for bit, what they decide alone, whoever has a bar or none."""

import math
import random

import pytest

from formulas.engine import BarError, LiveProgram, Universe, compile_formula
from formulas.engine.bars import Bar
from formulas.engine.tests.markets import random_walk
from formulas.engine.tests.random_formulas import random_account_formula, random_formula

NAMES = ("first", "second", "third")
WALKS = {name: list(random_walk(seed, 90).rows()) for seed, name in enumerate(NAMES)}
FREE = {number: compile_formula(random_formula(400_000 + number)) for number in range(24)}
FREE[99] = compile_formula('if tf("5m", close) > sma(close, 4): buy()')
NEEDY = {100 + number: compile_formula(random_account_formula(number)) for number in range(2)}


@pytest.fixture(autouse=True, params=["on", "off"])
def _kernels(request, monkeypatch):
    """In machine code and in plain Python."""
    monkeypatch.setenv("SIGNALBOX_KERNELS", request.param)


class Alone:
    """Every program by itself on every instrument."""

    def __init__(self, programs):
        self.live = {(name, key): LiveProgram(program) for name in NAMES for key, program in programs.items()}

    def decisions(self, bars):
        found = {name: {} for name in bars}
        for (name, key), live in self.live.items():
            if name in bars and (decided := live.advance(bars[name])):
                found[name][key] = decided
        return {name: decided for name, decided in found.items() if decided}


@pytest.mark.parametrize("programs", [FREE, {**FREE, **NEEDY}], ids=["free", "with accounts"])
def test_each_instrument_decides_what_its_programs_decide_alone(programs):
    chance, coming = random.Random(1), {name: iter(rows) for name, rows in WALKS.items()}
    universe, alone = Universe(NAMES), Alone(programs)
    universe.join(programs)
    acted = 0
    for _ in range(70):
        # Now and then an instrument has no bar, and the others go on.
        some = chance.sample(NAMES, k=chance.choice((3, 3, 3, 2, 1)))
        bars = {name: next(coming[name]) for name in some}
        holding, expected = universe.advance(bars), alone.decisions(bars)
        assert universe.decisions() == expected
        assert holding or not expected
        acted += len(expected)
    assert acted > 70, "the programs of this test act"


def test_programs_join_and_leave_on_the_way():
    universe, kept = Universe(NAMES), {key: program for key, program in FREE.items() if key % 2}
    universe.join(kept)
    alone = Alone(kept)
    for index in range(60):
        bars = {name: rows[index] for name, rows in WALKS.items()}
        universe.advance(bars)
        assert universe.decisions() == alone.decisions(bars)
        if index == 20:
            universe.join({0: FREE[0]}, {name: rows[:21] for name, rows in WALKS.items()})
            alone.live |= {(name, 0): LiveProgram(FREE[0]) for name in NAMES}
            for name in NAMES:
                for bar in WALKS[name][:21]:
                    alone.live[name, 0].advance(bar)
        if index == 40:
            universe.leave([1, 3])
            alone.live = {place: live for place, live in alone.live.items() if place[1] not in (1, 3)}


def test_what_does_not_fit_changes_nothing_on_any_instrument():
    universe, alone = Universe(NAMES), Alone(FREE)
    universe.join(FREE)
    for index in range(30):
        bars = {name: rows[index] for name, rows in WALKS.items()}
        universe.advance(bars)
        alone.decisions(bars)
    fine = {name: rows[30] for name, rows in WALKS.items()}
    late, torn = WALKS["third"][29], WALKS["third"][30]._replace(high=0.5)
    odd = [WALKS["third"][30]._replace(**{name: value}) for name in Bar._fields[1:] for value in (math.nan, math.inf)]
    low, no_volume = WALKS["third"][30]._replace(low=-math.inf), WALKS["third"][30]._replace(volume=-1.0)
    for bad in [{**fine, "third": one} for one in (late, torn, *odd, low, no_volume)] + [
        {"first": fine["first"], "third": torn}
    ]:
        with pytest.raises(BarError, match="bar 30"):
            universe.advance(bad)
    with pytest.raises(KeyError):
        universe.advance({"nobody": fine["first"]})
    short = {name: rows[: 30 - (name == "third")] for name, rows in WALKS.items()}
    with pytest.raises(ValueError, match="bars"):
        universe.join({200: FREE[1]}, short)
    with pytest.raises(ValueError, match="in already"):
        universe.join({1: FREE[2]}, {name: rows[:30] for name, rows in WALKS.items()})
    universe.advance(fine)
    assert universe.decisions() == alone.decisions(fine)
