"""Trades as a table, and each as it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from formulas.engine.steps.account import TRADE_DOUBLES

Ending = Literal["signal", "stop_loss", "take_profit", "trail", "ruin"]
ENDINGS: tuple[Ending | None, ...] = (None, "signal", "stop_loss", "take_profit", "trail", "ruin")
NAN = float("nan")
NO_TRADES = np.empty((0, TRADE_DOUBLES))


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from entry to exit; `exit_bar` and `exit_price` are None while it is open.

    `size` is in units, below 0 for a short position. `pnl` is net of `fees`; while it is open, marked at the
    last close and net of the fee of entry.
    """

    entry_bar: int
    exit_bar: int | None
    entry_price: float
    exit_price: float | None
    size: float
    pnl: float
    fees: float
    ending: Ending | None = None


class Trades(Sequence[Trade]):
    """Trades in the order of their ends; `table` has a row for each, with the columns of `Trade`, NaN for None.

    A Trade is made when it is looked at: there may be as many as bars.
    """

    __slots__ = ("table",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, table: NDArray[np.float64]) -> None:
        self.table = table

    @classmethod
    def of(cls, trades: Iterable[Trade]) -> Trades:
        """The same trades as a table."""
        if isinstance(trades, Trades):
            return trades
        rows = [row_of(trade) for trade in trades]
        return cls(np.array(rows, dtype=np.float64).reshape(-1, TRADE_DOUBLES))

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Which of them have not ended."""
        return np.isnan(self.table[:, 1])

    @property
    def closed(self) -> NDArray[np.float64]:
        """The rows of those that have ended: all, or all but the last."""
        return self.table[:-1] if len(self.table) and np.isnan(self.table[-1, 1]) else self.table

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Trade]:
        return map(trade_of, self.table.tolist())

    @overload
    def __getitem__(self, place: int) -> Trade: ...
    @overload
    def __getitem__(self, place: slice) -> Trades: ...
    def __getitem__(self, place: int | slice) -> Trade | Trades:
        if isinstance(place, slice):
            return Trades(self.table[place])
        return trade_of(self.table[place].tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return f"Trades({list(self)!r})"


def trade_of(row: Sequence[float]) -> Trade:
    """The trade of one row."""
    entry, end, entry_price, exit_price, size, pnl, fees, ending = row
    if end != end:
        return Trade(int(entry), None, entry_price, None, size, pnl, fees)
    return Trade(int(entry), int(end), entry_price, exit_price, size, pnl, fees, ENDINGS[int(ending)])


def row_of(trade: Trade) -> tuple[float, ...]:
    """A trade as one row."""
    ends = (NAN if trade.exit_bar is None else trade.exit_bar, NAN if trade.exit_price is None else trade.exit_price)
    rest = (trade.size, trade.pnl, trade.fees, ENDINGS.index(trade.ending))
    return (trade.entry_bar, ends[0], trade.entry_price, ends[1], *rest)
