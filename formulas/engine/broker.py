"""The simulated broker: one step for each bar, the same in a backtest and live.

A bar goes in this order: what was decided at the close before is filled at the open; stop, then target, then
trailing stop are looked for inside the bar, also in the bar of entry; what is held is marked at the close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from formulas.engine.bars import Bar
from formulas.engine.decisions import Orders
from formulas.engine.steps import account, verdicts
from formulas.engine.trades import Ending, Trade, trade_of
from formulas.engine.vocabulary import ACTIONS

__all__ = ["BROKER_DOUBLES", "Broker", "Ending", "LateBroker", "Terms", "Trade"]

BROKER_DOUBLES = account.ACCOUNT_DOUBLES
TERMS_DOUBLES = account.CASH


@dataclass(frozen=True, slots=True)
class Terms:
    """What trading costs: money in the instrument's currency, rates in basis points of the notional.

    A side costs `fee_bps` of its notional, at least `minimum_fee`. Orders at the open slip by `slippage_bps`
    against the trader; stops and targets do not. `size_units` is a fixed size in place of a share of equity.
    """

    initial_capital: float = 10_000.0
    fee_bps: float = 5.0
    slippage_bps: float = 2.0
    minimum_fee: float = 0.0
    size_units: float | None = None


def opened(terms: Terms) -> list[float]:
    """The state of an account on its first day; see steps.account."""
    state = [0.0] * BROKER_DOUBLES
    state[account.CAPITAL] = float(terms.initial_capital)
    state[account.FEE_BPS] = float(terms.fee_bps)
    state[account.SLIPPAGE_BPS] = float(terms.slippage_bps)
    state[account.MINIMUM_FEE] = float(terms.minimum_fee)
    state[account.FIXED_SIZE] = float(terms.size_units or 0.0)
    account.begin(state)
    return state


def open_trade(state: Sequence[float]) -> Trade | None:
    """The position that an account holds, marked at the last close."""
    units, price, fee = state[account.UNITS], state[account.ENTRY_PRICE], state[account.ENTRY_FEE]
    if units == 0.0:
        return None
    pnl = units * (state[account.CLOSE] - price) - fee
    return Trade(int(state[account.ENTRY_BAR]), None, price, None, units, pnl, fee)


class Broker:
    """An account with one position at most: long, short or flat. `trades` are the closed ones since it was made."""

    __slots__ = ("_log", "_state", "trades")

    def __init__(self, terms: Terms) -> None:
        self._state = opened(terms)
        self._log = [0.0] * (1 + account.MOST_TRADES_A_BAR * account.TRADE_DOUBLES)
        self.trades: list[Trade] = []

    @property
    def cash(self) -> float:
        """Money that is not in the position."""
        return self._state[account.CASH]

    @property
    def equity(self) -> float:
        """Cash and position at the last close."""
        return self._state[account.EQUITY]

    @property
    def units(self) -> float:
        """What is held, below 0 when short."""
        return self._state[account.UNITS]

    @property
    def entry_price(self) -> float:
        """What the position was entered at; NaN when flat."""
        return self._state[account.ENTRY_PRICE]

    @property
    def bars_held(self) -> float:
        """Closes since the entry, 1 at that of its own bar."""
        return self._state[account.BARS_HELD]

    @property
    def position(self) -> float:
        """The position as a share of equity, below 0 when short."""
        return account.position_of(self._state)

    def advance(self, index: int, bar: Bar) -> None:
        """Fill, protect and mark over one closed bar."""
        account.advance(self._state, self._log, index, bar.open, bar.high, bar.low, bar.close)
        if self._log[0]:
            for number in range(int(self._log[0])):
                first = 1 + account.TRADE_DOUBLES * number
                self.trades.append(trade_of(self._log[first : first + account.TRADE_DOUBLES]))
            self._log[0] = 0.0

    def place(self, orders: Orders) -> None:
        """Take what was decided at the close; it is filled at the next open."""
        rows: list[int] = []
        for decision in orders.decisions:
            rows += [ACTIONS.index(decision.action), 0, 0, 0, 0, 0]
        for order in orders.protections:
            rows += [ACTIONS.index(order.name), 0, 1, int(order.is_percent), 0, 0]
        amounts = [decision.size for decision in orders.decisions] + [order.level for order in orders.protections]
        verdicts.place(self._state, rows, len(amounts), amounts)

    def open_trade(self) -> Trade | None:
        """The position that is held, marked at the last close."""
        return open_trade(self._state)

    def all_trades(self) -> list[Trade]:
        """The closed trades, then the open one."""
        is_open = self.open_trade()
        return [*self.trades, *([is_open] if is_open is not None else [])]

    def dump(self) -> tuple[float, ...]:
        """The whole state except the list of closed trades, its terms first."""
        return tuple(self._state)

    def load(self, data: Sequence[float]) -> None:
        """Go on from a dump. Raises ValueError when it was made on other terms or does not fit."""
        if len(data) != BROKER_DOUBLES or list(data[:TERMS_DOUBLES]) != self._state[:TERMS_DOUBLES]:
            raise ValueError("the account was kept on other terms")
        self._state[:] = data


class LateBroker(Broker):
    """A broker that hears of every decision one bar late."""

    __slots__ = ("_heard",)

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._heard: Orders | None = None

    def advance(self, index: int, bar: Bar) -> None:
        """Go over a bar, then take what was decided at the close before it."""
        super().advance(index, bar)
        if self._heard is not None:
            super().place(self._heard)
            self._heard = None

    def place(self, orders: Orders) -> None:
        """Keep what was decided for a bar."""
        self._heard = orders
