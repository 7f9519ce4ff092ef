"""Kite Connect (Zerodha): history over REST, and trades as the binary packets of its ticker.

Source: the vendor's documentation, "Historical candle data", "WebSocket streaming" and "Exceptions and errors" of
version 3.
"""

import csv
import io
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec
from websockets.asyncio.client import ClientConnection

from datafeed.bars import RawBar
from datafeed.providers.base import (
    Capabilities,
    Described,
    Field,
    InstrumentSpec,
    ProviderFailed,
    SeriesKey,
    SignInExpired,
)
from datafeed.providers.calls import Calls
from datafeed.providers.streams import Heard, StreamVendor, open_socket
from datafeed.resolutions import is_intraday
from datafeed.sessions import DAY, day_stamp
from datafeed.ticks import Tick
from kernel import clock

INDIA = ZoneInfo("Asia/Kolkata")
INTERVALS = {"1": "minute", "5": "5minute", "15": "15minute", "30": "30minute", "60": "60minute", "1D": "day"}
MOST_DAYS = {"1": 60, "5": 100, "15": 200, "30": 200, "60": 400, "1D": 2_000}
"""How many days one request may ask for."""
FIRST_DAYS = {"1": 60, "1D": 3_650}
MOST_TOKENS = 3_000  # of one connection
MODES = ("ltp", "quote", "full")

LTP, INDEX_QUOTE, INDEX_FULL, QUOTE, FULL = 8, 28, 32, 44, 184
_DIVISORS = {3: Decimal(10_000_000), 6: Decimal(10_000)}  # by segment, the lowest byte of a token: currencies
_PAISE = Decimal(100)
_EXPIRED = "Kite no longer takes the access token: it ends every morning at six. Sign in anew and enter the new one."

_TYPES = {"EQ": "stock", "FUT": "futures", "CE": "option", "PE": "option"}


