"""Compiles and loads the machine code, once in a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formulas.engine.kernels import store
from formulas.engine.kernels.machine_code import NUMBER, ROWS, WHOLE, Library

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Kernels:
    """The functions of drivers.py as machine code. Arrays are contiguous, float64 or int64, and kept by the caller."""

    _run: Any
    _run_rows: Any
    _deepest: Any
    _library: Library

    def run(
        self, tape: Ints, state: Floats, values: Floats, account: Floats, log: Floats, start: int, stop: int
    ) -> int:
        """See drivers.run."""
        arrays = (_address(array) for array in (tape, state, values, account, log))
        at: int = self._run(*arrays, start, stop)
        return at

    def run_rows(
        self, rows: Ints, state: Floats, values: Floats, stride: int = 1, first: int = 0, bars: int = 1
    ) -> None:
        """See drivers.run_rows."""
        self._run_rows(_address(rows), len(rows), _address(state), _address(values), stride, first, bars)

    def bound_rows(self, rows: Ints, state: Floats, values: Floats) -> Callable[[], None]:
        """`run_rows` for one bar, to be called again and again; the caller keeps the arrays."""
        return partial(self._run_rows, _address(rows), len(rows), _address(state), _address(values), 1, 0, 1)

    def deepest(self, equity: Floats, start: float) -> tuple[float, float]:
        """See steps.falls."""
        found = np.empty(2)
        self._deepest(_address(np.ascontiguousarray(equity)), len(equity), start, _address(found))
        return float(found[0]), float(found[1])


def _address(array: NDArray[Any]) -> int:
    data: int = array.__array_interface__["data"][0]
    return data


def load() -> Kernels:
    """The machine code that is kept, or else compiled now and kept."""
    code = store.load() or import_module("formulas.engine.kernels.compiling").compile_and_save()
    library = Library(code)
    run = library.function("run", WHOLE, ROWS, ROWS, ROWS, ROWS, ROWS, WHOLE, WHOLE)
    run_rows = library.function("run_rows", None, ROWS, WHOLE, ROWS, ROWS, WHOLE, WHOLE, WHOLE)
    deepest = library.function("deepest", None, ROWS, WHOLE, NUMBER, ROWS)
    return Kernels(run, run_rows, deepest, library)
