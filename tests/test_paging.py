"""A client that pages and polls as charting libraries do has every bar once, in order, in every resolution."""

import io
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client

from datafeed.bars import FormingBar, RawBar
from datafeed.calendars import calendar_of
from datafeed.models import Instrument, Series
from datafeed.providers.base import BarUpdate, InstrumentSpec, Provider, SeriesKey
from datafeed.resolutions import LADDER, is_intraday, seconds
from datafeed.services import Audience, LiveSeries, ensure_series, import_bars, open_live, take_update
from datafeed.sessions import Hours, segments_of

PAGE, DAY = 300, 86_400
MOST_PAGES = 200

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Market:
    """A symbol, when it trades, and the trading days of which it has minutes, the last of them live."""

    symbol: str
    exchange: str
    session: str
    timezone: str
    days: tuple[date, ...]
    live_from: datetime

    @cache  # noqa: B019  a few markets of a few days
    def segments(self, day: date) -> list[tuple[int, int]]:
        """What was traded on `day`, as epoch seconds: written out here, so that it is not our own arithmetic."""
        hours = "0000-2400" if self.session == "24x7" else self.session
        if self.exchange == "HKEX" and day == date(2026, 2, 16):
            hours = "0930-1200"
        return [
            (self.instant(day, start), self.instant(day, end))
            for start, end in (p.split("-") for p in hours.split(","))
        ]

    def instant(self, day: date, clock: str) -> int:
        if clock == "2400":
            return self.instant(day + timedelta(days=1), "0000")
        moment = time(int(clock[:2]), int(clock[2:]), tzinfo=ZoneInfo(self.timezone))
        return int(datetime.combine(day, moment).timestamp())


def span(first: date, count: int) -> tuple[date, ...]:
    return tuple(first + timedelta(days=number) for number in range(count))


def weekdays(first: date, last: date) -> tuple[date, ...]:
    return tuple(day for day in span(first, (last - first).days + 1) if day.weekday() < 5)


MARKETS = [
    # Live over the end of a month.
    Market("COIN", "CRYPTO", "24x7", "Etc/UTC", span(date(2026, 3, 29), 4), datetime(2026, 3, 31, 23, 54, tzinfo=UTC)),
    # Live over a weekend in which the clocks change.
    Market("YANK", "NYSE", "0930-1600", "America/New_York", weekdays(date(2026, 3, 2), date(2026, 3, 9)),
           datetime(2026, 3, 6, 20, 54, tzinfo=UTC)),
    # Live over a break; before it half a day, and days off after that.
    Market("KONG", "HKEX", "0930-1200,1300-1600", "Asia/Hong_Kong",
           (*weekdays(date(2026, 2, 11), date(2026, 2, 16)), date(2026, 2, 20), date(2026, 2, 23)),
           datetime(2026, 2, 23, 3, 54, tzinfo=UTC)),
]  # fmt: skip
LIVE_MINUTES = 8


def minutes_of(market: Market) -> list[RawBar]:
    """Its minutes, a twentieth of them without a trade."""
    chance, price, found = random.Random(market.symbol), 1_000, list[RawBar]()
    for day in market.days:
        for start, end in market.segments(day):
            for opened_at in range(start, end, 60):
                price = max(100, price + chance.randint(-9, 9))
                if chance.random() > 0.05:
                    found.append(made(opened_at, price, chance))
    return found


def made(opened_at: int, price: int, chance: random.Random) -> RawBar:
    values = [price + chance.randint(-20, 20) for _ in range(4)]
    cents = [Decimal(value) / 100 for value in (values[0], max(values), min(values), values[1])]
    return RawBar(opened_at, *cents, Decimal(chance.randint(1, 500)))


def expected(market: Market, minutes: Sequence[RawBar], resolution: str) -> list[FormingBar]:
    """The bars of `resolution` that `minutes` make."""
    found: dict[int, FormingBar] = {}
    months: dict[tuple[int, int], int] = {}
    for bar in minutes:
        stamp = stamp_of(market, bar.opened_at, resolution, months)
        values = [float(value) for value in bar[1:]]
        old = found.get(stamp)
        if old is None:
            found[stamp] = FormingBar(stamp, *values)
        else:
            high, low, volume = max(old.high, values[1]), min(old.low, values[2]), old.volume + values[4]
            found[stamp] = FormingBar(stamp, old.open, high, low, values[3], volume)
    return list(found.values())


