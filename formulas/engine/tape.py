"""A program over bars as the rows of numbers that the driver in machine code reads; see kernels.drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bars
from formulas.engine.broker import Terms, open_trade, opened
from formulas.engine.kernels import drivers
from formulas.engine.kernels.addresses import address, addresses
from formulas.engine.layout import layout_of
from formulas.engine.program import Program
from formulas.engine.steps.account import TRADE_DOUBLES
from formulas.engine.trades import Trades

if TYPE_CHECKING:
    from formulas.engine.kernels.loading import Kernels

Floats = NDArray[np.float64]

LOG_ROOM = 4096


class Tape:
    """A program at work on bars, from their first one on.

    `wanted` are the nodes whose values are asked for, `given` columns of nodes that are known over all bars already.
    With `terms` an account is kept: `equity` and whether something is `held` at each close, and its trades. A `late`
    account hears of every decision one bar later. Where the bars are not the first ones, `first` is the number of the
    first of them, and `resume` says how things stood before it.
    """

    def __init__(
        self,
        program: Program,
        bars: Bars,
        wanted: Iterable[int] = (),
        given: Mapping[int, Floats] | None = None,
        terms: Terms | None = None,
        late: bool = False,
        first: int = 0,
    ) -> None:
        given = given or {}
        self._wanted = tuple(wanted)
        self._layout = layout_of(program, self._wanted, frozenset(given), terms is not None)
        self.equity = np.empty(len(bars) if terms else 0)
        self.held = np.empty(len(bars) if terms else 0, dtype=np.bool_)
        self._account = _opened(terms or Terms()).copy()
        self._log = np.empty(2 + TRADE_DOUBLES * LOG_ROOM)
        self._log[0] = self._log[-1] = 0.0
        self._closed: list[Floats] = []
        self._state, self._values = self._layout.state(), self._layout.values()
        self._columns = addresses(self._values)
        # The tape holds addresses: what lies there lives as long as it does.
        self._bars = bars
        self._given = [_column(name, bars, given) for name in self._layout.sources]
        self._run: Callable[[int, int], int] | None = None
        self._tape = self._layout.numbers.copy()
        self._tape[: drivers.NEWS] = (
            program.warmup_bars,
            late,
            terms is not None,
            LOG_ROOM,
            _address(self.equity, first),
            _address(self.held, first),
            self._layout.memory,
        )
        sources = int(self._tape[drivers.SOURCES])
        for place, column in enumerate(self._given):
            self._tape[sources + drivers.PAIR_INTS * place] = 0 if column is None else _address(column, first)

    def resume(self, state: Floats, account: Sequence[float]) -> None:
        """Go on from `state` and `account` as another tape had them; for one on which all nodes are wanted."""
        self._state[: self._layout.memory] = state
        self._account[:] = account

    @property
    def refused(self) -> int:
        """How many actions were refused."""
        return int(self._log[-1])

    @property
    def state(self) -> Floats:
        """The states of all nodes and frames, in the order of Machine.dump, where all nodes are wanted."""
        return self._state[: self._layout.memory].copy()

    @property
    def account(self) -> tuple[float, ...]:
        """The state of the account, as Broker.dump gives it."""
        return tuple(self._account.tolist())

    def advance(self, kernels: Kernels, start: int, stop: int) -> dict[int, Floats]:
        """Go on from bar `start` up to `stop`, and give the values of the wanted nodes there."""
        found = {node: np.empty(stop - start) for node in self._wanted}
        first = int(self._tape[drivers.SINKS]) + 1
        for place, column in enumerate(found.values()):
            self._tape[first + drivers.PAIR_INTS * place] = _address(column, start)
        if self._run is None:
            self._run = kernels.bound_run(self._tape, self._state, self._columns, self._account, self._log)
        at = start
        while at < stop:
            at = self._run(at, stop)
            self._take_log()
        return found

    def trades(self) -> Trades:
        """The closed trades, then the open one."""
        is_open = open_trade(self._account.tolist())
        parts = self._closed if is_open is None else [*self._closed, Trades.of([is_open]).table]
        if len(parts) == 1:
            return Trades(parts[0])
        return Trades(np.concatenate(parts)) if parts else Trades.of([])

    def _take_log(self) -> None:
        count = int(self._log[0])
        if count:
            self._closed.append(self._log[1 : 1 + TRADE_DOUBLES * count].reshape(-1, TRADE_DOUBLES).copy())
            self._log[0] = 0.0


@lru_cache(maxsize=16)
def _opened(terms: Terms) -> Floats:
    return np.array(opened(terms))


def _address(column: NDArray[Any], first: int) -> int:
    """Where bar 0 would stand if the column, which begins with the bar `first`, began with it."""
    return address(column) - column.itemsize * first


def _column(name: int | str, bars: Bars, given: Mapping[int, Floats]) -> Floats | None:
    """The numbers of a column from outside; none for the numbers of bars."""
    if isinstance(name, int):
        return given[name]
    return None if name == "bar_index" else np.asarray(getattr(bars, name), dtype=np.float64)
