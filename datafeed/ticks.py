"""Single trades in, one-minute bars out: the first step of the builder, for vendors that send no bars.

What happens to a trade, by the exchange's own time of it:

- one of a minute that is still open counts, in whatever order trades come: the first and the last of a minute are
  those of the earliest and the latest time, not of the first and last arrival;
- a minute is closed `grace` seconds after its end; a trade of a closed minute is late: it is counted and left out;
- a trade that has been taken already, by its id, is counted and left out;
- a trade outside the session is left out.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from datafeed.bars import RawBar
from datafeed.recordable import LATEST
from datafeed.sessions import Hours, segments_of

MINUTE = 60


class Tick(NamedTuple):
    """A trade. `at` is the exchange's time, epoch seconds UTC; `size` is its own, not a total.

    `id` tells it from every other trade of its minute, none where the vendor does not say; among trades of one instant
    the higher one is the later.
    """

    at: float
    price: Decimal
    size: Decimal
    id: Hashable = None


@dataclass
class _Minute:
    """A minute that is still open."""

    first: tuple[float, int, Decimal]
    last: tuple[float, int, Decimal]
    high: Decimal
    low: Decimal
    volume: Decimal = Decimal(0)
    ids: set[Hashable] = field(default_factory=set)


class MinuteBuilder:
    """The minutes of one instrument, from `newest` on, the stamp of the last bar that is closed already."""

    def __init__(self, hours: Hours, *, newest: int | None = None, grace: float = 1.0) -> None:
        self.hours, self.newest, self.grace = hours, newest, grace
        self.late = self.repeated = 0
        self._open: dict[int, _Minute] = {}
        self._segment = (0, 0)
        self._arrived = 0

    def add(self, tick: Tick) -> bool:
        """Take a trade; whether it counts. Raises `ValueError` for one that cannot be."""
        if not (tick.price.is_finite() and tick.price > 0 and tick.size.is_finite() and tick.size >= 0):
            raise ValueError("a trade has a price above zero and a size that is not below")
        if not 0 <= tick.at < LATEST:
            raise ValueError("a trade has a time from 1970 to 2106")
        stamp = int(tick.at) // MINUTE * MINUTE
        if self.newest is not None and stamp <= self.newest:
            self.late += 1
            return False
        if not self._is_open_at(stamp):
            return False
        return self._count(stamp, tick)

    def _is_open_at(self, stamp: int) -> bool:
        start, end = self._segment
        if not start <= stamp < end:
            span = self.hours.span(stamp)
            if (span.start, span.end) not in segments_of(self.hours, span.day):
                return False
            self._segment = (span.start, span.end)
        return True

    def _count(self, stamp: int, tick: Tick) -> bool:
        self._arrived += 1
        order = (tick.at, tick.id if isinstance(tick.id, int) else self._arrived, tick.price)
        minute = self._open.get(stamp)
        if minute is None:
            minute = self._open[stamp] = _Minute(order, order, tick.price, tick.price)
        if tick.id is not None and tick.id in minute.ids:
            self.repeated += 1
            return False
        minute.ids.add(tick.id)
        minute.first, minute.last = min(minute.first, order), max(minute.last, order)
        minute.high, minute.low = max(minute.high, tick.price), min(minute.low, tick.price)
        minute.volume += tick.size
        return True

    @property
    def forming(self) -> RawBar | None:
        """The earliest minute that is open: a later one is shown only once this one is closed."""
        return self._bar(min(self._open)) if self._open else None

    def close(self, now: float) -> list[RawBar]:
        """The minutes that have ended by `now` (epoch seconds UTC), ascending; nothing changes them any more."""
        due = sorted(stamp for stamp in self._open if stamp + MINUTE + self.grace <= now)
        closed = [self._bar(stamp) for stamp in due]
        if due:
            self.forget(due[-1])
        return closed

    def forget(self, stamp: int) -> None:
        """Take the minutes up to `stamp` as closed, by somebody else's word."""
        self.newest = stamp if self.newest is None else max(self.newest, stamp)
        self._open = {opened_at: minute for opened_at, minute in self._open.items() if opened_at > stamp}

    def _bar(self, stamp: int) -> RawBar:
        minute = self._open[stamp]
        return RawBar(stamp, minute.first[2], minute.high, minute.low, minute.last[2], minute.volume)