def stamp_of(market: Market, opened_at: int, resolution: str, months: dict[tuple[int, int], int]) -> int:
    day = datetime.fromtimestamp(opened_at, tz=ZoneInfo(market.timezone)).date()
    midnight = int(datetime.combine(day, time(), tzinfo=UTC).timestamp())
    if is_intraday(resolution):
        start = next(start for start, end in market.segments(day) if start <= opened_at < end)
        return opened_at - (opened_at - start) % seconds(resolution)
    if resolution == "1M":
        return months.setdefault((day.year, day.month), midnight)
    return midnight - day.weekday() * DAY if resolution == "1W" else midnight


Ask = Callable[[str, str, int, int, int], list[FormingBar]]


def by_history(symbol: str, resolution: str, since: int, until: int, count: int) -> list[FormingBar]:
    """A page in the classic dialect: columns, seconds."""
    query = {"symbol": symbol, "resolution": resolution, "from": since, "to": until, "countback": count}
    answer = Client().get("/udf/history", query).json()
    assert answer["s"] in {"ok", "no_data"}, answer
    columns = [answer.get(name, []) for name in "tohlcv"]
    assert bool(columns[0]) == (answer["s"] == "ok"), "an empty page that says ok is asked for again for ever"
    return [FormingBar(*row) for row in zip(*columns, strict=True)]


