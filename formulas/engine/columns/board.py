"""The columns of programs over one set of bars; what several programs calculate alike is calculated once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial

import numpy as np

from formulas.engine.bars import Bar, Bars
from formulas.engine.columns.elementwise import ELEMENTWISE, NAN, Column
from formulas.engine.columns.recursive import RECURSIVE
from formulas.engine.columns.windowed import windowed
from formulas.engine.operations import OPERATIONS
from formulas.engine.program import Node, Program
from formulas.engine.timeframes import Aggregator

Key = tuple[str, tuple[int, ...], str, int, tuple[int, ...]]


class Board:
    """Columns by calculation. A program that was announced keeps its columns until it is dismissed."""

    def __init__(self, bars: Bars) -> None:
        self._bars = {0: bars}
        self._places: dict[int, list[int]] = {}
        self._numbers: dict[Key, int] = {}
        self._columns: dict[int, Column] = {}
        self._users: Counter[int] = Counter()

    def announce(self, program: Program) -> None:
        """Say that the program's columns will be asked for."""
        self._users.update(set(self._numbered(program)))

    def dismiss(self, program: Program) -> None:
        """Forget the columns that no other announced program needs."""
        for number in set(self._numbered(program)):
            self._users[number] -= 1
            if self._users[number] <= 0:
                self._columns.pop(number, None)

    def read(self, program: Program, wanted: Iterable[int]) -> dict[int, Column]:
        """The columns of the wanted nodes over all bars. The program must not read its account."""
        numbers = self._numbered(program)
        with np.errstate(all="ignore"):
            for place, node in enumerate(program.nodes):
                if numbers[place] not in self._columns:
                    inputs = [self._columns[numbers[i]] for i in node.inputs]
                    self._columns[numbers[place]] = self._column(node, inputs)
        return {node: self._columns[numbers[node]] for node in wanted}

    def _numbered(self, program: Program) -> list[int]:
        """For each node the number of its calculation."""
        numbers: list[int] = []
        frames = _frames(program)
        for node, frame in zip(program.nodes, frames, strict=True):
            inputs = tuple(numbers[i] for i in node.inputs)
            key = (node.op, node.lengths, node.value.hex(), frame, inputs)
            numbers.append(self._numbers.setdefault(key, len(self._numbers)))
        return numbers

    def _column(self, node: Node, inputs: list[Column]) -> Column:
        if node.op == "constant":
            return np.array([node.value])
        if node.op == "tf":
            return self._held(node.lengths[0], inputs[0])
        bars = self._bars_of(node.frame)
        if node.op == "bar_index":
            return np.arange(len(bars), dtype=np.float64)
        if node.op not in OPERATIONS:
            return np.asarray(getattr(bars, node.op), dtype=np.float64)
        return calculated(node, [np.broadcast_to(column, len(bars)) for column in inputs])

    def _bars_of(self, frame: int) -> Bars:
        if frame not in self._bars:
            aggregator = Aggregator(frame)
            pushed = [aggregator.push(bar) for bar in self._bars[0].rows()]
            self._places[frame] = [place for place, released in enumerate(pushed) for _ in released]
            rows: list[Bar] = [one.bar for released in pushed for one in released]
            self._bars[frame] = Bars.from_rows(rows)
        return self._bars[frame]

    def _held(self, frame: int, values: Column) -> Column:
        """The last value of a higher timeframe that was known to be complete at each bar of the chart."""
        count = len(self._bars_of(frame))
        released = np.concatenate(([NAN], np.broadcast_to(values, count)))
        latest = np.zeros(len(self._bars[0]), dtype=np.int64)
        latest[self._places[frame]] = np.arange(1, count + 1)
        return released[np.maximum.accumulate(latest)]


def calculated(node: Node, inputs: list[Column]) -> Column:
    """The column of an operation: at once where it has such a form, else step by step."""
    if node.op in ELEMENTWISE:
        return ELEMENTWISE[node.op](*node.lengths, *inputs)
    if node.op in RECURSIVE:
        values = RECURSIVE[node.op](node.lengths[0], inputs[0].tolist())
        if values is not None:
            return np.array(values, dtype=np.float64)
    column = windowed(node.op, node.lengths[0], inputs[0]) if len(node.lengths) == len(inputs) == 1 else None
    return _stepped(node, inputs) if column is None else column


def _stepped(node: Node, inputs: list[Column]) -> Column:
    operation = OPERATIONS[node.op]
    size = operation.state(node.lengths)
    step = partial(operation.step, [0.0] * size, *node.lengths) if size else operation.step
    return np.array(list(map(step, *(column.tolist() for column in inputs))), dtype=np.float64)


def _frames(program: Program) -> list[int]:
    """The timeframe that each node's key is told apart by; a constant is the same in all."""
    return [0 if node.op == "constant" else node.frame for node in program.nodes]
