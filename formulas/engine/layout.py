"""Where a program's nodes, states and actions lie in the rows of numbers that machine code reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from formulas.engine.decisions import action_row, amount_of
from formulas.engine.kernels import drivers
from formulas.engine.operations import OPERATIONS
from formulas.engine.program import NO_NODE, Node, Program
from formulas.engine.steps.frames import FRAME_DOUBLES
from formulas.engine.steps.verdicts import AMOUNT, GUARD
from formulas.engine.timeframes import offset_of
from formulas.engine.vocabulary import ACCOUNT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = list[tuple[int, ...]]

CHART = ("time", "open", "high", "low", "close", "volume", "bar_index")
CODES = {name: code for code, name in enumerate(OPERATIONS)}
MOST_LENGTHS, MOST_INPUTS = 2, 6
MOST_KEPT = 64

_kept: dict[tuple[object, ...], Layout] = {}


def layout_of(program: Program, wanted: Sequence[int], given: Collection[int], has_account: bool) -> Layout:
    """The layout of a program; that of a program that ran lately, or of one like it, is still there."""
    key = (program.version_hash or _likeness(program, given), tuple(wanted), frozenset(given), has_account)
    layout = _kept.get(key)
    if layout is None:
        layout = Layout(program, wanted, given, has_account)
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = layout
    return layout


def _likeness(program: Program, given: Collection[int]) -> object:
    """Equal for programs that differ in nothing but how columns came about that are given."""
    # By the bits of a constant: 0 and -0 are equal, but not the same.
    nodes = [None if place in given else (*node, node.value.hex()) for place, node in enumerate(program.nodes)]
    return tuple(nodes), program.actions


class Layout:
    """Where each needed node of a program has its column, its state and its row."""

    def __init__(
        self, program: Program, wanted: Sequence[int], given: Collection[int] = (), has_account: bool = False
    ) -> None:
        self._program = program
        self._given = given
        self._has_account = has_account
        asked = [node for action in program.actions for node in (action.guard, amount_of(action))]
        self._needed = _needed(program.nodes, {*wanted, *(asked if has_account else ())} - {NO_NODE}, given)
        # Nodes that nobody calculates from are read as well: an output may be `position` itself.
        self.shows_account = has_account and any(program.nodes[place].op in ACCOUNT for place in self._needed)
        self._frames = list(dict.fromkeys(program.nodes[i].frame for i in self._needed if program.nodes[i].frame))
        self._stride = drivers.BLOCK * (2 if self._frames else 1)
        self._next = drivers.ACCOUNT_COLUMN + drivers.ACCOUNT_COLUMNS
        # The columns of a frame, then one for where its bars belong, and one for those just released.
        self._frame_columns = {frame: self._new(drivers.CHART_COLUMNS + 2) for frame in self._frames}
        self._ones = self._new()
        self._news = self._new(2)
        self._spread: dict[int, int] = {}
        self._columns: dict[int, int] = {}
        for place in self._needed:
            self._columns[place] = self._column(place, program.nodes[place])
        self._constants = [(self._columns[i], program.nodes[i].value) for i in self._needed if self._is_constant(i)]
        self._places, self._states = _state_places(program.nodes)
        self.memory = self._states + FRAME_DOUBLES * len(self._frames)
        self.sources = self._chart_columns() | {i: self._columns[i] for i in given if i in self._columns}
        self.numbers = self._tape([self._columns[node] for node in wanted])

    def state(self) -> Floats:
        """The state on the first bar: that of the nodes, of the frames, and what the last bar asked for."""
        return np.zeros(self.memory + 3 * len(self._program.actions) + 1)

    def values(self) -> Floats:
        """Room for all columns, those of constants filled."""
        values = np.empty((self._next, self._stride))
        values[self._ones] = 1.0
        for column, value in self._constants:
            values[column] = value
        return values

    def _tape(self, sinks: Sequence[int]) -> Ints:
        """The tape, with what differs between runs left at 0: the header's first part, and addresses."""
        numbers = [0] * drivers.HEADER_INTS
        numbers[drivers.NEWS] = self._news
        free, bound, by_frame = self._rows()
        parts: tuple[tuple[int, Rows], ...] = (
            (drivers.SOURCES, [(0, column) for column in self.sources.values()]),
            (drivers.FRAMES, self._lay_frames(numbers, by_frame)),
            (drivers.FREE, free),
            (drivers.BOUND, bound),
            (drivers.ACTIONS, self._actions()),
            (drivers.SINKS, [(column, 0) for column in sinks]),
        )
        for head, rows in parts:
            numbers[head], numbers[head + 1] = _append(numbers, rows), len(rows)
        return np.array(numbers, dtype=np.int64)

    def _chart_columns(self) -> dict[int | str, int]:
        """The chart's columns that are read, by name."""
        read = {self._columns[place] for place in self._needed}
        read |= set(range(drivers.VOLUME + 1)) if self._frames else set()
        read |= set(range(drivers.OPEN, drivers.PRICE + 1)) if self._has_account else set()
        return {name: column for column, name in enumerate(CHART) if column in read}

    def _is_constant(self, place: int) -> bool:
        return self._program.nodes[place].op == "constant" and place not in self._given

    def _new(self, count: int = 1) -> int:
        self._next += count
        return self._next - count

    def _column(self, place: int, node: Node) -> int:
        if place in self._given:
            return self._new()
        if node.op in CHART:
            return self._frame_columns.get(node.frame, 0) + CHART.index(node.op)
        if node.op in ACCOUNT:
            return drivers.ACCOUNT_COLUMN + ACCOUNT.index(node.op)
        if node.op == "tf":
            self._spread[place] = self._new()
        return self._new()

    def _rows(self) -> tuple[Rows, Rows, dict[int, Rows]]:
        """Rows of nodes that do not read the account, of those that do, and of each frame."""
        free: Rows = []
        bound: Rows = []
        by_frame: dict[int, Rows] = {frame: [] for frame in self._frames}
        reads_account: set[int] = set()
        for place in self._needed:
            node = self._program.nodes[place]
            if node.op in ACCOUNT or reads_account.intersection(node.inputs):
                reads_account.add(place)
            if node.op in CODES and place not in self._given:
                rows = by_frame[node.frame] if node.frame else bound if place in reads_account else free
                rows.append(self._row(place, node))
        return free, bound, by_frame

    def _row(self, place: int, node: Node) -> tuple[int, ...]:
        inputs = [self._spread[place]] if place in self._spread else [self._columns[i] for i in node.inputs]
        lengths = (*node.lengths, 0, 0)[:MOST_LENGTHS] if node.op != "tf" else (0, 0)
        padded = (*inputs, *[0] * (MOST_INPUTS - len(inputs)))
        return (CODES[node.op], self._places[place], *lengths, *padded, self._columns[place], 0)

    def _lay_frames(self, numbers: list[int], by_frame: dict[int, Rows]) -> Rows:
        frames: Rows = []
        for number, frame in enumerate(self._frames):
            nodes = {place: self._program.nodes[place] for place in self._spread}
            spreads: Rows = [
                (self._columns[node.inputs[0]], self._spread[place])
                for place, node in nodes.items()
                if node.lengths[0] == frame
            ]
            state = self._states + FRAME_DOUBLES * number
            rows = (_append(numbers, by_frame[frame]), len(by_frame[frame]))
            ends = (_append(numbers, spreads), len(spreads))
            frames.append((frame, offset_of(frame), state, self._frame_columns[frame], *rows, *ends))
        return frames

    def _actions(self) -> Rows:
        rows: Rows = []
        for action in self._program.actions:
            row = list(action_row(self._program, action))
            row[GUARD] = self._columns.get(action.guard, 0)
            row[AMOUNT] = self._columns.get(amount_of(action), self._ones)
            rows.append(tuple(row))
        return rows


def _append(numbers: list[int], rows: Rows) -> int:
    """Add rows to the tape; where they begin."""
    start = len(numbers)
    for row in rows:
        numbers.extend(row)
    return start


def _needed(nodes: tuple[Node, ...], roots: Collection[int], given: Collection[int]) -> list[int]:
    """The nodes that the roots rest on, in order, and no further than what is given."""
    needed = set(roots)
    for place in range(len(nodes) - 1, -1, -1):
        if place in needed and place not in given:
            needed.update(nodes[place].inputs)
    return sorted(needed)


def _state_places(nodes: tuple[Node, ...]) -> tuple[list[int], int]:
    """Where each node's state begins, in the order of Machine.dump, and how many doubles there are."""
    places, total = [], 0
    for node in nodes:
        places.append(total)
        total += OPERATIONS[node.op].state(node.lengths) if node.op in OPERATIONS else 0
    return places, total
