"""The same formulas live on many instruments, one closed bar of each at a time."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from formulas.engine.bars import Bar
from formulas.engine.decisions import Decision
from formulas.engine.lanes import Lanes
from formulas.engine.merged import Merged
from formulas.engine.native_stepper import NativeStepper
from formulas.engine.program import Program

Name = TypeVar("Name", bound=Hashable)
Key = TypeVar("Key", bound=Hashable)


class Universe(Generic[Name, Key]):
    """Programs merged on each of several instruments, which are known by their names; see Merged.

    When every instrument has a bar, all of them take theirs in one call of machine code.
    """

    def __init__(self, names: Iterable[Name]) -> None:
        self._merged: dict[Name, Merged[Key]] = {name: Merged() for name in names}
        self._lanes: Lanes | None = None
        self._newest: dict[Name, Bar] = {}
        self._is_together = self._has_alone = False

    def join(self, programs: Mapping[Key, Program], bars: Mapping[Name, Iterable[Bar]] | None = None) -> None:
        """Let programs in on every instrument, warm from its `bars`.

        Raises what Merged.join raises; the programs are in on all instruments then, or on none.
        """
        self._part()
        joined: list[Merged[Key]] = []
        try:
            for name, merged in self._merged.items():
                merged.join(programs, (bars or {}).get(name, ()))
                joined.append(merged)
        except ValueError:
            for merged in joined:
                merged.leave(programs)
            raise
        finally:
            self._unite()

    def leave(self, keys: Collection[Key]) -> None:
        """Let programs go on every instrument. A key that is not in is no fault."""
        self._part()
        for merged in self._merged.values():
            merged.leave(keys)
        self._unite()

    def advance(self, bars: Mapping[Name, Bar]) -> int:
        """Take the next closed bar of each instrument that has one; how many distinct conditions hold at the closes.

        Raises BarError, with nothing changed, unless each bar follows the last one and is consistent, and KeyError for
        an instrument that is not one of ours.
        """
        if self._lanes is None or len(bars) < len(self._merged):
            return self._advance_some(bars)
        holding = self._lanes.advance([bars[name] for name in self._merged])
        self._newest, self._is_together = dict(bars), True
        if self._has_alone:
            holding += sum(merged.advance_alone(bars[name]) for name, merged in self._merged.items())
        return holding

    def decisions(self) -> dict[Name, dict[Key, list[Decision]]]:
        """The decisions at the close of the bars that came last, on each instrument on which something is decided."""
        if self._lanes is not None and self._is_together:
            self._lanes.settle()
            for name, true in zip(self._merged, self._lanes.true_ones(), strict=True):
                self._merged[name].note(self._newest[name], true)
        decided = {name: self._merged[name].decisions() for name in self._newest}
        return {name: found for name, found in decided.items() if found}

    def _advance_some(self, bars: Mapping[Name, Bar]) -> int:
        if self._lanes is not None:
            self._lanes.settle()
        for name, bar in bars.items():
            self._merged[name].stepper.check(bar)
        self._newest, self._is_together = dict(bars), False
        return sum(self._merged[name].advance(bar) for name, bar in bars.items())

    def _part(self) -> None:
        """Let each instrument be one by itself; what was decided last is forgotten."""
        if self._lanes is not None:
            self._lanes.settle()
        self._lanes, self._newest, self._is_together = None, {}, False

    def _unite(self) -> None:
        steppers = [merged.stepper for merged in self._merged.values()]
        native = [stepper for stepper in steppers if isinstance(stepper, NativeStepper)]
        self._has_alone = any(merged.has_alone for merged in self._merged.values())
        if native and len(native) == len(steppers):
            self._lanes = Lanes(native)
