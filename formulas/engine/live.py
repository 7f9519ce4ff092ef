"""The driver for live bars: one closed bar at a time, with a state that can be saved and brought back."""

from __future__ import annotations

import hashlib
import struct

import numpy as np

from formulas.engine.bars import Bar
from formulas.engine.broker import BROKER_DOUBLES, Broker, Terms
from formulas.engine.decisions import Decision, Judge
from formulas.engine.program import Program
from formulas.engine.stepper import Stepper

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

    `broker` keeps the account of a program that reads it, or of any when `terms` are given; else it is None.
    """

    __slots__ = ("_judge", "_stepper", "broker", "program")

    def __init__(self, program: Program, terms: Terms | None = None) -> None:
        self.program = program
        self.broker = Broker(terms or Terms()) if terms is not None or program.reads_account else None
        self._stepper = Stepper(program.nodes)
        self._judge = Judge(program)

    @property
    def bars(self) -> int:
        """How many bars it has seen."""
        return self._stepper.bars

    @property
    def last_time(self) -> int | None:
        """When the last bar began, in epoch seconds."""
        return self._stepper.last_time

    @property
    def refused(self) -> int:
        """How many actions were refused because their size was na."""
        return self._judge.refused

    @property
    def values(self) -> tuple[float, ...]:
        """The value of every node at the last bar; NaN for na."""
        return tuple(self._stepper.values)

    def advance(self, bar: Bar) -> list[Decision]:
        """Take the next closed bar and give the decisions at its close.

        Raises BarError, with nothing changed, unless the bar follows the last one and is consistent.
        """
        self._stepper.check(bar)
        index, values = self._stepper.bars, self._stepper.values
        if self.broker is not None:
            self.broker.advance(index, bar)
        self._stepper.advance(bar, self.broker)
        if not any(values[guard] == 1.0 for guard in self._judge.guards):
            return []
        orders = self._judge.judge(index, int(bar.time), float(bar.close), values)
        if self.broker is not None:
            self.broker.place(orders)
        return orders.decisions

    def snapshot(self) -> bytes:
        """The whole state; its end is the SHA-256 of the rest."""
        time = NO_TIME if self.last_time is None else self.last_time
        version = bytes.fromhex(self.program.version_hash)
        header = HEADER.pack(MAGIC, FORMAT, version, self.bars, time, self.refused)
        account = b"" if self.broker is None else ACCOUNT_STATE.pack(*self.broker.dump())
        body = header + account + self._stepper.dump().astype("<f8").tobytes()
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
        self._stepper.bars = bars
        self._stepper.last_time = None if time == NO_TIME else time
        self._judge.refused = refused

    def _load(self, state: bytes) -> None:
        """The states of the machine and the account; the one that fails first leaves both as they were."""
        if self.broker is None:
            self._stepper.load(np.frombuffer(state, dtype="<f8"))
            return
        before = self._stepper.dump()
        self._stepper.load(np.frombuffer(state[ACCOUNT_STATE.size :], dtype="<f8"))
        try:
            self.broker.load(ACCOUNT_STATE.unpack_from(state))
        except ValueError:
            self._stepper.load(before)
            raise
