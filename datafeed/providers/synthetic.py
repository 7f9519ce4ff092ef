"""A simulated market of one-minute bars on the wall clock, the same for the same minute whenever it is asked."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from zlib import crc32

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from datafeed.bars import Floats, RawBar
from datafeed.providers.base import BarUpdate, InstrumentSpec, Positions, Provider, SeriesKey
from datafeed.resolutions import canonical
from datafeed.schedules import ALWAYS
from datafeed.sessions import Hours
from kernel import clock

MINUTE = 60
FIRST_FILL = 2_880  # two days
LONGEST_FILL = 10_080  # a week: after a longer absence the gap stays
CHUNK = 1_440
TICKS = 60  # the finest steps a forming minute moves in
OCTAVES = 15
STEP = 0.00045  # the usual move from minute to minute, as a share of the price
CENT = Decimal("0.01")

_KNOWN = {
    "AAPL": (InstrumentSpec("AAPL", "Apple Inc.", "NASDAQ"), 190.0),
    "GOOGL": (InstrumentSpec("GOOGL", "Alphabet Inc. Class A", "NASDAQ"), 140.0),
    "MSFT": (InstrumentSpec("MSFT", "Microsoft Corporation", "NASDAQ"), 410.0),
}
Minutes = NDArray[np.int64]


class SyntheticProvider(Provider):
    """Simulated one-minute bars of `BAR_BROADCASTER_SYMBOLS`, day and night.

    Prices are a sum of smoothed noise over fifteen time scales, each twice as long and √2 as strong as the one
    before (the value noise of computer graphics, which approximates a Brownian path but can be asked for any
    minute by itself), hashed from the symbol and the minute alone.
    """

    key = "synthetic"
    label = "Simulated market"
    attribution = "Generated from a seed by this program; not a record of any market."
    is_simulated = True
    hours = Hours(ALWAYS, "Etc/UTC")
    pace = MINUTE

    def instruments(self) -> Sequence[InstrumentSpec]:
        return [_spec(symbol) for symbol in _symbols()]

    def series(self) -> Sequence[SeriesKey]:
        return [SeriesKey(symbol, "1") for symbol in _symbols()]

    def history(self, series: SeriesKey, after: int | None) -> Iterable[RawBar]:
        """Every whole minute since `after`, a week of them at most, or the last two days where there is none."""
        now = _this_minute()
        first = now - FIRST_FILL if after is None else max(after // MINUTE + 1, now - LONGEST_FILL)
        for start in range(first, now, CHUNK):
            yield from minutes_of(series.symbol, start, min(start + CHUNK, now))

    async def live(self, positions: Positions) -> AsyncIterator[BarUpdate]:
        """The minute under way every `BAR_BROADCASTER_INTERVAL` seconds, and each minute as it closes."""
        newest = {key: positions.get(key) for key in self.series()}
        while True:
            for key, after in newest.items():
                for bar in self.history(key, after):
                    yield BarUpdate(key, bar, is_closed=True)
                    newest[key] = bar.opened_at
            moment = clock.now().timestamp()
            minute, second = int(moment // MINUTE), moment % MINUTE
            for key in newest:
                yield BarUpdate(key, forming(key.symbol, minute, second / MINUTE), is_closed=False)
            left = MINUTE - clock.now().timestamp() % MINUTE
            await asyncio.sleep(min(settings.BAR_BROADCASTER_INTERVAL, left + 0.01))

    def broadcasts(self, resolution: str) -> bool:
        return resolution in {canonical(text) for text in settings.BAR_BROADCASTER_RESOLUTIONS}

    def standing(self, positions: Positions) -> str:
        return f"simulating {', '.join(_symbols())} every {settings.BAR_BROADCASTER_INTERVAL:g} s"


def minutes_of(symbol: str, start: int, stop: int) -> list[RawBar]:
    """The closed bars of the minutes `start` to before `stop`, counted from the epoch."""
    minutes = np.arange(start, stop, dtype=np.int64)
    seed = _seed(symbol)
    closes = _price(symbol, minutes)
    opens = _price(symbol, minutes - 1)
    reach = STEP * np.maximum(opens, closes)
    highs = np.maximum(opens, closes) + reach * _noise(seed + 101, minutes)
    lows = np.minimum(opens, closes) - reach * _noise(seed + 102, minutes)
    volumes = np.floor(200 + 9_800 * _noise(seed + 103, minutes) ** 3)
    columns = zip(minutes.tolist(), opens, highs, lows, closes, volumes, strict=True)
    return [_bar(minute * MINUTE, *map(float, values)) for minute, *values in columns]


def forming(symbol: str, minute: int, share: float) -> RawBar:
    """The bar of `minute` when the part `share` (0 to 1) of it has gone; it only ever grows into the closed one."""
    whole = _whole(symbol, minute)
    ticks = np.arange(1, max(1, min(TICKS, int(share * TICKS))) + 1, dtype=np.int64)
    opened, high, low, close = map(float, (whole.open, whole.high, whole.low, whole.close))
    drift = opened + (close - opened) * ticks / TICKS
    wander = (_noise(_seed(symbol) + 104, minute * TICKS + ticks) * 2 - 1) * (high - low)
    path = np.clip(drift + wander * 0.6, low, high)
    seen = (opened, *path.tolist())
    volume = np.floor(float(whole.volume) * len(ticks) / TICKS)
    return _bar(whole.opened_at, opened, max(seen), min(seen), seen[-1], float(volume))


@lru_cache(maxsize=1_024)
def _whole(symbol: str, minute: int) -> RawBar:
    """The closed bar of one minute, which every look at it as a forming one grows towards."""
    return minutes_of(symbol, minute, minute + 1)[0]


def _symbols() -> list[str]:
    return list(dict.fromkeys(symbol.upper() for symbol in settings.BAR_BROADCASTER_SYMBOLS))


def _spec(symbol: str) -> InstrumentSpec:
    if symbol in _KNOWN:
        return _KNOWN[symbol][0]
    return InstrumentSpec(symbol, f"{symbol} (simulated)", "SIMULATED", session=ALWAYS, timezone="Etc/UTC")


def _this_minute() -> int:
    return int(clock.now().timestamp() // MINUTE)


def _seed(symbol: str) -> int:
    return crc32(symbol.encode()) * 1_000


def _price(symbol: str, minutes: Minutes) -> Floats:
    seed, path = _seed(symbol), np.zeros(len(minutes))
    level = _KNOWN[symbol][1] if symbol in _KNOWN else 20 + seed // 1_000 % 400
    for octave in range(OCTAVES):
        path += 2 ** (octave / 2) * (_smooth(seed + octave, minutes, 2**octave) - 0.5)
    return np.round(level * np.exp(2 * STEP * path), 2)


def _smooth(seed: int, minutes: Minutes, scale: int) -> Floats:
    """Noise on a lattice of `scale` minutes, with straight lines between its points."""
    cell, part = minutes // scale, minutes % scale / scale
    before, after = _noise(seed, cell), _noise(seed, cell + 1)
    return before + (after - before) * part


def _noise(seed: int, positions: Minutes) -> Floats:
    """Uniform on [0, 1) for each position: the finalizer of splitmix64 (Steele, Lea and Flood, 2014)."""
    bits = positions.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return (bits >> np.uint64(11)).astype(np.float64) / 2.0**53


def _bar(opened_at: int, opened: float, high: float, low: float, close: float, volume: float) -> RawBar:
    prices = [Decimal(repr(price)).quantize(CENT) for price in (opened, high, low, close)]
    return RawBar(opened_at, prices[0], max(prices), min(prices), prices[3], Decimal(int(volume)))
