"""Real market history that installed packages ship, the last part of it played as if it were live."""

import asyncio
import csv
import gzip
import importlib.util
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from operator import attrgetter
from pathlib import Path

from django.conf import settings

from datafeed.bars import RawBar
from datafeed.providers.base import BarUpdate, Capabilities, InstrumentSpec, Positions, Provider, SeriesKey

MOST_LIVE = 1_000
STAGES = (0.25, 0.5, 0.75)
PLACES = Decimal("0.0001")

STOCKS = {
    "AAPL": InstrumentSpec("AAPL", "Apple Inc.", "NASDAQ"),
    "IBM": InstrumentSpec("IBM", "International Business Machines", "NYSE"),
    "MSFT": InstrumentSpec("MSFT", "Microsoft Corporation", "NASDAQ"),
    "GOOG": InstrumentSpec("GOOG", "Google Inc.", "NASDAQ"),
    "FB": InstrumentSpec("FB", "Facebook Inc.", "NASDAQ"),
}
EURUSD = InstrumentSpec(
    "EURUSD",
    "Euro / US Dollar",
    "FOREX",
    type="forex",
    price_increment=Decimal("0.00001"),
    lot_size=Decimal(1000),
    session="1700-1700",
)
_FOREX_PACKAGE = "gym_anytrading"
_FOREX_FILE = "datasets/data/FOREX_EURUSD_1H_ASK.csv"


class ReplayProvider(Provider):
    """Daily bars of five stocks, 2000 to 2013, adjusted for splits, with their original stamps.

    All but the last bars (a thousand, or half of a short series) are history at once; the others arrive one every
    `REPLAY_INTERVAL` seconds, first forming and then closed. Where the store has them all, nothing more comes.
    """

    key = "replay"
    label = "Replay of real history"
    capabilities = Capabilities(resolutions=("60", "1D"))

    def __init__(self) -> None:
        forex = ", EURUSD hourly 2017 (gym-anytrading, MIT)" if _forex_path() else ""
        self.attribution = (
            "AAPL, FB, GOOG, IBM, MSFT daily 2000-2013: Quandl WIKI, public domain, by way of bokeh_sampledata "
            f"(package BSD-3-Clause); adjusted for splits and dividends{forex}"
        )

    def instruments(self) -> Sequence[InstrumentSpec]:
        return [*STOCKS.values(), EURUSD] if _forex_path() else list(STOCKS.values())

    def series(self) -> Sequence[SeriesKey]:
        stocks = [SeriesKey(symbol, "1D") for symbol in STOCKS]
        return [*stocks, SeriesKey("EURUSD", "60")] if _forex_path() else stocks

    def history(self, series: SeriesKey, after: int | None) -> Iterable[RawBar]:
        past, _ = _parts(series)
        return _later(past, after)

    async def live(self, positions: Positions) -> AsyncIterator[BarUpdate]:
        """Play what is left of every series side by side; ends where all have come to their end."""
        left = {key: iter(_later(_parts(key)[1], positions.get(key))) for key in self.series()}
        while True:
            coming = {key: bar for key, bars in left.items() if (bar := next(bars, None)) is not None}
            if not coming:
                return
            for stage in STAGES:
                await asyncio.sleep(settings.REPLAY_INTERVAL / (len(STAGES) + 1))
                for key, bar in coming.items():
                    yield BarUpdate(key, forming(bar, stage), is_closed=False)
            await asyncio.sleep(settings.REPLAY_INTERVAL / (len(STAGES) + 1))
            for key, bar in coming.items():
                yield BarUpdate(key, bar, is_closed=True)

    def standing(self, positions: Positions) -> str:
        left = sum(len(_later(_parts(key)[1], positions.get(key))) for key in self.series())
        if not left:
            return "every series has come to its end and stands still; reset the replay to begin again"
        return f"playing one bar every {settings.REPLAY_INTERVAL:g} s, {left} bars left"

    def first_live(self, series: SeriesKey) -> int:
        """The stamp of the first bar that is played rather than history."""
        return _parts(series)[1][0].opened_at


def forming(bar: RawBar, stage: float) -> RawBar:
    """`bar` as it may have looked when the part `stage` (0 to 1) of its time had gone.

    The path runs from the open by way of the nearer extreme and the farther one to the close.
    """
    is_rising = bar.close >= bar.open
    path = (bar.open, bar.low, bar.high, bar.close) if is_rising else (bar.open, bar.high, bar.low, bar.close)
    leg = stage * (len(path) - 1)
    passed = path[: int(leg) + 1]
    share = Decimal(leg - int(leg)).quantize(PLACES)
    last = passed[-1] + (path[min(int(leg) + 1, len(path) - 1)] - passed[-1]) * share
    last = min(max(last.quantize(bar.close), bar.low), bar.high)  # with the places of the source's own prices
    seen = (*passed, last)
    volume = (bar.volume * Decimal(str(stage))).quantize(Decimal(1))
    return RawBar(bar.opened_at, bar.open, max(seen), min(seen), last, volume)


def _later(bars: Sequence[RawBar], after: int | None) -> Sequence[RawBar]:
    return bars if after is None else bars[bisect_right(bars, after, key=attrgetter("opened_at")) :]


def _parts(series: SeriesKey) -> tuple[Sequence[RawBar], Sequence[RawBar]]:
    """The bars that are history at once, and those that are played."""
    bars = _eurusd() if series.symbol == "EURUSD" else _stocks()[series.symbol]
    played = min(MOST_LIVE, len(bars) // 2)
    return bars[:-played], bars[-played:]


@cache
def _stocks() -> dict[str, list[RawBar]]:
    """Symbol → bars. Read from the file itself: the package's own loaders may pull in much more."""
    found: dict[str, list[RawBar]] = {symbol: [] for symbol in STOCKS}
    source = files("bokeh_sampledata").joinpath("_data", "stocks.csv.gz")
    with source.open("rb") as packed, gzip.open(packed, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["Ticker"] in found:
                found[row["Ticker"]].append(_adjusted(row))
    return {symbol: sorted(bars) for symbol, bars in found.items()}


def _adjusted(row: dict[str, str]) -> RawBar:
    """The day's bar with every price multiplied by what splits and dividends made of its close since."""
    factor = Decimal(row["Adj Close"]) / Decimal(row["Close"])
    opened, high, low, close = (
        (Decimal(row[name]) * factor).quantize(PLACES) for name in ("Open", "High", "Low", "Close")
    )
    day = datetime.strptime(row["Date"], "%Y-%m-%d").replace(tzinfo=UTC)
    # A few rows of the source contradict themselves by a fraction; the extremes give way.
    return RawBar(
        int(day.timestamp()),
        opened,
        max(high, opened, close),
        min(low, opened, close),
        close,
        Decimal(row["Volume"]),
    )


@cache
def _forex_path() -> Path | None:
    # Looked up, never imported: importing that package would start a plotting library.
    found = importlib.util.find_spec(_FOREX_PACKAGE)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / _FOREX_FILE
    return path if path.is_file() else None


@cache
def _eurusd() -> list[RawBar]:
    path = _forex_path()
    return list(_forex_bars(path)) if path else []


def _forex_bars(path: Path) -> Iterator[RawBar]:
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            opened_at = datetime.strptime(row["Time"], "%d.%m.%Y %H:%M:%S.%f").replace(tzinfo=UTC)
            opened, high, low, close = (Decimal(row[name]) for name in ("Open", "High", "Low", "Close"))
            high, low = max(high, opened, close), min(low, opened, close)
            yield RawBar(int(opened_at.timestamp()), opened, high, low, close, Decimal(row["Volume"]))
