"""The driver for live bars: one closed bar at a time, with a state that can be saved and brought back."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bar, Bars
from formulas.engine.broker import BROKER_DOUBLES, Broker, Terms, opened
from formulas.engine.decisions import Decision, Judge, exit_of, with_exit
from formulas.engine.metrics import Curve
from formulas.engine.native import kernels_at_hand, kernels_for
from formulas.engine.program import Program
from formulas.engine.stepper import Stepper
from formulas.engine.tape import Tape
from formulas.engine.trades import Trades
from formulas.engine.vocabulary import PROTECTIONS

if TYPE_CHECKING:
    from formulas.engine.kernels.loading import Kernels

Floats = NDArray[np.float64]

HEADER = struct.Struct("<4sB32sqqq")
ACCOUNT_STATE = struct.Struct(f"<{BROKER_DOUBLES}d")
MAGIC = b"SBXS"
FORMAT = 1
DIGEST_BYTES = 32
NO_TIME = -(2**63)
BARS_AT_ONCE = 16_384


class SnapshotError(ValueError):
    """A snapshot is damaged, or belongs to another version of the formula."""


class LiveProgram:
    """A program at work on one instrument, from its first bar on.

    `broker` keeps the account of a program that needs it, or of any when `terms` are given; else it is None.
    """

    __slots__ = ("_judge", "_stepper", "_terms", "broker", "program")

    def __init__(self, program: Program, terms: Terms | None = None) -> None:
        self.program = program
        self._terms = terms or Terms()
        self.broker = Broker(self._terms) if terms is not None or program.needs_account else None
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
        ended = None if self.broker is None else self._look_inside(self.broker, index, bar)
        self._stepper.advance(bar, self.broker)
        if not any(values[guard] == 1.0 for guard in self._judge.guards):
            return with_exit(ended, [])
        orders = self._judge.judge(index, int(bar.time), float(bar.close), values)
        if self.broker is not None:
            self.broker.place(orders)
        return with_exit(ended, orders.decisions)

    def _look_inside(self, broker: Broker, index: int, bar: Bar) -> Decision | None:
        """Let the account go over the bar; how a stop or target ended its position there, if one did."""
        before = len(broker.trades)
        broker.advance(index, bar)
        ended = next((trade for trade in broker.trades[before:] if trade.ending in PROTECTIONS), None)
        return None if ended is None else exit_of(ended, int(bar.time), float(bar.close))

    def warm(self, bars: Bars) -> None:
        """Take the first bars, of whose decisions none is wanted: `values` are not those of the last one."""
        kernels = kernels_for(len(bars) * len(self.program.nodes))
        if kernels is None or self.bars or not len(bars):
            for bar in bars.rows():
                self.advance(bar)
            return
        self._run(kernels, bars)

    def follow(self, bars: Bars) -> Curve:
        """Take more bars, and give what the account came to over them; `values` are not those of the last one.

        The numbers of bars in its trades, of which the open one is the last, count from the very first bar. Raises
        BarError where they do not follow the last one, and ValueError where no account is kept.
        """
        if self.broker is None:
            raise ValueError("no account is kept")
        start, before = self.broker.equity, len(self.broker.trades)
        kernels = kernels_for(len(bars) * len(self.program.nodes)) or kernels_at_hand()
        if kernels is None or not len(bars):
            equity, held = self._step(self.broker, bars)
            trades = Trades.of(self.broker.all_trades()[before:])
        else:
            self._stepper.check(bars.row(0))
            tape = self._run(kernels, bars)
            equity, held, trades = tape.equity, tape.held, tape.trades()
        return Curve(start, bars.time, equity, held, trades)

    def _run(self, kernels: Kernels, bars: Bars) -> Tape:
        """Take bars in machine code."""
        first, terms = self.bars, None if self.broker is None else self._terms
        tape = Tape(self.program, bars, range(len(self.program.nodes)), terms=terms, first=first)
        if first:
            tape.resume(self._stepper.dump(), opened(self._terms) if self.broker is None else self.broker.dump())
        for start in range(first, first + len(bars), BARS_AT_ONCE):
            tape.advance(kernels, start, min(start + BARS_AT_ONCE, first + len(bars)))
        self._stepper.load(tape.state)
        self._stepper.bars, self._stepper.last_time = first + len(bars), int(bars.time[-1])
        self._judge.refused += tape.refused
        if self.broker is not None:
            self.broker.load(tape.account)
        return tape

    def _step(self, broker: Broker, bars: Bars) -> tuple[Floats, NDArray[np.bool_]]:
        """Take bars in plain Python; the equity and whether something was held at each close."""
        equity, held = np.empty(len(bars)), np.zeros(len(bars), dtype=np.bool_)
        for place, bar in enumerate(bars.rows()):
            self.advance(bar)
            equity[place], held[place] = broker.equity, broker.units != 0.0
        return equity, held

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
