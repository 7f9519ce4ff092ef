"""A program made ready to run: each node's step bound to a state of its own, in one order for all drivers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from formulas.engine.operations import OPERATIONS
from formulas.engine.program import Node, Program
from formulas.engine.timeframes import STATE_DOUBLES, Aggregator


class Task(NamedTuple):
    """One node to compute: where its result goes, how, and from which nodes."""

    target: int
    step: Callable[..., float]
    inputs: tuple[int, ...]


@dataclass(slots=True)
class Frame:
    """What runs over the bars of one timeframe; `aggregator` is None for the chart's own."""

    columns: list[tuple[int, str]] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    aggregator: Aggregator | None = None

    def targets(self) -> list[int]:
        """The nodes that are computed here."""
        return [target for target, _ in self.columns] + [task.target for task in self.tasks]


class Machine:
    """The tasks of a program and the states they change; `columns` and `constants` are the other nodes.

    `higher` are the timeframes above the chart's, to be run before its own tasks, which only hold their values.
    """

    __slots__ = ("columns", "constants", "higher", "states", "tasks")

    def __init__(self, program: Program) -> None:
        self.states: list[list[float]] = []
        self.constants: list[tuple[int, float]] = []
        frames: dict[int, Frame] = {0: Frame()}
        for target, node in enumerate(program.nodes):
            if node.op == "constant":
                self.constants.append((target, node.value))
                continue
            if node.frame not in frames:
                frames[node.frame] = Frame(aggregator=Aggregator(node.frame))
            self._add(frames[node.frame], target, node)
        own = frames.pop(0)
        self.columns, self.tasks = own.columns, own.tasks
        self.higher = list(frames.values())

    def _add(self, frame: Frame, target: int, node: Node) -> None:
        operation = OPERATIONS.get(node.op)
        if operation is None:
            frame.columns.append((target, node.op))
            return
        size = operation.state(node.lengths)
        step = operation.step if size == 0 else self._bound(operation.step, size, node.lengths)
        frame.tasks.append(Task(target, step, node.inputs))

    def _bound(self, step: Callable[..., float], size: int, lengths: tuple[int, ...]) -> Callable[..., float]:
        state = [0.0] * size
        self.states.append(state)
        return partial(step, state, *lengths)

    def dump(self) -> bytes:
        """All states, one after the other, as little-endian float64."""
        flat = [value for state in self.states for value in state]
        flat += [value for frame in self.higher if frame.aggregator for value in frame.aggregator.dump()]
        return struct.pack(f"<{len(flat)}d", *flat)

    def load(self, data: bytes) -> None:
        """Set all states from `dump`. Raises ValueError when the length does not fit."""
        doubles = sum(len(state) for state in self.states) + STATE_DOUBLES * len(self.higher)
        if len(data) != 8 * doubles:
            raise ValueError("the state does not fit this program")
        flat = struct.unpack(f"<{doubles}d", data)
        start = 0
        for state in self.states:
            state[:] = flat[start : start + len(state)]
            start += len(state)
        for frame in self.higher:
            if frame.aggregator:
                frame.aggregator.load(list(flat[start : start + STATE_DOUBLES]))
                start += STATE_DOUBLES
