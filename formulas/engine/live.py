"""The driver for live bars: one closed bar at a time, with a state that can be saved and brought back."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

from formulas.engine.bars import Bar, BarError, fault
from formulas.engine.broker import BROKER_DOUBLES, Broker, Terms
from formulas.engine.decisions import Decision, Judge
from formulas.engine.machine import Frame, Machine, Task
from formulas.engine.program import Program
from formulas.engine.timeframes import NOT_RELEASED
from formulas.engine.vocabulary import ACCOUNT

HEADER = struct.Struct("<4sB32sqqq")
ACCOUNT_STATE = struct.Struct(f"<{BROKER_DOUBLES}d")
MAGIC = b"SBXS"
FORMAT = 1
DIGEST_BYTES = 32
NO_TIME = -(2**63)


class SnapshotError(ValueError):
    """A snapshot is damaged, or belongs to another version of the formula."""


class LiveProgram:
    """A program at work on one instrument, from its first bar on.

    `bars` counts the bars it has seen, `last_time` is the start of the last one. `broker` keeps the account of a
    program that reads it, or of any when `terms` are given; else it is None.
    """

    __slots__ = ("_judge", "_machine", "_table", "_values", "bars", "broker", "last_time", "program")

    def __init__(self, program: Program, terms: Terms | None = None) -> None:
        self.program = program
        self.broker = Broker(terms or Terms()) if terms is not None or program.reads_account else None
        self.bars = 0
        self.last_time: int | None = None
        self._machine = Machine(program)
        self._judge = Judge(program)
        self._values = [0.0] * len(program.nodes)
        for target, value in self._machine.constants:
            self._values[target] = value
        self._table = [_padded(task) for task in self._machine.tasks]

    @property
    def refused(self) -> int:
        """How many actions were refused because their size was na."""
        return self._judge.refused

    @property
    def values(self) -> tuple[float, ...]:
        """The value of every node at the last bar; NaN for na."""
        return tuple(self._values)

    def advance(self, bar: Bar) -> list[Decision]:
        """Take the next closed bar and give the decisions at its close.

        Raises BarError, with nothing changed, unless the bar follows the last one and is consistent.
        """
        reason = fault(bar, self.last_time)
        if reason is not None:
            raise BarError(self.bars, reason)
        index = self.bars
        if self.broker is not None:
            self.broker.advance(index, bar)
        self._read(bar)
        for frame in self._machine.higher:
            self._evaluate_higher(frame, bar)
        self._evaluate()
        self.bars += 1
        self.last_time = int(bar.time)
        if not any(self._values[guard] == 1.0 for guard in self._judge.guards):
            return []
        orders = self._judge.judge(index, int(bar.time), float(bar.close), self._values)
        if self.broker is not None:
            self.broker.place(orders)
        return orders.decisions

    def snapshot(self) -> bytes:
        """The whole state; its end is the SHA-256 of the rest."""
        time = NO_TIME if self.last_time is None else self.last_time
        version = bytes.fromhex(self.program.version_hash)
        header = HEADER.pack(MAGIC, FORMAT, version, self.bars, time, self.refused)
        account = b"" if self.broker is None else ACCOUNT_STATE.pack(*self.broker.dump())
        body = header + account + self._machine.dump()
        return body + hashlib.sha256(body).digest()

    def restore(self, snapshot: bytes) -> None:
        """Go on from a snapshot of the same version. Raises SnapshotError with nothing changed."""
        body, digest = snapshot[:-DIGEST_BYTES], snapshot[-DIGEST_BYTES:]
        if len(body) < HEADER.size or hashlib.sha256(body).digest() != digest:
            raise SnapshotError("the snapshot is damaged")
        magic, layout, version, bars, time, refused = HEADER.unpack_from(body)
        if magic != MAGIC or layout != FORMAT:
            raise SnapshotError("the snapshot has another format")
        if version.hex() != self.program.version_hash:
            raise SnapshotError("the snapshot belongs to another version of the formula")
        try:
            self._load(body[HEADER.size :])
        except (ValueError, struct.error) as error:
            raise SnapshotError(str(error)) from error
        self.bars = bars
        self.last_time = None if time == NO_TIME else time
        self._judge.refused = refused

    def _load(self, state: bytes) -> None:
        """The states of the machine and the account; the one that fails first leaves both as they were."""
        if self.broker is None:
            self._machine.load(state)
            return
        before = self._machine.dump()
        self._machine.load(state[ACCOUNT_STATE.size :])
        try:
            self.broker.load(ACCOUNT_STATE.unpack_from(state))
        except ValueError:
            self._machine.load(before)
            raise

    def _read(self, bar: Bar) -> None:
        for target, name in self._machine.columns:
            if name == "bar_index":
                self._values[target] = float(self.bars)
            else:
                self._values[target] = float(getattr(self.broker if name in ACCOUNT else bar, name))

    def _evaluate_higher(self, frame: Frame, bar: Bar) -> None:
        values = self._values
        released = frame.aggregator.push(bar) if frame.aggregator else []
        if not released:
            for target in frame.targets():
                values[target] = NOT_RELEASED
        for higher in released:
            for target, name in frame.columns:
                values[target] = float(getattr(higher if name == "bar_index" else higher.bar, name))
            for target, step, inputs in frame.tasks:
                values[target] = step(*[values[i] for i in inputs])

    def _evaluate(self) -> None:
        values = self._values
        for arity, target, step, a, b, c, more in self._table:
            if arity == 1:
                values[target] = step(values[a])
            elif arity == 2:
                values[target] = step(values[a], values[b])
            elif arity == 3:
                values[target] = step(values[a], values[b], values[c])
            else:
                values[target] = step(*[values[i] for i in more])


def _padded(task: Task) -> tuple[int, int, Callable[..., float], int, int, int, tuple[int, ...]]:
    """A task as one flat row: how many inputs, target, step, three places for the inputs, and all of them."""
    a, b, c = (*task.inputs, 0, 0)[:3]
    return len(task.inputs), task.target, task.step, a, b, c, task.inputs
