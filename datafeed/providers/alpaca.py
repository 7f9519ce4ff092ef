"""Alpaca: history of American stocks over REST, and closed bars, corrections and trades on its stream.

Source: the vendor's documentation, "Historical bars" of the market data API version 2 and "WebSocket stream".
"""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from datafeed.bars import RawBar
from datafeed.providers.base import (
    NEW_YORK,
    Capabilities,
    Described,
    Field,
    InstrumentSpec,
    ProviderFailed,
    SeriesKey,
    SignInExpired,
)
from datafeed.providers.calls import Calls
from datafeed.providers.streams import OPEN_WITHIN, Heard, StreamVendor, open_socket
from datafeed.providers.vendor import exact
from datafeed.resolutions import is_intraday
from datafeed.sessions import day_stamp
from datafeed.ticks import Tick
from kernel import clock

TIMEFRAMES = {"1": "1Min", "5": "5Min", "15": "15Min", "30": "30Min", "60": "1Hour", "1D": "1Day"}
FIRST_DAYS = {"1": 30, "1D": 3_650}
SOME_DAYS = 365
A_PAGE = 10_000
REFUSED = {402: "the key or its secret is wrong", 409: "the subscription does not have this feed"}
# Trades under these conditions change neither the range nor the last price of a bar: the vendor's bars leave them out.
_ODD = frozenset("4HMNPQRTUVZ79IW")


class AlpacaProvider(StreamVendor):
    """American stocks by way of an account at Alpaca."""

    key = "alpaca"
    label = "Alpaca"
    attribution = "American stock prices by way of Alpaca Market Data."
    capabilities = Capabilities(
        symbols=True,
        is_sparse=True,
        needs_key=True,
        calls_per_second=3.0,
        resolutions=tuple(TIMEFRAMES),
        counts_towards_score=True,
    )
    fields = (
        Field("key_id", "Key id"),
        Field("secret_key", "Secret key", is_secret=True),
        Field(
            "feed", "Feed", help="iex (free) or sip", is_required=False, default="iex", pattern="iex|sip|delayed_sip"
        ),
        Field(
            "adjustment",
            "Adjustment",
            help="raw, split or all (dividends too)",
            is_required=False,
            default="split",
            pattern="raw|split|all",
        ),
    )
    pace = 60.0
    settles_after = 3.0
    closes_bars = True
    grace = 90.0  # a minute that the vendor closes no bar of had nothing in it that counts
    rest_url = "https://data.alpaca.markets"
    trading_url = "https://paper-api.alpaca.markets"
    stream_url = "wss://stream.data.alpaca.markets/v2"

    @property
    def _headers(self) -> dict[str, str]:
        return {"APCA-API-KEY-ID": self.value("key_id"), "APCA-API-SECRET-KEY": self.value("secret_key")}

    @cached_property
    def _calls(self) -> Calls:
        return Calls(self.rest_url, self._headers, self.capabilities.calls_per_second)

    def describe(self, vendor_symbol: str) -> Described:
        calls = Calls(self.trading_url, self._headers, self.capabilities.calls_per_second)
        said = calls.get_json(f"/v2/assets/{quote(vendor_symbol.upper(), safe='')}")
        if not isinstance(said, dict) or not isinstance(said.get("symbol"), str):
            raise ProviderFailed("Alpaca answered something that is no asset.")
        symbol = said["symbol"].upper()
        name, exchange = str(said.get("name") or symbol)[:120], str(said.get("exchange") or "NASDAQ")
        return Described(symbol, InstrumentSpec(symbol, name, exchange))

    def bars(self, series: SeriesKey, after: int | None) -> Iterator[RawBar]:
        if series.resolution not in TIMEFRAMES:
            raise ProviderFailed(f"Alpaca has no bars of {series.resolution}.", is_permanent=True)
        symbol, token = self.listing(series).vendor_symbol, None
        params = self._page_params(series, after)
        while True:
            said = self._calls.get_json(f"/v2/stocks/{quote(symbol, safe='')}/bars", params)
            rows = said.get("bars") if isinstance(said, dict) else "nothing"
            if rows is not None and not isinstance(rows, list):
                raise ProviderFailed("Alpaca answered something that is no list of bars.")
            found = list(self.good(series, (self._row(series, row) for row in rows or ()), after))
            yield from found
            after = found[-1].opened_at if found else after
            following = said.get("next_page_token")
            if not following or following == token:
                return
            token = params["page_token"] = following

    def _page_params(self, series: SeriesKey, after: int | None) -> dict[str, Any]:
        now = clock.now()
        start = (
            clock.from_epoch(after)
            if after is not None
            else now - timedelta(days=FIRST_DAYS.get(series.resolution, SOME_DAYS))
        )
        return {
            "timeframe": TIMEFRAMES[series.resolution],
            "start": clock.isoformat(start.replace(microsecond=0)),
            "limit": A_PAGE,
            "adjustment": self.value("adjustment"),
            "feed": self.value("feed"),
            "sort": "asc",
        }

    def _row(self, series: SeriesKey, row: Any) -> Any:
        try:
            moment = _moment(row["t"])
            if is_intraday(series.resolution):
                stamp = int(moment.timestamp())
            else:
                stamp = day_stamp(moment.astimezone(ZoneInfo(NEW_YORK)).date())
            return (stamp, *(row[name] for name in "ohlcv"))
        except (TypeError, ValueError, KeyError):
            return row

    async def open_stream(self) -> ClientConnection:
        connection = await open_socket(
            f"{self.stream_url}/{self.value('feed')}", {"Content-Type": "application/msgpack"}
        )
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                await self._sign_in(connection)
        except TimeoutError:
            await connection.close()
            raise ProviderFailed("It did not answer in time.") from None
        except (ConnectionClosed, ProviderFailed) as error:
            await connection.close()
            if isinstance(error, ProviderFailed):
                raise
            raise ProviderFailed("The connection ended while we signed in.") from None
        return connection

    async def _sign_in(self, connection: ClientConnection) -> None:
        await _await(connection, "success", "connected")
        key, secret = self.value("key_id"), self.value("secret_key")
        await connection.send(msgspec.msgpack.encode({"action": "auth", "key": key, "secret": secret}))
        await _await(connection, "success", "authenticated")
        symbols = sorted(self._by_symbol)
        wanted = {"action": "subscribe", "trades": symbols, "bars": symbols, "updatedBars": symbols}
        await connection.send(msgspec.msgpack.encode(wanted))
        await _await(connection, "subscription")

    @cached_property
    def _by_symbol(self) -> dict[str, SeriesKey]:
        return {self.listing(key).vendor_symbol: key for key in self.minute_series()}

    def hear(self, frame: str | bytes) -> Iterator[Heard]:
        for message in _messages(frame):
            series = self._by_symbol.get(message.get("S", ""))
            kind = message.get("T")
            if kind == "error":
                raise _error(message)
            if series is None:
                continue
            if kind in {"b", "u"}:
                bar = self.sensible(series, self._row(series, message))
                if bar is not None:
                    yield series, bar
            elif kind == "t" and not _ODD.intersection(message.get("c") or ()):
                yield from self._trade(series, message)

    def _trade(self, series: SeriesKey, message: dict[str, Any]) -> Iterator[Heard]:
        try:
            at = _moment(message["t"]).timestamp()
            yield series, Tick(at, exact(message["p"]), Decimal(exact(message["s"])), message.get("i"))
        except (TypeError, ValueError, KeyError, ArithmeticError) as error:
            self.leave_out(series.symbol, error)


