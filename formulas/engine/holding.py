"""What holding the instrument would have brought, which a formula is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bars
from formulas.engine.broker import Terms, open_trade, opened
from formulas.engine.metrics import Curve, Holding
from formulas.engine.native import kernels_for
from formulas.engine.steps.account import CASH, EQUITY, MOST_TRADES_A_BAR, TRADE_DOUBLES, UNITS
from formulas.engine.steps.holding import keep
from formulas.engine.trades import Trades

LOG_DOUBLES = 1 + MOST_TRADES_A_BAR * TRADE_DOUBLES


@dataclass(frozen=True, eq=False)
class Kept:
    """The account of one who bought in the bar `entry` and kept it, marked at the last of the bars."""

    bars: Bars
    start: float
    entry: int
    account: Sequence[float]

    @property
    def times(self) -> NDArray[np.int64]:
        """When the bars began."""
        return self.bars.time

    @property
    def holding(self) -> Holding:
        """What is held, and from when on."""
        return self.bars.close, self.account[UNITS], self.account[CASH], self.entry, self.start

    @property
    def last(self) -> float:
        """The account at the last close."""
        return self.account[EQUITY]

    @cached_property
    def curve(self) -> Curve:
        """The whole of it, worked out when it is first asked for."""
        worth = self.bars.close * self.account[UNITS] + self.account[CASH]
        worth[: self.entry] = self.start
        held = np.arange(len(self.bars)) >= self.entry
        trade = open_trade(self.account)
        return Curve(self.start, self.times, worth, held, Trades.of([trade] if trade else []))


def kept(bars: Bars, terms: Terms) -> Kept | None:
    """The account that buys all it can at once; None where it has to be gone through bar by bar."""
    account, log = opened(terms), [0.0] * LOG_DOUBLES
    prices = bars.open, bars.high, bars.low, bars.close
    kernels = kernels_for(len(bars))
    if kernels is None:
        opening, high, low, close = (column.tolist() for column in prices)
        entry = keep(opening, high, low, close, len(bars), account, log)
    else:
        entry, account = kernels.keep(prices, account, log)
    return None if entry < 0 else Kept(bars, terms.initial_capital, entry, account)
