"""What every provider with an account has in common: series that operators choose, and history up to the last close."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from datafeed.bars import RawBar
from datafeed.errors import BadBar
from datafeed.providers.base import (
    BarUpdate,
    Described,
    InstrumentSpec,
    Listing,
    Positions,
    Provider,
    ProviderFailed,
    SeriesKey,
    Setup,
    SignInExpired,
)
from datafeed.recordable import checked
from kernel import clock

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 500  # bars that a live stream brings after an absence, for each series


class Vendor(Provider):
    """A provider whose series are chosen by operators. `settles_after` are the seconds after its end in which a
    bar of its history may still change."""

    settles_after = 0.0

    def __init__(self, setup: Setup | None = None) -> None:
        self.setup = setup or Setup(self.key)
        self.key = self.setup.key or self.key
        self.put_aside = 0

    def instruments(self) -> Sequence[InstrumentSpec]:
        return []

    def series(self) -> Sequence[SeriesKey]:
        return list(self.setup.listings)

    def describe(self, vendor_symbol: str) -> Described:
        """What the vendor says of an instrument, with the symbol it would have here.

        Blocking. Raises `ProviderFailed`, permanently where it knows no such one.
        """
        raise ProviderFailed(f"{self.label} describes no instruments.", is_permanent=True)

    def history(self, series: SeriesKey, after: int | None) -> Iterable[RawBar]:
        settled = clock.now().timestamp() - self.settles_after
        for bar in self.bars(series, after):
            if self.end_of(series, bar.opened_at) > settled:
                return
            yield bar

    def value(self, name: str) -> str:
        """What the account says for a field, or the field's default."""
        default = next((field.default for field in self.fields if field.name == name), "")
        return self.setup.values.get(name) or default

    def listing(self, series: SeriesKey) -> Listing:
        """How `series` is called at the vendor."""
        return self.setup.listings.get(series) or Listing(series.symbol)

    def end_of(self, series: SeriesKey, opened_at: int) -> int:
        """When the bar of `series` stamped `opened_at` closes, epoch seconds UTC."""
        return self.listing(series).hours.bucket(series.resolution, opened_at, series.resolution).end

    @abstractmethod
    def bars(self, series: SeriesKey, after: int | None) -> Iterator[RawBar]:
        """Every bar with a stamp later than `after`, ascending, the one still forming among them. Blocking."""

    def good(self, series: SeriesKey, rows: Iterable[Any], after: int | None) -> Iterator[RawBar]:
        """The bars among `rows` (of a time and five numbers) that make sense and go on from `after`, ascending."""
        found: dict[int, RawBar] = {}
        for row in rows:
            bar = self.sensible(series, row)
            if bar is not None and (after is None or bar.opened_at > after):
                found[bar.opened_at] = bar
        for opened_at in sorted(found):
            yield found[opened_at]

    def sensible(self, series: SeriesKey, row: Any) -> RawBar | None:
        """`row` as a bar; one that makes no sense is put aside and counted."""
        try:
            opened_at, *values = row
            if type(opened_at) is not int or len(values) != 5:
                raise ValueError("a bar is a time and five numbers")
            return checked(RawBar(opened_at, *map(exact, values)), series.resolution)
        except (TypeError, ValueError, InvalidOperation, BadBar) as error:
            self.leave_out(series, error)
            return None

    def leave_out(self, what: object, why: object) -> None:
        """Count what makes no sense, and log the first of it and then every thousandth."""
        self.put_aside += 1
        if self.put_aside % 1_000 == 1:
            logger.warning("%s: %s is put aside: %s (%d so far)", self.key, what, str(why)[:200], self.put_aside)

    async def missed(self, series: SeriesKey, after: int | None) -> list[BarUpdate]:
        """What closed since `after`, at most the newest `MOST_AT_ONCE` of it."""
        closed = await asyncio.to_thread(lambda: list(self.history(series, after)))
        return [BarUpdate(series, bar, is_closed=True, was_missed=True) for bar in closed[-MOST_AT_ONCE:]]


class PolledVendor(Vendor):
    """A vendor without a stream: each series is asked for again and again, and what has changed is told."""

    poll_every = 10.0
    pace = 60.0

    async def live(self, positions: Positions) -> AsyncIterator[BarUpdate]:
        newest = {key: positions.get(key) for key in self.series()}
        shown: dict[SeriesKey, RawBar] = {}
        while newest:
            failures: list[ProviderFailed] = []
            for key in newest:
                bars = await self._asked(key, newest[key], failures)
                for update in self._news(key, bars[-MOST_AT_ONCE:], shown):
                    newest[key] = update.bar.opened_at if update.is_closed else newest[key]
                    yield update
            if len(failures) == len(newest):
                raise failures[-1]
            await asyncio.sleep(self.poll_every)

    async def _asked(self, key: SeriesKey, after: int | None, failures: list[ProviderFailed]) -> list[RawBar]:
        """The bars of one series; where it alone cannot be had the others go on."""
        try:
            return await asyncio.to_thread(lambda: list(self.bars(key, after)))
        except ProviderFailed as failure:
            if failure.retry_after or isinstance(failure, SignInExpired):
                raise
            logger.warning("%s: %s could not be asked for: %s", self.key, key.symbol, failure)
            failures.append(failure)
            return []

    def _news(self, key: SeriesKey, bars: list[RawBar], shown: dict[SeriesKey, RawBar]) -> Iterator[BarUpdate]:
        settled = clock.now().timestamp() - self.settles_after
        for bar in bars:
            is_closed = self.end_of(key, bar.opened_at) <= settled
            if is_closed or shown.get(key) != bar:
                shown[key] = bar
                yield BarUpdate(key, bar, is_closed=is_closed)
            if not is_closed:
                return  # what comes after it waits until it is settled


def exact(value: Any) -> Decimal:
    """A number of JSON as a decimal, by way of its shortest text; raises `TypeError` for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise TypeError(f"{type(value).__name__} is no number")
    return Decimal(repr(value) if isinstance(value, float) else value)