def _moment(value: Any) -> datetime:
    """RFC 3339 with nanoseconds in JSON, a time stamp in MessagePack."""
    if isinstance(value, datetime):
        return value
    whole, _, rest = str(value).rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{rest[:6].ljust(6, '0')}+00:00")


def _messages(frame: str | bytes) -> list[dict[str, Any]]:
    """The messages of a frame, packed or as JSON; raises `ProviderFailed` for what is neither."""
    try:
        said = msgspec.json.decode(frame) if isinstance(frame, str) else msgspec.msgpack.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise ProviderFailed("Alpaca sent something that cannot be read.") from None
    if not isinstance(said, list):
        raise ProviderFailed("Alpaca sent something that is no list of messages.")
    return [message for message in said if isinstance(message, dict)]


async def _await(connection: ClientConnection, kind: str, text: str | None = None) -> None:
    """Read until the message that is due."""
    while True:
        for message in _messages(await connection.recv()):
            if message.get("T") == "error":
                raise _error(message)
            if message.get("T") == kind and text in {None, message.get("msg")}:
                return


def _error(message: dict[str, Any]) -> ProviderFailed:
    code, text = message.get("code"), str(message.get("msg"))[:160]
    if code in REFUSED:
        return SignInExpired(f"Alpaca refuses us: {REFUSED[code]} ({code} {text}).")
    is_permanent = code in {405, 410}
    return ProviderFailed(f"Alpaca says: {text} ({code}).", is_permanent=is_permanent)
