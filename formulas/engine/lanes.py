"""Several instruments under the same programs, all moved on by one call of machine code."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from struct import Struct
from typing import NoReturn

import numpy as np

from formulas.engine.bars import COLUMNS, Bar
from formulas.engine.native_stepper import NativeStepper


class Lanes:
    """Steppers of the same nodes, whose states and values lie in common tables from now on.

    What a stepper itself knows of bars that all of them took is set by `settle`.
    """

    def __init__(self, steppers: Sequence[NativeStepper]) -> None:
        self._steppers = steppers
        first = steppers[0]
        state = np.empty(len(steppers) * first.state_size)
        self._values = np.empty((first.values.size, len(steppers)))
        for lane, stepper in enumerate(steppers):
            stepper.move(state, self._values, lane)
        self._run, self._watch, self._found = first.runner()
        numbers = np.empty(len(COLUMNS) * len(steppers))
        self._numbers, self._packed = numbers.data, Struct(f"{numbers.size}d")
        self._take = first.kernels.bound_take(numbers, self._values)
        self._bars: Sequence[Bar] = ()
        self._taken = self._holding = 0

    def advance(self, bars: Sequence[Bar]) -> int:
        """Take the next bar of each instrument, in their order; how many conditions hold.

        Raises BarError, with nothing changed, unless each follows its last one and is consistent.
        """
        self._packed.pack_into(self._numbers, 0, *chain.from_iterable(bars))
        if not self._take():
            self._refuse(bars)
        if self._steppers[0].has_frames:
            for stepper, bar in zip(self._steppers, bars, strict=True):
                stepper.release(bar)
        self._run(0, len(bars))
        self._bars, self._taken = bars, self._taken + 1
        self._holding = self._watch(0, len(bars))
        return self._holding

    def true_ones(self) -> list[list[int]]:
        """For each instrument which of the watched nodes hold, by their place among them."""
        found: list[list[int]] = [[] for _ in self._steppers]
        for number in self._found[: self._holding].tolist():
            place, lane = divmod(number, len(found))
            found[lane].append(place)
        return found

    def _refuse(self, bars: Sequence[Bar]) -> NoReturn:
        """Say which of the bars is not in order."""
        self.settle()
        for stepper, bar in zip(self._steppers, bars, strict=True):
            stepper.check(bar)
        raise AssertionError("each bar alone is in order")

    def settle(self) -> None:
        """Let each stepper know of the bars that were taken."""
        for stepper, bar in zip(self._steppers, self._bars, strict=False):
            stepper.bars += self._taken
            stepper.last_time = int(bar.time)
        self._bars, self._taken = (), 0
