"""The trades of an invented market, the same for the same minute: what servers tell and what tests expect."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from datafeed.bars import RawBar
from kernel import clock

MINUTE = 60


class Trade(NamedTuple):
    """A trade: `at` in whole epoch seconds, as the coarsest vendor tells it, `number` its place in all of them."""

    at: int
    cents: int
    size: int
    number: int


class Tape:
    """Three to six trades in each minute, every one at a second of its own."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self._volumes: dict[int, int] = {}

    def trades(self, minute: int) -> list[Trade]:
        """The trades of the minute that begins at `minute`, epoch seconds."""
        dice = random.Random(self.seed * 10**10 + minute)
        seconds = sorted(dice.sample(range(60), dice.randint(3, 6)))
        level = 10_000 + minute // MINUTE % 500
        return [
            Trade(minute + second, level + dice.randint(-40, 40), dice.randint(1, 900), minute // MINUTE * 10 + number)
            for number, second in enumerate(seconds)
        ]

    def bar(self, minute: int) -> RawBar:
        """The bar of that minute."""
        trades = self.trades(minute)
        prices = [Decimal(trade.cents) / 100 for trade in trades]
        volume = Decimal(sum(trade.size for trade in trades))
        return RawBar(minute, prices[0], max(prices), min(prices), prices[-1], volume)

    def total(self, trade: Trade) -> int:
        """The volume from 00:00 UTC up to and with a trade."""
        minute = trade.at // MINUTE * MINUTE
        same = sum(one.size for one in self.trades(minute) if one.number <= trade.number)
        return self._volume_before(minute) + same

    def _volume_before(self, minute: int) -> int:
        if minute % 86_400 == 0:
            return 0
        if minute not in self._volumes:
            for each in range(minute // 86_400 * 86_400, minute, MINUTE):
                whole = sum(trade.size for trade in self.trades(each))
                self._volumes[each + MINUTE] = self._volumes.get(each, 0) + whole
        return self._volumes[minute]

    def so_far(self, minute: int, now: float) -> RawBar | None:
        """The bar of a minute as far as it has come; none before its first trade."""
        trades = [trade for trade in self.trades(minute) if trade.at <= now]
        if not trades:
            return None
        prices = [Decimal(trade.cents) / 100 for trade in trades]
        volume = Decimal(sum(trade.size for trade in trades))
        return RawBar(minute, prices[0], max(prices), min(prices), prices[-1], volume)

    def bars(self, since: int, until: float) -> list[RawBar]:
        """The bars from `since` to `until`, the last one as far as it has come."""
        first = -(-since // MINUTE) * MINUTE
        minutes = range(first, int(until) + 1, MINUTE)
        return [bar for minute in minutes if (bar := self.so_far(minute, until)) is not None]

    def between(self, after: float, until: float) -> list[Trade]:
        """The trades later than `after` and not later than `until`."""
        first = int(after) // MINUTE * MINUTE
        minutes = range(first, int(until) + 1, MINUTE)
        return [trade for minute in minutes for trade in self.trades(minute) if after < trade.at <= until]


def hurried(start: datetime, speed: float) -> Callable[[], datetime]:
    """A clock that begins at `start` and runs `speed` times as fast as the real one."""
    began = time.monotonic()

    def now() -> datetime:
        return datetime.fromtimestamp(start.timestamp() + (time.monotonic() - began) * speed, tz=UTC)

    return now


def now() -> float:
    """The time that the market and the program under test share."""
    return clock.now().timestamp()
