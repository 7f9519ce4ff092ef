"""Vendors that send trades or bars on a WebSocket: connecting, filling in what was missed, following.

A connection that is lost ends the stream; whoever follows it begins again from the store. From then on:

- the instruments are subscribed first, then what closed meanwhile is read from history, then the stream goes on: so
  nothing lies between the two;
- the minute that was under way when we came is known in part only: it is not shown, and where bars are built here its
  closed form is read from history.
"""

import asyncio
import logging
import math
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from datafeed.bars import RawBar
from datafeed.providers.base import BarUpdate, Positions, ProviderFailed, SeriesKey, SignInExpired
from datafeed.providers.calls import refusal
from datafeed.providers.vendor import Vendor
from datafeed.ticks import MINUTE, MinuteBuilder, Tick
from kernel import clock

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.25  # seconds between two looks at what has formed or closed
OPEN_WITHIN = 10.0
LARGEST_FRAME = 1024 * 1024
MOST_WAITING = 4_096  # frames, while history is read
MOST_AHEAD = 30.0  # seconds that a vendor's clock may be ahead of ours
DAILY_EVERY = 600.0  # seconds between looks at series that are not of minutes

Heard = tuple[SeriesKey, Tick | RawBar]


@dataclass
class Following:
    """What one connection knows of its series."""

    newest: dict[SeriesKey, int | None]
    minutes: dict[SeriesKey, MinuteBuilder]
    reached: float
    """Up to when everything that was sent has been taken: closing by the clock alone would close on what still waits
    to be read."""
    read_at: float
    """When history is read again although nothing was heard: the market may have closed as we came."""
    whole_from: float = math.inf
    """The first minute that is heard from its beginning: the one after something was first heard."""
    is_complete: bool = False
    """Whether the minutes before it have been read from history."""
    stirred: set[SeriesKey] = field(default_factory=set)
    slow_at: float = 0.0


