"""The nodes of a program, or of many merged into one, with their states: moved on by one closed bar at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bar, BarError, fault
from formulas.engine.broker import Broker
from formulas.engine.machine import Frame, Machine, Task
from formulas.engine.operations import OPERATIONS
from formulas.engine.program import Node, Program
from formulas.engine.steps.arithmetic import INF
from formulas.engine.timeframes import NOT_RELEASED, STATE_DOUBLES
from formulas.engine.vocabulary import ACCOUNT

Doubles = NDArray[np.float64]


class Stepper:
    """Nodes in topological order at work on one instrument, in plain Python.

    `bars` counts the bars taken, `last_time` is the start of the last one.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = tuple(nodes)
        self.bars = 0
        self.last_time: int | None = None
        self._machine = Machine(Program(self.nodes, (), (), (), (), (), (), 0, "", ""))
        self.values: Any = [0.0] * len(self.nodes)
        for target, value in self._machine.constants:
            self.values[target] = value
        self._watched: Any = []
        self._table = [_padded(task) for task in self._machine.tasks]

    def check(self, bar: Bar) -> None:
        """Raise BarError unless `bar` follows the last one and is consistent."""
        time, opening, high, low, close, volume = bar
        follows = self.last_time is None or time > self.last_time
        if follows and -INF < low <= opening <= high < INF and low <= close <= high and 0.0 <= volume < INF:
            return
        reason = fault(bar, self.last_time)
        if reason is not None:
            raise BarError(self.bars, reason)

    def advance(self, bar: Bar, broker: Broker | None = None) -> None:
        """Take a checked bar; `broker` is the account that account nodes read, which has seen the bar already."""
        self._evaluate(bar, broker)
        self.bars += 1
        self.last_time = int(bar.time)

    def warm(self, bars: Iterable[Bar]) -> None:
        """Take bars of whose values only the states are wanted. Raises BarError at the first bad one."""
        for bar in bars:
            self.check(bar)
            self.advance(bar)

    def read(self, nodes: Sequence[int]) -> list[float]:
        """What these nodes gave on the last bar; NaN for na."""
        return [self.values[node] for node in nodes]

    def watch(self, conditions: Sequence[int]) -> None:
        """Let `true_ones` look at these nodes."""
        self._watched = list(conditions)

    def true_ones(self) -> list[int]:
        """Which of the watched nodes hold, by their place in the sequence."""
        return [place for place, node in enumerate(self._watched) if self.values[node] == 1.0]

    def dump(self) -> Doubles:
        """All states in the order of their nodes, then the half-built bar of each higher timeframe."""
        return np.frombuffer(self._machine.dump(), dtype="<f8").copy()

    def load(self, state: Doubles) -> None:
        """Set all states from `dump`. Raises ValueError when the length does not fit."""
        self._machine.load(state.astype("<f8").tobytes())

    def take_over(self, other: Stepper, places: Mapping[int, int]) -> None:
        """Go on where `other` is: from its node to ours, the states of these nodes and all half-built bars."""
        own, theirs = self.dump(), other.dump()
        ours, others = _parts(self.nodes), _parts(other.nodes)
        for old, new in places.items():
            own[ours[new]] = theirs[others[old]]
        for period in ours.keys() & others.keys():
            # A period is below 0, which no place of a node is.
            if period < 0:
                own[ours[period]] = theirs[others[period]]
        self.load(own)
        self.bars, self.last_time = other.bars, other.last_time

    def _evaluate(self, bar: Bar, broker: Broker | None) -> None:
        self._read(bar, broker)
        for frame in self._machine.higher:
            self._evaluate_higher(frame, bar)
        values = self.values
        for arity, target, step, a, b, c, more in self._table:
            if arity == 1:
                values[target] = step(values[a])
            elif arity == 2:
                values[target] = step(values[a], values[b])
            elif arity == 3:
                values[target] = step(values[a], values[b], values[c])
            else:
                values[target] = step(*[values[i] for i in more])

    def _read(self, bar: Bar, broker: Broker | None) -> None:
        for target, name in self._machine.columns:
            if name == "bar_index":
                self.values[target] = float(self.bars)
            else:
                self.values[target] = float(getattr(broker if name in ACCOUNT else bar, name))

    def _evaluate_higher(self, frame: Frame, bar: Bar) -> None:
        values = self.values
        released = frame.aggregator.push(bar) if frame.aggregator else []
        if not released:
            for target in frame.targets():
                values[target] = NOT_RELEASED
        for higher in released:
            for target, name in frame.columns:
                values[target] = float(getattr(higher if name == "bar_index" else higher.bar, name))
            for target, step, inputs in frame.tasks:
                values[target] = step(*[values[i] for i in inputs])


def state_doubles(node: Node) -> int:
    """How many doubles a node keeps from bar to bar."""
    operation = OPERATIONS.get(node.op)
    return 0 if operation is None else operation.state(node.lengths)


def periods_of(nodes: Iterable[Node]) -> list[int]:
    """The higher timeframes of nodes, in seconds, in the order in which they come."""
    return list(dict.fromkeys(node.frame for node in nodes if node.frame))


def _parts(nodes: Sequence[Node]) -> dict[int, slice]:
    """Which part of a dump is whose: by the place of a node, or by the seconds of a timeframe below 0."""
    parts: dict[int, slice] = {}
    start = 0
    for place, node in enumerate(nodes):
        parts[place] = slice(start, start := start + state_doubles(node))
    for period in periods_of(nodes):
        parts[-period] = slice(start, start := start + STATE_DOUBLES)
    return parts


def _padded(task: Task) -> tuple[int, int, Callable[..., float], int, int, int, tuple[int, ...]]:
    """A task as one flat row: how many inputs, target, step, three places for the inputs, and all of them."""
    a, b, c = (*task.inputs, 0, 0)[:3]
    return len(task.inputs), task.target, task.step, a, b, c, task.inputs
