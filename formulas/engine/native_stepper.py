"""The same as `stepper`, in machine code: all nodes of a bar in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bar, Bars
from formulas.engine.broker import Broker
from formulas.engine.operations import OPERATIONS
from formulas.engine.program import Node, Program
from formulas.engine.stepper import Doubles, Stepper, periods_of, state_doubles
from formulas.engine.steps.arithmetic import INF
from formulas.engine.tape import Tape
from formulas.engine.timeframes import NOT_RELEASED, STATE_DOUBLES, Aggregator

if TYPE_CHECKING:
    from formulas.engine.kernels.loading import Kernels

COLUMNS = ("time", "open", "high", "low", "close", "volume", "bar_index")
# Operation, place of the state, two lengths, places of six inputs, place of the result, size of the state.
MOST_LENGTHS, MOST_INPUTS, OUTPUT, ROW_INTS = 2, 6, 10, 12
TIME, BAR_INDEX = 0, 6
CODES = {name: code for code, name in enumerate(OPERATIONS)}
WARM_DOUBLES = 1_000_000  # values of a block of bars, 8 MB

Ints = NDArray[np.int64]


class NativeStepper(Stepper):
    """Nodes at work on one instrument, none of which reads an account.

    `values` begins with the columns of the bar, then come those of each higher timeframe, then all other nodes;
    `places` says where the value of each node stands.
    """

    def __init__(self, nodes: Sequence[Node], kernels: Kernels) -> None:
        self.nodes = tuple(nodes)
        self.bars = 0
        self.last_time = None
        self.kernels = kernels
        self._frames = {period: Aggregator(period) for period in periods_of(nodes)}
        self._starts = {period: len(COLUMNS) * place for place, period in enumerate([0, *self._frames])}
        self.places = self._placed()
        self._rows = {period: self._rows_of(period) for period in self._starts}
        self._watched = np.zeros(0, dtype=np.intp)
        self._sizes = np.array([state_doubles(node) for node in nodes], dtype=np.int64)
        state = np.zeros(self._sizes.sum())
        values = np.zeros((len(COLUMNS) * len(self._starts) + len(nodes), 1))
        for node, place in zip(self.nodes, self.places.tolist(), strict=True):
            if node.op == "constant":
                values[place] = node.value
        self._lie(state, values, 0)

    def move(self, state: Doubles, values: Doubles, lane: int) -> None:
        """Go on as one lane of tables that other steppers of the same nodes are in too; see kernels.drivers."""
        own = self._state
        values[:, lane] = self.values
        values[TIME, lane] = -INF if self.last_time is None else self.last_time
        values[BAR_INDEX, lane] = self.bars - 1
        self._lie(state, values, lane)
        self._state = own

    def runner(self) -> tuple[Callable[[int, int], None], Callable[[int, int], int], Ints]:
        """What moves lanes on and what finds the conditions that hold there, and where it writes them down."""
        return self._run[0], self._watch, self._found

    @property
    def has_frames(self) -> bool:
        """Whether any node runs over the bars of a higher timeframe."""
        return bool(self._frames)

    @property
    def state_size(self) -> int:
        """How many numbers the nodes keep."""
        return int(self._sizes.sum())

    @property
    def _state(self) -> Doubles:
        """The states of the nodes, one after the other."""
        found: Doubles = self._state_table[self._state_places]
        return found

    @_state.setter
    def _state(self, numbers: Doubles) -> None:
        self._state_table[self._state_places] = numbers

    def warm(self, bars: Iterable[Bar]) -> None:
        """Take bars of whose values only the states are wanted. Raises BarError at the first bad one."""
        if self._frames and not self.bars:
            self._begin(Bars.gathered(bars))
            return
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
        found: list[float] = self.values[self.places[list(nodes)]].tolist()
        return found

    def watch(self, conditions: Sequence[int]) -> None:
        """Let `true_ones` look at these nodes."""
        self._watched = self.places[list(conditions)]
        self._lie(self._state_table, self._value_table, self._lane)

    def true_ones(self) -> list[int]:
        """Which of the watched nodes hold, by their place in the sequence."""
        count = self._watch(self._lane, self._lane + 1)
        found: list[int] = (self._found[:count] // self._value_table.shape[1]).tolist()
        return found

    def dump(self) -> Doubles:
        """All states in the order of their nodes, then the half-built bar of each higher timeframe."""
        return np.concatenate([self._state, *(frame.dump() for frame in self._frames.values())])

    def load(self, state: Doubles) -> None:
        """Set all states from `dump`. Raises ValueError when the length does not fit."""
        own, *frames = np.split(state, self._state_places.size + np.arange(len(self._frames)) * STATE_DOUBLES)
        self._state = own
        for frame, kept in zip(self._frames.values(), frames, strict=True):
            frame.load(kept.tolist())

    def _evaluate(self, bar: Bar, broker: Broker | None) -> None:
        self.release(bar)
        self.values[: len(COLUMNS)] = (*bar, self.bars)
        self._run[0](self._lane, self._lane + 1)

    def release(self, bar: Bar) -> None:
        """Move the higher timeframes on by a bar of the chart."""
        for period, frame in self._frames.items():
            self._evaluate_frame(period, frame, bar)

    def _lie(self, state: Doubles, values: Doubles, lane: int) -> None:
        """Have states and values in one lane of tables."""
        self._state_table, self._value_table, self._lane = state, values, lane
        self.values = values[:, lane]
        sizes, lanes = np.repeat(self._sizes, self._sizes), values.shape[1]
        first = np.repeat(self._sizes.cumsum() - self._sizes, self._sizes)
        self._state_places = np.arange(sizes.size) + first * (lanes - 1) + sizes * lane
        self._run = {period: self.kernels.bound_lanes(rows, state, values) for period, rows in self._rows.items()}
        self._found = np.empty(self._watched.size * values.shape[1], dtype=np.int64)
        self._watch = self.kernels.bound_watch(self._watched, values, self._found)

    def _evaluate_frame(self, period: int, frame: Aggregator, bar: Bar) -> None:
        rows, start = self._rows[period], self._starts[period]
        released = frame.push(bar)
        if not released:
            self.values[start : start + len(COLUMNS)] = NOT_RELEASED
            self.values[rows[:, OUTPUT]] = NOT_RELEASED
        for higher in released:
            self.values[start : start + len(COLUMNS)] = (*higher.bar, higher.bar_index)
            self._run[period](self._lane, self._lane + 1)

    def _begin(self, bars: Bars) -> None:
        """Take the first bars as the driver over history does."""
        program = Program(self.nodes, (), (), (), (), (), (), 0, "", "")
        tape = Tape(program, bars, range(len(self.nodes)))
        block = max(1, WARM_DOUBLES // len(self.nodes))
        for start in range(0, len(bars), block):
            tape.advance(self.kernels, start, min(start + block, len(bars)))
        self.load(tape.state)
        self.bars, self.last_time = len(bars), int(bars.time[-1]) if len(bars) else None

    def _warm_block(self, bars: Sequence[Bar], table: Doubles) -> None:
        self.check(bars[0])
        columns = Bars.from_rows(bars)
        for place, name in enumerate(COLUMNS[:-1]):
            table[place, : len(bars)] = getattr(columns, name)
        table[len(COLUMNS) - 1, : len(bars)] = np.arange(self.bars, self.bars + len(bars))
        state = self._state
        self.kernels.run_rows(self._rows[0], state, table, 0, len(bars))
        self._state = state
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

    def _rows_of(self, period: int) -> Ints:
        """The nodes of a timeframe as the kernel reads them: those of equal depth and operation side by side."""
        places, depths = self.places.tolist(), _depths(self.nodes)
        rows: list[tuple[int, ...]] = []
        order: list[tuple[int, int]] = []
        state = 0
        for number, node in enumerate(self.nodes):
            if node.op in CODES and node.frame == period:
                lengths = _filled(node.lengths, MOST_LENGTHS)
                inputs = _filled([places[i] for i in node.inputs], MOST_INPUTS)
                rows.append((CODES[node.op], state, *lengths, *inputs, places[number], state_doubles(node)))
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
