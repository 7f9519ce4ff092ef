"""What a portfolio was worth, day by day: its fills replayed over the daily closes."""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from datafeed.models import Instrument
from datafeed.selectors import read_bars, sources
from kernel import clock
from kernel.permissions import Person
from portfolio.accounting import ZERO, Holding, fill
from portfolio.models import Position
from portfolio.selectors.prices import newest_prices

DAILY = "1D"


class Interval(StrEnum):
    """How far apart the points are; the last day of each week or month stands for it."""

    DAY = "1D"
    WEEK = "1W"
    MONTH = "1M"


@dataclass(frozen=True, slots=True)
class Point:
    """A portfolio at the end of a day (UTC), for today as it is now. `date` is the day's first instant."""

    date: datetime
    total_value: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal


def portfolio_history(user: Person, first: date, last: date, interval: Interval = Interval.DAY) -> list[Point]:
    """A point for each interval from `first` to `last` (both included, not after today), newest first.

    A day's price is the close of the newest daily bar up to it, today's the last price; where there is none, what is
    held counts at its cost, as in the stats. Closed positions count by what they have realised.
    """
    days = _sampled(first, last, interval)
    positions = list(
        Position.objects.visible_to(user).select_related("instrument").prefetch_related("instrument__series", "fills")
    )
    prices = newest_prices({position.instrument_id: position.instrument for position in positions}.values())
    closes = {position.instrument_id: _Closes(position.instrument, days) for position in positions}
    totals = {day: [ZERO, ZERO, ZERO] for day in days}
    for position in positions:
        for day, held in zip(days, _holdings(position, days), strict=True):
            instrument = position.instrument_id
            price = prices.get(instrument) if day == _today() else closes[instrument].up_to(day)
            for number, value in enumerate((held.value(price), held.unrealized_pnl(price), held.realized_pnl)):
                totals[day][number] += value
    return [Point(_begin(day), *totals[day]) for day in reversed(days)]


def _today() -> date:
    return clock.now().astimezone(UTC).date()


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def _sampled(first: date, last: date, interval: Interval) -> list[date]:
    """The last day of each interval, ascending."""
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    newest = {_bucket(day, interval): day for day in days}
    return list(newest.values())


def _bucket(day: date, interval: Interval) -> tuple[int, ...]:
    if interval is Interval.WEEK:
        return tuple(day.isocalendar()[:2])
    return (day.year, day.month) if interval is Interval.MONTH else (day.toordinal(),)


def _holdings(position: Position, days: Sequence[date]) -> list[Holding]:
    """What was held at the end of each of `days`."""
    coming, held, found = deque(position.fills.all()), Holding(), []
    for day in days:
        end = _begin(day + timedelta(1))
        while coming and coming[0].filled_at < end:
            entry = coming.popleft()
            held = fill(held, entry.quantity, entry.price)
        found.append(held)
    return found


class _Closes:
    """The daily closes of one instrument, from the last before the first of `days` on."""

    def __init__(self, instrument: Instrument, days: Sequence[date]) -> None:
        self._times: list[int] = []
        self._closes: list[float] = []
        if days and DAILY in sources(instrument):
            since, until = (int(_begin(day).timestamp()) for day in (days[0], days[-1] + timedelta(1)))
            before = read_bars(instrument, DAILY, until=since, last=1)
            bars = before.joined(read_bars(instrument, DAILY, since=since, until=until))
            self._times, self._closes = bars.time.tolist(), bars.close.tolist()

    def up_to(self, day: date) -> Decimal | None:
        """The newest close whose bar is stamped `day` or earlier."""
        position = bisect_right(self._times, int(_begin(day).timestamp()))
        return Decimal(repr(self._closes[position - 1])) if position else None
