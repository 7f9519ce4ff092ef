"""A program made ready to run: each node's step bound to a state of its own, in one order for all drivers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from formulas.engine.operations import OPERATIONS
from formulas.engine.program import Program


class Task(NamedTuple):
    """One node to compute: where its result goes, how, and from which nodes."""

    target: int
    step: Callable[..., float]
    inputs: tuple[int, ...]


class Machine:
    """The tasks of a program and the states they change; `columns` and `constants` are the other nodes."""

    __slots__ = ("columns", "constants", "states", "tasks")

    def __init__(self, program: Program) -> None:
        self.states: list[list[float]] = []
        self.tasks: list[Task] = []
        self.columns: list[tuple[int, str]] = []
        self.constants: list[tuple[int, float]] = []
        for target, node in enumerate(program.nodes):
            operation = OPERATIONS.get(node.op)
            if node.op == "constant":
                self.constants.append((target, node.value))
            elif operation is None:
                self.columns.append((target, node.op))
            else:
                size = operation.state(node.lengths)
                step = operation.step if size == 0 else self._bound(operation.step, size, node.lengths)
                self.tasks.append(Task(target, step, node.inputs))

    def _bound(self, step: Callable[..., float], size: int, lengths: tuple[int, ...]) -> Callable[..., float]:
        state = [0.0] * size
        self.states.append(state)
        return partial(step, state, *lengths)

    def dump(self) -> bytes:
        """All states, one after the other, as little-endian float64."""
        flat = [value for state in self.states for value in state]
        return struct.pack(f"<{len(flat)}d", *flat)

    def load(self, data: bytes) -> None:
        """Set all states from `dump`. Raises ValueError when the length does not fit."""
        doubles = sum(len(state) for state in self.states)
        if len(data) != 8 * doubles:
            raise ValueError("the state does not fit this program")
        flat = struct.unpack(f"<{doubles}d", data)
        start = 0
        for state in self.states:
            state[:] = flat[start : start + len(state)]
            start += len(state)