def by_bars(symbol: str, resolution: str, since: int, until: int, count: int) -> list[FormingBar]:
    """A page in the dialect of programs: rows, milliseconds."""
    query = {"symbol": symbol, "resolution": resolution, "from_time": since, "to_time": until, "count_back": count}
    answer = Client().get("/api/v1/datafeed/bars", query).json()
    assert answer["no_data"] is not bool(answer["bars"])
    return [FormingBar(bar.pop("time") // 1_000, *bar.values()) for bar in answer["bars"]]


@dataclass
class ChartingClient:
    """What a library holds of one series: it pages back until there is no more, and polls for the newest two."""

    ask: Ask
    symbol: str
    resolution: str
    held: list[FormingBar] = field(default_factory=list)

    def scroll_back(self, now: int) -> None:
        until = now
        for _ in range(MOST_PAGES):
            page = self.ask(self.symbol, self.resolution, until - PAGE * seconds(self.resolution), until, PAGE)
            if not page:
                return
            assert [bar.opened_at for bar in page] == sorted({bar.opened_at for bar in page}), "out of order"
            assert page[-1].opened_at < until, "what was not asked for"
            self.held[:0] = page
            until = page[0].opened_at
        raise AssertionError("scrolling back never ends")

    def poll(self, now: int) -> None:
        newest = self.ask(self.symbol, self.resolution, now - 10 * seconds(self.resolution), now, 2)
        last = self.held[-1].opened_at
        assert newest[-1].opened_at >= last, "older than what is shown"
        if newest[-1].opened_at > last:
            assert len(newest) == 2
            assert newest[-2].opened_at >= last, "the one before is older than what is shown"
            self._take(newest[-2])
        self._take(newest[-1])

    def _take(self, bar: FormingBar) -> None:
        if self.held[-1].opened_at == bar.opened_at:
            self.held.pop()
        self.held.append(bar)


class Exchange(Provider):
    """The provider whose bars these are."""

    key = label = "exchange"

    def instruments(self) -> Sequence[InstrumentSpec]:
        return ()

    def series(self) -> Sequence[SeriesKey]:
        return [SeriesKey(market.symbol, "1") for market in MARKETS]

    def history(self, series: SeriesKey, after: int | None) -> Iterator[RawBar]:
        return iter(())


def listed(market: Market, resolution: str = "1") -> Series:
    spec = InstrumentSpec(
        market.symbol, market.symbol.title(), market.exchange, session=market.session, timezone=market.timezone
    )
    series = ensure_series(spec=spec, resolution=resolution, provider=Exchange.key)
    assert series is not None
    return series


def record(series: Series, bars: Sequence[RawBar]) -> None:
    """Have `series` hold `bars`, by the fastest way there is."""
    rows = (",".join(map(str, bar)) for bar in bars)
    table = "\n".join(["time,open,high,low,close,volume", *rows])
    report = import_bars(series=series, file=io.BytesIO(table.encode()), zone=UTC)
    assert report.added == len(bars)


@pytest.fixture(params=MARKETS, ids=lambda market: market.symbol)
def market(request: Any) -> Market:
    return request.param


@pytest.mark.parametrize("ask", [by_history, by_bars])
def test_every_bar_comes_once_and_in_order_from_the_newest_to_the_first(market: Market, ask: Ask) -> None:
    minutes = minutes_of(market)
    record(listed(market), minutes)
    now = minutes[-1].opened_at + 90
    for resolution in LADDER:
        client = ChartingClient(ask, market.symbol, resolution)
        client.scroll_back(now)
        assert client.held == expected(market, minutes, resolution), resolution


@pytest.mark.parametrize("ask", [by_history, by_bars])
def test_years_of_days_weeks_and_months_come_once_and_in_order(market: Market, ask: Ask) -> None:
    chance = random.Random(market.symbol)
    hours = Hours(market.session, market.timezone, calendar_of(market.exchange))
    days = [day for day in span(date(2023, 1, 17), 1_000) if segments_of(hours, day)]
    stamps = [int(datetime.combine(day, time(), tzinfo=UTC).timestamp()) for day in days]
    bars = [made(stamp, 1_000 + chance.randint(-50, 50), chance) for stamp in stamps]
    record(listed(market, "1D"), bars)
    utc = Market(market.symbol, "", "24x7", "Etc/UTC", (), market.live_from)
    for resolution in ("1D", "1W", "1M"):
        client = ChartingClient(ask, market.symbol, resolution)
        client.scroll_back(stamps[-1] + 20 * 3_600)
        assert client.held == expected(utc, bars, resolution), resolution


@pytest.mark.parametrize("ask", [by_history, by_bars])
def test_a_client_that_goes_on_polling_ends_with_every_bar_as_it_closed(market: Market, ask: Ask) -> None:
    minutes = minutes_of(market)
    since = int(market.live_from.timestamp())
    before = [bar for bar in minutes if bar.opened_at < since]
    coming = [bar for bar in minutes if bar.opened_at >= since][:LIVE_MINUTES]
    assert coming[-1].opened_at - coming[0].opened_at > LIVE_MINUTES * 60, "there should be something to skip"
    record(listed(market), before)
    clients = [ChartingClient(ask, market.symbol, resolution) for resolution in LADDER]
    for client in clients:
        client.scroll_back(since)
    live = open_live(provider=Exchange())[SeriesKey(market.symbol, "1")]
    for bar in coming:
        play(live, bar, clients)
    for client in clients:
        assert client.held == expected(market, [*before, *coming], client.resolution), client.resolution


def play(live: LiveSeries, bar: RawBar, clients: list[ChartingClient]) -> None:
    """One minute: it forms, and closes; the clients poll after either."""
    key, audience = SeriesKey(live.series.instrument.symbol, "1"), Audience(has_listeners=lambda topic: False)
    half = RawBar(bar.opened_at, bar.open, max(bar.open, bar.low), bar.low, bar.low, bar.volume / 2)
    for update in (BarUpdate(key, half, is_closed=False), BarUpdate(key, bar, is_closed=True)):
        take_update(live=live, update=update, audience=audience)
        for client in clients:
            client.poll(bar.opened_at + 59)


def test_eight_clients_at_once_have_the_same(settings: Any) -> None:
    minutes = {market.symbol: minutes_of(market) for market in MARKETS}
    for market in MARKETS:
        record(listed(market), minutes[market.symbol])
    wanted = [(MARKETS[number % 3], (by_history, by_bars)[number % 2]) for number in range(8)]

    def follow(market: Market, ask: Ask) -> list[str]:
        try:
            return [
                name for name in LADDER if scrolled(market, ask, name) != expected(market, minutes[market.symbol], name)
            ]
        finally:
            connection.close()

    def scrolled(market: Market, ask: Ask, resolution: str) -> list[FormingBar]:
        client = ChartingClient(ask, market.symbol, resolution)
        client.scroll_back(minutes[market.symbol][-1].opened_at + 60)
        return client.held

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda one: follow(*one), wanted)) == [[]] * 8
    assert Instrument.objects.count() == 3
