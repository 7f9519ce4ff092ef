"""The rows of numbers that a program at work reads and writes: laid out once, and used again by the next one alike."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from formulas.engine.kernels import drivers
from formulas.engine.kernels.addresses import addresses
from formulas.engine.layout import Layout
from formulas.engine.steps.account import ACCOUNT_DOUBLES, TRADE_DOUBLES

if TYPE_CHECKING:
    from formulas.engine.kernels.loading import Kernels

LOG_ROOM = 4096
MOST_SPARE = 4

Floats = NDArray[np.float64]

_lock = threading.Lock()
_spare: list[Workbench] = []


class Workbench:
    """What one program of a layout works with, one at a time."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.state, self.values = layout.state(), layout.values()
        self.columns = addresses(self.values)
        self.account = np.empty(ACCOUNT_DOUBLES)
        self.log = np.empty(2 + TRADE_DOUBLES * LOG_ROOM)
        self.tape = layout.numbers.copy()
        self._sources, self._sinks = (
            slice(place + shift, place + shift + drivers.PAIR_INTS * int(self.tape[part + 1]), drivers.PAIR_INTS)
            for part, shift in ((drivers.SOURCES, 0), (drivers.SINKS, 1))
            for place in (int(self.tape[part]),)
        )
        self._run: Callable[[int, int], int] | None = None

    def begin(self, header: Sequence[int], account: Floats, sources: Sequence[int]) -> None:
        """Lay everything out for the first bar; `sources` are the addresses of the columns that come from outside."""
        self.state.fill(0.0)
        self.account[:] = account
        self.log[0] = self.log[-1] = 0.0
        self.tape[: drivers.NEWS] = header
        self.tape[self._sources] = sources

    def run(self, kernels: Kernels, sinks: Sequence[int], start: int, stop: int) -> int:
        """Go on from one bar up to another, see drivers.run; `sinks` are where the first numbers would be written."""
        self.tape[self._sinks] = sinks
        if self._run is None:
            self._run = kernels.bound_run(self.tape, self.state, self.columns, self.account, self.log)
        return self._run(start, stop)

    def take_trades(self) -> Floats:
        """The trades that were closed since this was asked last, a row for each."""
        count = int(self.log[0])
        self.log[0] = 0.0
        return self.log[1 : 1 + TRADE_DOUBLES * count].reshape(-1, TRADE_DOUBLES).copy()


def taken(layout: Layout) -> Workbench:
    """A workbench of this layout, which the caller alone has."""
    with _lock:
        for place, bench in enumerate(_spare):
            if bench.layout is layout:
                return _spare.pop(place)
    return Workbench(layout)


def given_back(bench: Workbench) -> None:
    """Let the next program have it."""
    with _lock:
        _spare.append(bench)
        del _spare[:-MOST_SPARE]
