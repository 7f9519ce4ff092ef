"""The same as `stepper`, in machine code: all nodes of a bar in one call."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bar, Bars
from formulas.engine.broker import Broker
from formulas.engine.operations import OPERATIONS
from formulas.engine.program import Node
from formulas.engine.stepper import Doubles, Stepper, periods_of, state_doubles
from formulas.engine.timeframes import NOT_RELEASED, STATE_DOUBLES, Aggregator

if TYPE_CHECKING:
    from formulas.engine.kernels.loading import Kernels

COLUMNS = ("time", "open", "high", "low", "close", "volume", "bar_index")
# Operation, place of the state, two lengths, places of six inputs, place of the result, nothing.
MOST_LENGTHS, MOST_INPUTS, OUTPUT, ROW_INTS = 2, 6, 10, 12
COLUMNS_OF_BAR = struct.Struct(f"{len(COLUMNS)}d")
CODES = {name: code for code, name in enumerate(OPERATIONS)}
WARM_DOUBLES = 1_000_000  # values of a block of bars, 8 MB

Rows = NDArray[np.int64]


class NativeStepper(Stepper):
    """Nodes at work on one instrument, none of which reads an account.

    `values` begins with the columns of the bar, then come those of each higher timeframe, then all other nodes.
    """

    def __init__(self, nodes: Sequence[Node], kernels: Kernels) -> None:
        self.nodes = tuple(nodes)
        self.bars = 0
        self.last_time = None
        self._kernels = kernels
        self._frames = {period: Aggregator(period) for period in periods_of(nodes)}
        self._starts = {period: len(COLUMNS) * place for place, period in enumerate([0, *self._frames])}
        self._places = self._placed()
        self._rows = {period: self._rows_of(period) for period in self._starts}
        self._state = np.zeros(sum(map(state_doubles, nodes)))
        self.values = np.zeros(len(COLUMNS) * len(self._starts) + len(nodes))
        for node, place in zip(self.nodes, self._places.tolist(), strict=True):
            if node.op == "constant":
                self.values[place] = node.value
        self._run = {period: kernels.bound_rows(rows, self._state, self.values) for period, rows in self._rows.items()}
        self._watched = np.zeros(0, dtype=np.intp)

    def warm(self, bars: Iterable[Bar]) -> None:
        """Take bars of whose values only the states are wanted. Raises BarError at the first bad one."""
        if self._frames:
            super().warm(bars)
            return
        block = max(1, min(1024, WARM_DOUBLES // self.values.size))
        table = np.repeat(self.values[:, None], block, axis=1)
        coming = iter(bars)
        while taken := list(islice(coming, block)):
            self._warm_block(taken, table)

    def read(self, nodes: Sequence[int]) -> list[float]:
        """What these nodes gave on the last bar; NaN for na."""
        found: list[float] = self.values[self._places[list(nodes)]].tolist()
        return found

    def watch(self, conditions: Sequence[int]) -> None:
        """Let `true_ones` look at these nodes."""
        self._watched = self._places[list(conditions)]

    def true_ones(self) -> list[int]:
        """Which of the watched nodes hold, by their place in the sequence."""
        found: list[int] = (self.values[self._watched] == 1.0).nonzero()[0].tolist()
        return found

    def dump(self) -> Doubles:
        """All states in the order of their nodes, then the half-built bar of each higher timeframe."""
        return np.concatenate([self._state, *(frame.dump() for frame in self._frames.values())])

    def load(self, state: Doubles) -> None:
        """Set all states from `dump`. Raises ValueError when the length does not fit."""
        own, *frames = np.split(state, self._state.size + np.arange(len(self._frames)) * STATE_DOUBLES)
        self._state[:] = own
        for frame, kept in zip(self._frames.values(), frames, strict=True):
            frame.load(kept.tolist())

    def _evaluate(self, bar: Bar, broker: Broker | None) -> None:
        for period, frame in self._frames.items():
            self._evaluate_frame(period, frame, bar)
        COLUMNS_OF_BAR.pack_into(self.values, 0, *bar, self.bars)
        self._run[0]()

    def _evaluate_frame(self, period: int, frame: Aggregator, bar: Bar) -> None:
        rows, start = self._rows[period], self._starts[period]
        released = frame.push(bar)
        if not released:
            self.values[start : start + len(COLUMNS)] = NOT_RELEASED
            self.values[rows[:, OUTPUT]] = NOT_RELEASED
        for higher in released:
            self.values[start : start + len(COLUMNS)] = (*higher.bar, higher.bar_index)
            self._run[period]()

    def _warm_block(self, bars: Sequence[Bar], table: Doubles) -> None:
        self.check(bars[0])
        columns = Bars.from_rows(bars)
        for place, name in enumerate(COLUMNS[:-1]):
            table[place, : len(bars)] = getattr(columns, name)
        table[len(COLUMNS) - 1, : len(bars)] = np.arange(self.bars, self.bars + len(bars))
        self._kernels.run_rows(self._rows[0], self._state, table.reshape(-1), table.shape[1], 0, len(bars))
        self.bars += len(bars)
        self.last_time = int(bars[-1].time)

    def _placed(self) -> NDArray[np.intp]:
        """Where the value of each node stands."""
        first = len(COLUMNS) * len(self._starts)
        return np.array(
            [
                self._starts[node.frame] + COLUMNS.index(node.op) if node.op in COLUMNS else first + number
                for number, node in enumerate(self.nodes)
            ],
            dtype=np.intp,
        )

    def _rows_of(self, period: int) -> Rows:
        """The nodes of a timeframe as the kernel reads them: those of equal depth and operation side by side."""
        places, depths = self._places.tolist(), _depths(self.nodes)
        rows: list[tuple[int, ...]] = []
        order: list[tuple[int, int]] = []
        state = 0
        for number, node in enumerate(self.nodes):
            if node.op in CODES and node.frame == period:
                lengths = _filled(node.lengths, MOST_LENGTHS)
                inputs = _filled([places[i] for i in node.inputs], MOST_INPUTS)
                rows.append((CODES[node.op], state, *lengths, *inputs, places[number], 0))
                order.append((depths[number], CODES[node.op]))
            state += state_doubles(node)
        ranked = sorted(range(len(rows)), key=order.__getitem__)
        return np.array([rows[i] for i in ranked], dtype=np.int64).reshape(-1, ROW_INTS)


def _filled(numbers: Sequence[int], count: int) -> tuple[int, ...]:
    return (*numbers, *(0,) * (count - len(numbers)))


def _depths(nodes: Sequence[Node]) -> list[int]:
    """How many operations lie between each node and the bar."""
    depths: list[int] = []
    for node in nodes:
        depths.append(1 + max((depths[i] for i in node.inputs), default=-1))
    return depths