class StreamVendor(Vendor):
    """A vendor with a stream of one-minute bars, or of trades that are made into such bars here."""

    closes_bars = False
    """Whether it sends closed bars by itself."""
    grace = 2.0
    """Seconds that trades may be under way: so long after its end a minute is closed."""
    late = repeated = corrections = 0

    @abstractmethod
    async def open_stream(self) -> ClientConnection:
        """A connection that is signed in and subscribed to every series of minutes. Raises `ProviderFailed`."""

    @abstractmethod
    def hear(self, frame: str | bytes) -> Iterator[Heard]:
        """The trades, or the closed bars, in what was received. Raises `ProviderFailed` for word of an error."""

    def minute_series(self) -> list[SeriesKey]:
        """The series that the stream tells of."""
        return [key for key in self.series() if key.resolution == "1"]

    async def live(self, positions: Positions) -> AsyncIterator[BarUpdate]:
        connection = await self.open_stream()
        try:
            now = clock.now().timestamp()
            following = self._begin(positions, now)
            for update in await self._catch_up(following, list(following.newest)):
                yield update
            looked = clock.monotonic()
            async for asked_at, frame in _frames(connection):
                if frame is None:
                    following.reached = max(following.reached, asked_at)
                for update in self._take(following, frame):
                    yield update
                if clock.monotonic() - looked >= LOOK_EVERY:
                    looked = clock.monotonic()
                    for update in await self._look(following):
                        yield update
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            raise ProviderFailed(f"The connection ended ({code}).") from None
        finally:
            await connection.close()

    def _begin(self, positions: Positions, now: float) -> Following:
        newest = {key: positions.get(key) for key in self.series()}
        minutes = {
            key: MinuteBuilder(self.listing(key).hours, newest=newest[key], grace=self.grace)
            for key in self.minute_series()
        }
        next_minute = now // MINUTE * MINUTE + MINUTE
        return Following(newest, minutes, reached=now, read_at=next_minute, slow_at=now + DAILY_EVERY)

    async def _catch_up(self, following: Following, keys: Iterable[SeriesKey]) -> list[BarUpdate]:
        """What history has beyond the newest of `keys`; a vendor that cannot say now leaves a gap to be filled."""
        found: list[BarUpdate] = []
        for key in keys:
            try:
                missed = await self.missed(key, following.newest[key])
            except ProviderFailed as failure:
                if isinstance(failure, SignInExpired):
                    raise
                logger.warning("%s: what was missed of %s could not be read: %s", self.key, key.symbol, failure)
                continue
            for update in missed:
                following.newest[key] = update.bar.opened_at
                if key in following.minutes:
                    following.minutes[key].forget(update.bar.opened_at)
            found += missed
        return found

    def _take(self, following: Following, frame: str | bytes | None) -> Iterator[BarUpdate]:
        now = clock.now().timestamp()
        for key, heard in self.hear(frame) if frame is not None else ():
            if following.whole_from == math.inf:
                following.whole_from = now // MINUTE * MINUTE + MINUTE
            if isinstance(heard, RawBar):
                yield from self._take_bar(following, key, heard)
            else:
                self._take_trade(following, key, heard, now)

    def _take_trade(self, following: Following, key: SeriesKey, trade: Tick, now: float) -> None:
        try:
            if trade.at > now + MOST_AHEAD:
                raise ValueError("a trade of the future")
            if following.minutes[key].add(trade):
                following.stirred.add(key)
        except ValueError as error:
            self.leave_out(key.symbol, error)
        else:
            following.reached = max(following.reached, min(trade.at, now))

    def _take_bar(self, following: Following, key: SeriesKey, bar: RawBar) -> Iterator[BarUpdate]:
        newest = following.newest[key]
        if newest is not None and bar.opened_at <= newest:
            self.corrections += 1  # the first word on a closed bar stands
            yield BarUpdate(key, bar, is_closed=False, is_correction=True)
            return
        following.newest[key] = bar.opened_at
        following.minutes[key].forget(bar.opened_at)
        yield BarUpdate(key, bar, is_closed=True)

    async def _look(self, following: Following) -> list[BarUpdate]:
        """What has formed or closed since the last look."""
        now = clock.now().timestamp()
        found = await self._slow_series(following, now)
        if not self.closes_bars and not following.is_complete:
            if now < min(following.whole_from, following.read_at) + self.grace + self.settles_after:
                return found
            found += await self._catch_up(following, following.minutes)
            following.read_at = now + DAILY_EVERY
            following.is_complete = following.whole_from < now
        for key, minutes in following.minutes.items():
            for bar in minutes.close(following.reached):
                if not self.closes_bars and bar.opened_at >= following.whole_from:
                    following.newest[key] = bar.opened_at
                    found.append(BarUpdate(key, bar, is_closed=True))
        self.late = sum(minutes.late for minutes in following.minutes.values())
        self.repeated = sum(minutes.repeated for minutes in following.minutes.values())
        return [*found, *self._forming(following)]

    async def _slow_series(self, following: Following, now: float) -> list[BarUpdate]:
        if now < following.slow_at:
            return []
        following.slow_at = now + DAILY_EVERY
        return await self._catch_up(following, [key for key in following.newest if key not in following.minutes])

    def _forming(self, following: Following) -> list[BarUpdate]:
        stirred, following.stirred = following.stirred, set()
        forming = [(key, following.minutes[key].forming) for key in stirred]
        return [
            BarUpdate(key, bar, is_closed=False)
            for key, bar in forming
            if bar is not None and bar.opened_at >= following.whole_from
        ]

    def standing(self, positions: Positions) -> str:
        counted = {
            "late trades": self.late,
            "later words on closed bars": self.corrections,
            "put aside": self.put_aside,
        }
        said = ", ".join(f"{count} {name}" for name, count in counted.items() if count)
        return f"live{f' ({said} left out)' if said else ''}"


async def _frames(connection: ClientConnection) -> AsyncIterator[tuple[float, str | bytes | None]]:
    """What is received as it comes, and nothing every now and then where nothing comes; each with when we asked."""
    while True:
        asked_at = clock.now().timestamp()
        try:
            async with asyncio.timeout(LOOK_EVERY):
                frame: str | bytes | None = await connection.recv()
        except TimeoutError:
            frame = None
        yield asked_at, frame


class _Straight(connect):
    """A connection to the address that was named: a redirect could lead a token elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_socket(url: str, headers: Mapping[str, str] | None = None, **options: Any) -> ClientConnection:
    """A WebSocket to a vendor, bounded and without redirects or proxies. Raises `ProviderFailed`, naming no address:
    it may hold a token."""
    try:
        return await _Straight(
            url,
            additional_headers=dict(headers or {}),
            open_timeout=OPEN_WITHIN,
            max_size=LARGEST_FRAME,
            max_queue=MOST_WAITING,
            proxy=None,
            user_agent_header="Signalbox",
            **options,
        )
    except InvalidStatus as error:
        answer = error.response
        raise refusal(answer.status_code, {"retry-after": answer.headers.get("Retry-After", "")}) from None
    except (InvalidHandshake, InvalidURI, TimeoutError, OSError, EOFError) as error:
        raise ProviderFailed(f"The connection failed ({type(error).__name__}).") from None
