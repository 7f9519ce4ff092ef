"""Compiles and loads the machine code, once in a process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formulas.engine.kernels import store
from formulas.engine.kernels.addresses import address, addresses
from formulas.engine.kernels.machine_code import NUMBER, ROWS, WHOLE, Library
from formulas.engine.steps.measures import MEASURES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Kernels:
    """The functions of drivers.py as machine code. Arrays are contiguous, float64 or int64, and kept by the caller."""

    _run: Any
    _run_rows: Any
    _run_lanes: Any
    _true_ones: Any
    _take_bars: Any
    _measure: Any
    _keep: Any
    _library: Library

    def bound_run(self, *arrays: NDArray[Any]) -> Callable[[int, int], int]:
        """drivers.run on these arrays, to be called with the first bar and the one after the last."""
        return partial(self._run, *map(address, arrays))

    def run_rows(self, rows: Ints, state: Floats, values: Floats, first: int, bars: int) -> None:
        """See drivers.run_rows; `values` is a table with a row for each column."""
        columns = addresses(values)
        self._run_rows(address(rows), len(rows), address(state), address(columns), first, bars)

    def bound_lanes(self, rows: Ints, state: Floats, values: Floats) -> Callable[[int, int], None]:
        """drivers.run_lanes, on a table of values by node and lane, from one lane up to another."""
        return partial(self._run_lanes, address(rows), len(rows), address(state), address(values), values.shape[1])

    def bound_watch(self, watched: Ints, values: Floats, found: Ints) -> Callable[[int, int], int]:
        """drivers.true_ones on the same, which fills `found`."""
        places = address(watched), len(watched), address(values), values.shape[1]
        return lambda first, stop: int(self._true_ones(*places, first, stop, address(found)))

    def bound_take(self, bars: Floats, values: Floats) -> Callable[[], int]:
        """drivers.take_bars on a row with the bar of each lane, and on a table of values by node and lane."""
        return partial(self._take_bars, address(bars), address(values), values.shape[1])

    def measure(
        self,
        equity: Floats,
        start: float,
        ends: Ints,
        market: tuple[Floats, float, float, int, float],
        trades: Floats,
        closed: int,
        returns: Floats,
    ) -> list[float]:
        """See steps.measures; `market` is a metrics.Holding, `returns` has two rows, for the account and for it."""
        found = np.empty(MEASURES)
        curve, rows = np.ascontiguousarray(equity), np.ascontiguousarray(trades)
        prices, units, cash, entry, begun = market
        worths = np.ascontiguousarray(prices)
        self._measure(
            *(address(curve), curve.size, start, address(ends), ends.size),
            *(address(worths), units, cash, entry, begun),
            *(address(rows), len(rows), closed, address(returns[0]), address(returns[1]), address(found)),
        )
        sums: list[float] = found.tolist()
        return sums

    def keep(self, prices: Sequence[Floats], account: list[float], log: list[float]) -> tuple[int, list[float]]:
        """See steps.holding: the bar of entry, and the account after it."""
        numbers, closed = np.array(account), np.array(log)
        columns = map(address, prices)
        entry = self._keep(*columns, prices[0].size, address(numbers), address(closed))
        return entry, numbers.tolist()


def load() -> Kernels:
    """The machine code that is kept, or else compiled now and kept."""
    code = store.load() or import_module("formulas.engine.kernels.compiling").compile_and_save()
    library = Library(code)
    run = library.function("run", WHOLE, ROWS, ROWS, ROWS, ROWS, ROWS, WHOLE, WHOLE)
    run_rows = library.function("run_rows", None, ROWS, WHOLE, ROWS, ROWS, WHOLE, WHOLE)
    lanes = library.function("run_lanes", None, ROWS, WHOLE, ROWS, ROWS, *[WHOLE] * 3)
    true_ones = library.function("true_ones", WHOLE, ROWS, WHOLE, ROWS, *[WHOLE] * 3, ROWS)
    of_market = ROWS, NUMBER, NUMBER, WHOLE, NUMBER
    of_trades = ROWS, WHOLE, WHOLE, ROWS, ROWS, ROWS
    measure = library.function("measure", None, ROWS, WHOLE, NUMBER, ROWS, WHOLE, *of_market, *of_trades)
    keep = library.function("keep", WHOLE, *[ROWS] * 4, WHOLE, ROWS, ROWS)
    take_bars = library.function("take_bars", WHOLE, ROWS, ROWS, WHOLE)
    return Kernels(run, run_rows, lanes, true_ones, take_bars, measure, keep, library)
