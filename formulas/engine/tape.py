"""A program over bars as the rows of numbers that the driver in machine code reads; see kernels.drivers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bars
from formulas.engine.broker import Terms, open_trade, opened
from formulas.engine.kernels import drivers
from formulas.engine.kernels.addresses import address
from formulas.engine.layout import layout_of
from formulas.engine.program import Program
from formulas.engine.trades import NO_TRADES, Trades, row_of
from formulas.engine.workbench import LOG_ROOM, given_back, taken

if TYPE_CHECKING:
    from formulas.engine.kernels.loading import Kernels

Floats = NDArray[np.float64]


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
        self._bench = taken(self._layout)
        self.equity = np.empty(len(bars) if terms else 0)
        self.held = np.empty(len(bars) if terms else 0, dtype=np.bool_)
        self._closed: list[Floats] = []
        # The workbench holds addresses: what lies there lives as long as this does.
        self._bars = bars
        self._given = [_column(name, bars, given) for name in self._layout.sources]
        at_first = _address(self.equity, first), _address(self.held, first)
        has_account = terms is not None and (drivers.SHOWN if self._layout.shows_account else drivers.KEPT)
        header = program.warmup_bars, late, has_account, LOG_ROOM, *at_first, self._layout.memory
        sources = [0 if column is None else _address(column, first) for column in self._given]
        self._bench.begin(header, _opened(terms or Terms()), sources)

    def resume(self, state: Floats, account: Sequence[float]) -> None:
        """Go on from `state` and `account` as another tape had them; for one on which all nodes are wanted."""
        self._bench.state[: self._layout.memory] = state
        self._bench.account[:] = account

    @property
    def refused(self) -> int:
        """How many actions were refused."""
        return int(self._bench.log[-1])

    @property
    def state(self) -> Floats:
        """The states of all nodes and frames, in the order of Machine.dump, where all nodes are wanted."""
        return self._bench.state[: self._layout.memory].copy()

    @property
    def account(self) -> tuple[float, ...]:
        """The state of the account, as Broker.dump gives it."""
        return tuple(self._bench.account.tolist())

    def advance(self, kernels: Kernels, start: int, stop: int) -> dict[int, Floats]:
        """Go on from bar `start` up to `stop`, and give the values of the wanted nodes there."""
        found = {node: np.empty(stop - start) for node in self._wanted}
        sinks = [_address(column, start) for column in found.values()]
        at = start
        while at < stop:
            at = self._bench.run(kernels, sinks, at, stop)
            trades = self._bench.take_trades()
            if len(trades):
                self._closed.append(trades)
        return found

    def end(self) -> None:
        """Nothing more is wanted: what it worked with is free for the next one."""
        given_back(self._bench)

    def trades(self) -> Trades:
        """The closed trades, then the open one."""
        is_open = open_trade(self._bench.account.tolist())
        if is_open is None and len(self._closed) == 1:
            return Trades(self._closed[0])
        return Trades(np.concatenate([NO_TRADES, *self._closed, *([] if is_open is None else [[row_of(is_open)]])]))


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