class KiteProvider(StreamVendor):
    """Indian markets by way of an account at Zerodha. A series' vendor symbol is its instrument token."""

    key = "kite"
    label = "Kite Connect"
    attribution = "Market data of NSE, BSE and MCX by way of Kite Connect (Zerodha)."
    capabilities = Capabilities(
        ticks=True,
        symbols=True,
        is_sparse=True,
        needs_key=True,
        calls_per_second=3.0,
        resolutions=tuple(INTERVALS),
        counts_towards_score=True,
    )
    fields = (
        Field("api_key", "API key"),
        Field("access_token", "Access token", help="Ends every morning at six, Indian time.", is_secret=True),
        Field("mode", "Mode", help="ltp, quote or full", is_required=False, default="full", pattern="|".join(MODES)),
    )
    pace = 20.0
    settles_after = 5.0
    rest_url = "https://api.kite.trade"
    stream_url = "wss://ws.kite.trade"

    @cached_property
    def _calls(self) -> Calls:
        token = f"token {self.value('api_key')}:{self.value('access_token')}"
        headers = {"X-Kite-Version": "3", "Authorization": token}
        return Calls(self.rest_url, headers, self.capabilities.calls_per_second)

    def describe(self, vendor_symbol: str) -> Described:
        """Of an instrument token, or of `NSE:INFY` as Kite writes it."""
        exchange, _, symbol = vendor_symbol.rpartition(":")
        table = self._ask(f"/instruments/{quote(exchange, safe='')}" if exchange else "/instruments")
        for row in csv.DictReader(io.StringIO(table.decode("utf-8", "replace"))):
            if symbol in {row.get("instrument_token"), row.get("tradingsymbol")}:
                return Described(str(row["instrument_token"]), _spec(row))
        raise ProviderFailed(f"Kite knows no instrument {vendor_symbol[:40]}.", is_permanent=True)

    def bars(self, series: SeriesKey, after: int | None) -> Iterator[RawBar]:
        resolution = series.resolution
        if resolution not in INTERVALS:
            raise ProviderFailed(f"Kite has no bars of {resolution}.", is_permanent=True)
        now = clock.now().astimezone(INDIA).replace(tzinfo=None)
        start = _first_moment(now, resolution, after)
        while start <= now:
            end = min(start + timedelta(days=MOST_DAYS[resolution]), now)
            found = list(self.good(series, self._candles(series, start, end), after))
            yield from found
            after = found[-1].opened_at if found else after
            start = end + timedelta(seconds=1)

    def _candles(self, series: SeriesKey, start: datetime, end: datetime) -> list[Any]:
        path = f"/instruments/historical/{self.listing(series).vendor_symbol}/{INTERVALS[series.resolution]}"
        answer = self._ask(path, {"from": f"{start:%Y-%m-%d %H:%M:%S}", "to": f"{end:%Y-%m-%d %H:%M:%S}"})
        try:
            candles = msgspec.json.decode(answer)["data"]["candles"]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise ProviderFailed("Kite answered something that is no list of candles.") from None
        if not isinstance(candles, list):
            raise ProviderFailed("Kite answered something that is no list of candles.")
        return [self._row(series, candle) for candle in candles]

    def _row(self, series: SeriesKey, candle: Any) -> Any:
        try:
            moment = datetime.strptime(candle[0], "%Y-%m-%dT%H:%M:%S%z")
            stamp = int(moment.timestamp()) if is_intraday(series.resolution) else day_stamp(moment.date())
            return (stamp, *candle[1:6])
        except (TypeError, ValueError, LookupError):
            return candle

    def _ask(self, path: str, params: dict[str, str] | None = None) -> bytes:
        try:
            return self._calls.get(path, params)
        except SignInExpired:
            raise SignInExpired(_EXPIRED) from None

    async def open_stream(self) -> ClientConnection:
        query = urlencode({"api_key": self.value("api_key"), "access_token": self.value("access_token")})
        try:
            connection = await open_socket(f"{self.stream_url}?{query}")
        except SignInExpired:
            raise SignInExpired(_EXPIRED) from None
        self.begin_totals()
        tokens = sorted(self._by_token)[:MOST_TOKENS]
        for message in ({"a": "subscribe", "v": tokens}, {"a": "mode", "v": [self.value("mode"), tokens]}):
            await connection.send(msgspec.json.encode(message).decode())
        return connection

    def begin_totals(self) -> None:
        """Know nothing of the day's volumes: the first packet of a connection tells only where they stand."""
        self._totals: dict[int, tuple[int, int]] = {}

    @cached_property
    def _by_token(self) -> dict[int, SeriesKey]:
        symbols = {key: self.listing(key).vendor_symbol for key in self.minute_series()}
        return {int(symbol): key for key, symbol in symbols.items() if symbol.isdigit() and int(symbol) < 2**32}

    def hear(self, frame: str | bytes) -> Iterator[Heard]:
        if isinstance(frame, str):
            _raise_errors(frame)
            return
        for packet in self._packets(frame):
            try:
                yield from self._heard(packet)
            except (struct.error, ValueError) as error:
                self.leave_out("a packet", error)

    def _packets(self, frame: bytes) -> Iterator[bytes]:
        """The packets of a frame: their number, then each with its length before it; one byte alone is a heartbeat."""
        if len(frame) < 4:
            return
        number, start = struct.unpack_from(">H", frame)[0], 2
        for _ in range(number):
            if start + 2 > len(frame):
                break
            end = start + 2 + struct.unpack_from(">H", frame, start)[0]
            if end > len(frame):
                break
            yield frame[start + 2 : end]
            start = end
        else:
            return
        self.leave_out("a frame", "it is shorter than it says")

    def _heard(self, packet: bytes) -> Iterator[Heard]:
        if len(packet) not in {LTP, INDEX_QUOTE, INDEX_FULL, QUOTE, FULL}:
            raise ValueError(f"no packet has {len(packet)} bytes")
        token, price = struct.unpack_from(">II", packet)
        series = self._by_token.get(token)
        if series is None:
            return
        last = Decimal(price) / _DIVISORS.get(token & 0xFF, _PAISE)
        if len(packet) in {QUOTE, FULL}:
            yield series, self._trade(token, packet, last)
        else:
            at = struct.unpack_from(">I", packet, 28)[0] if len(packet) == INDEX_FULL else clock.now().timestamp()
            yield series, Tick(at, last, Decimal(0))

    def _trade(self, token: int, packet: bytes, price: Decimal) -> Tick:
        """A packet tells of the last trade and of the day's volume so far: what was added is the size."""
        total = struct.unpack_from(">I", packet, 16)[0]
        if len(packet) == QUOTE:
            at = clock.now().timestamp()
            return Tick(at, price, Decimal(self._added(token, at, total)))
        at = struct.unpack_from(">I", packet, 44)[0]
        return Tick(at, price, Decimal(self._added(token, at, total)), (at, total, price))

    def _added(self, token: int, at: float, total: int) -> int:
        """What was traded since the last packet; nothing is known of what was before the first."""
        day = clock.from_epoch(int(at)).astimezone(INDIA).toordinal()
        known_day, known = self._totals.get(token, (day, total))
        if day < known_day:
            return 0
        known = known if day == known_day else 0
        self._totals[token] = (day, max(total, known))
        return max(0, total - known)


def _raise_errors(frame: str) -> None:
    """Text frames bring errors, and news of orders that are no market data."""
    try:
        said = msgspec.json.decode(frame)
    except msgspec.DecodeError:
        return
    if isinstance(said, dict) and said.get("type") == "error":
        raise ProviderFailed(f"Kite says: {str(said.get('data'))[:160]}")


def _first_moment(now: datetime, resolution: str, after: int | None) -> datetime:
    """The first moment to ask for, in Indian time."""
    if after is None:
        return now - timedelta(days=FIRST_DAYS.get(resolution, MOST_DAYS[resolution]))
    following = after + DAY if not is_intraday(resolution) else after + 1
    zone = INDIA if is_intraday(resolution) else None
    moment = clock.from_epoch(following)
    return moment.astimezone(zone).replace(tzinfo=None) if zone else moment.replace(tzinfo=None)


def _spec(row: dict[str, str]) -> InstrumentSpec:
    exchange, kind = row["exchange"], row["instrument_type"]
    kind = "index" if row.get("segment") == "INDICES" else _TYPES.get(kind, "stock")
    return InstrumentSpec(
        row["tradingsymbol"].upper().replace(" ", "_"),
        row["name"] or row["tradingsymbol"],
        exchange,
        type=kind,
        currency="INR",
        price_increment=Decimal(row["tick_size"] or "0.05") or Decimal("0.05"),
        lot_size=Decimal(row["lot_size"] or 1) or Decimal(1),
        session="0900-2330" if exchange == "MCX" else "0915-1530",
        timezone=INDIA.key,
    )
