"""The simulated broker: one step for each bar, the same in a backtest and live.

A bar goes in this order: what was decided at the close before is filled at the open; stop, then target, then
trailing stop are looked for inside the bar, also in the bar of entry; what is held is marked at the close.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Literal

from formulas.engine.bars import Bar
from formulas.engine.decisions import Decision, Orders, Protection
from formulas.engine.vocabulary import PROTECTIONS

NAN = math.nan
BASIS_POINT = 1e-4

Ending = Literal["signal", "stop_loss", "take_profit", "trail", "ruin"]


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


class Broker:
    """An account with one position at most: long, short or flat.

    `units` is below 0 when short; `entry_price` is NaN when flat; `bars_held` counts closes, 1 at that of the bar
    of entry; `equity` is cash and position at the last close. `trades` are the closed ones since it was made.
    """

    __slots__ = (
        "_best",
        "_entry_bar",
        "_entry_fee",
        "_fee_rate",
        "_orders",
        "_percent",
        "_slip",
        "_stop",
        "_target",
        "_terms",
        "_trail",
        "_want",
        "bars_held",
        "cash",
        "close",
        "entry_price",
        "equity",
        "trades",
        "units",
    )

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._fee_rate = terms.fee_bps * BASIS_POINT
        self._slip = terms.slippage_bps * BASIS_POINT
        self.cash = self.equity = float(terms.initial_capital)
        self.units = self.bars_held = self._entry_bar = self._entry_fee = 0.0
        self.entry_price = self.close = self._want = NAN
        self._stop = self._target = self._trail = self._percent = self._best = NAN
        self._orders: tuple[Protection, ...] = ()
        self.trades: list[Trade] = []

    @property
    def position(self) -> float:
        """The position as a share of equity, below 0 when short."""
        return self.units * self.close / self.equity if self.equity > 0.0 else 0.0

    def advance(self, index: int, bar: Bar) -> None:
        """Fill, protect and mark over one closed bar."""
        if self._want == self._want:
            self._rebalance(index, bar.open)
        if self.units != 0.0:
            self._protect_as_ordered()
            self._look_inside(index, bar)
        self._want, self._orders = NAN, ()
        self._mark(index, bar.close)

    def place(self, orders: Orders) -> None:
        """Take what was decided at the close; it is filled at the next open."""
        self._want = wanted(self.side, orders.decisions)
        self._orders = orders.protections

    @property
    def side(self) -> float:
        """1 when long, -1 when short, 0 when flat."""
        return math.copysign(1.0, self.units) if self.units != 0.0 else 0.0

    @property
    def waits(self) -> bool:
        """Whether an order is to be filled at the next open."""
        return self._want == self._want

    def skip_to(self, index: int, close: float) -> None:
        """Mark at the close of a bar up to which nothing happened."""
        self._want, self._orders = NAN, ()
        self._mark(index, close)

    def open_trade(self) -> Trade | None:
        """The position that is held, marked at the last close."""
        if self.units == 0.0:
            return None
        pnl = self.units * (self.close - self.entry_price) - self._entry_fee
        return Trade(int(self._entry_bar), None, self.entry_price, None, self.units, pnl, self._entry_fee)

    def all_trades(self) -> list[Trade]:
        """The closed trades, then the open one."""
        is_open = self.open_trade()
        return [*self.trades, *([is_open] if is_open is not None else [])]

    def _rebalance(self, index: int, opening: float) -> None:
        if self.units != 0.0:
            self._exit(index, opening * (1.0 - math.copysign(self._slip, self.units)), "signal")
        if self._want != 0.0:
            self._enter(index, opening * (1.0 + math.copysign(self._slip, self._want)))

    def _enter(self, index: int, price: float) -> None:
        if not (price > 0.0 and self.cash > 0.0):
            return
        size = self._terms.size_units or self._affordable(self.cash * abs(self._want)) / price
        if not size > 0.0:
            return
        self.units = math.copysign(size, self._want)
        self._entry_fee = self._fee(size * price)
        self.cash -= self.units * price + self._entry_fee
        self.entry_price = self._best = price
        self._entry_bar = float(index)

    def _affordable(self, budget: float) -> float:
        """The notional that a budget buys when its fee is paid out of it."""
        notional = budget / (1.0 + self._fee_rate)
        minimum = self._terms.minimum_fee
        return notional if notional * self._fee_rate >= minimum else budget - minimum

    def _fee(self, notional: float) -> float:
        return max(notional * self._fee_rate, self._terms.minimum_fee)

    def _exit(self, index: int, price: float, ending: Ending) -> None:
        fee = self._fee(abs(self.units) * price)
        fees = self._entry_fee + fee
        pnl = self.units * (price - self.entry_price) - fees
        self.cash += self.units * price - fee
        trade = Trade(int(self._entry_bar), index, self.entry_price, price, self.units, pnl, fees, ending)
        self.trades.append(trade)
        self.units = self.bars_held = 0.0
        self.entry_price = self._stop = self._target = self._trail = self._percent = NAN

    def _protect_as_ordered(self) -> None:
        direction = math.copysign(1.0, self.units)
        for order in self._orders:
            if order.name == "stop_loss":
                self._stop = self._level(order, -direction)
            elif order.name == "take_profit":
                self._target = self._level(order, direction)
            elif order.is_percent:
                self._percent = order.level
                self._follow()
            else:
                self._trail = self._nearer(order.level)

    def _level(self, order: Protection, direction: float) -> float:
        return self.entry_price * (1.0 + direction * order.level / 100.0) if order.is_percent else order.level

    def _follow(self) -> None:
        """Draw the trailing stop after the best price so far."""
        if self._percent == self._percent:
            distance = math.copysign(self._percent, self.units) / 100.0
            self._trail = self._nearer(self._best * (1.0 - distance))

    def _nearer(self, level: float) -> float:
        """A trailing stop never moves away from the price."""
        if self._trail != self._trail:
            return level
        return max(self._trail, level) if self.units > 0.0 else min(self._trail, level)

    def _look_inside(self, index: int, bar: Bar) -> None:
        is_long = self.units > 0.0
        levels: tuple[tuple[Ending, float, bool], ...] = (
            ("stop_loss", self._stop, is_long),
            ("take_profit", self._target, not is_long),
            ("trail", self._trail, is_long),
        )
        for ending, level, is_below in levels:
            price = _touched(bar, level, is_below)
            if price == price:
                self._exit(index, price, ending)
                return
        self._best = max(self._best, bar.high) if is_long else min(self._best, bar.low)
        self._follow()

    def _mark(self, index: int, close: float) -> None:
        self.close = close
        self.equity = self.cash + self.units * close
        if self.units == 0.0:
            return
        if self.equity <= 0.0:
            self._exit(index, close, "ruin")
            self.equity = self.cash
        else:
            self.bars_held = index - self._entry_bar + 1.0

    def dump(self) -> tuple[float, ...]:
        """The whole state except the list of closed trades, its terms first."""
        orders = {order.name: order for order in self._orders}
        waiting = [
            value
            for name in PROTECTIONS
            for value in ((orders[name].level, float(orders[name].is_percent)) if name in orders else (NAN, 0.0))
        ]
        return (*_numbers(self._terms), *(getattr(self, name) for name in STATE), *waiting)

    def load(self, data: Sequence[float]) -> None:
        """Go on from a dump. Raises ValueError when it was made on other terms or does not fit."""
        terms = _numbers(self._terms)
        if len(data) != BROKER_DOUBLES or tuple(data[: len(terms)]) != terms:
            raise ValueError("the account was kept on other terms")
        state = data[len(terms) : len(terms) + len(STATE)]
        for name, value in zip(STATE, state, strict=True):
            setattr(self, name, value)
        waiting = data[len(terms) + len(STATE) :]
        pairs = zip(PROTECTIONS, waiting[::2], waiting[1::2], strict=True)
        self._orders = tuple(
            Protection(name, level, percent == 1.0) for name, level, percent in pairs if level == level
        )


# fmt: off
STATE = (
    "cash", "equity", "close", "units", "entry_price", "bars_held", "_entry_bar", "_entry_fee", "_want", "_stop",
    "_target", "_trail", "_percent", "_best",
)
# fmt: on
BROKER_DOUBLES = len(fields(Terms)) + len(STATE) + 2 * len(PROTECTIONS)


def wanted(held: float, decisions: Sequence[Decision]) -> float:
    """What to hold instead of a position of this side, as a signed share of equity; NaN when nothing changes."""
    side, want = held, NAN
    for decision in decisions:
        action, size = decision.action, decision.size
        if action == "buy" and side <= 0.0 and size > 0.0:
            side, want = 1.0, size
        elif action == "short" and side >= 0.0 and size > 0.0:
            side, want = -1.0, -size
        elif (action in ("sell", "close") and side > 0.0) or (action in ("cover", "close") and side < 0.0):
            side, want = 0.0, 0.0
    return NAN if side == held else want


def _numbers(terms: Terms) -> tuple[float, ...]:
    return tuple(0.0 if value is None else float(value) for value in astuple(terms))


def _touched(bar: Bar, level: float, is_below: bool) -> float:
    """The price at which an order inside the bar fills, at the open when it gaps over the level; NaN if it does not."""
    if is_below:
        return min(bar.open, level) if bar.low <= level else NAN
    return max(bar.open, level) if bar.high >= level else NAN
