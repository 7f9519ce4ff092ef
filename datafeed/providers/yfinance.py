"""Yahoo Finance: the public chart interface, asked again and again.

The interface has no documentation and no promise; its shape is what Yahoo's own pages read. Without a key, for
personal use, and delayed where the exchange wants it so.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from itertools import zip_longest
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from datafeed.bars import RawBar
from datafeed.providers.base import Capabilities, Described, Field, InstrumentSpec, ProviderFailed, SeriesKey
from datafeed.providers.calls import Calls
from datafeed.providers.vendor import PolledVendor, exact
from datafeed.resolutions import is_intraday
from datafeed.sessions import DAY, day_stamp
from kernel import clock

INTERVALS = {"1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "60m", "1D": "1d"}
REACH_DAYS = {"1": 29, "5": 59, "15": 59, "30": 59, "60": 729, "1D": 36_500}
"""How far back it answers."""
WINDOW_DAYS = {"1": 7, "5": 59, "15": 59, "30": 59, "60": 729, "1D": 36_500}
"""How much one request may ask for."""
COLUMNS = ("open", "high", "low", "close", "volume")

_TYPES = {
    "EQUITY": "stock",
    "ETF": "fund",
    "MUTUALFUND": "fund",
    "INDEX": "index",
    "CURRENCY": "forex",
    "CRYPTOCURRENCY": "crypto",
    "FUTURE": "futures",
}
_SESSIONS = {"crypto": ("24x7", "Etc/UTC"), "forex": ("1700-1700", "America/New_York")}
_EXCHANGES = {
    "NMS": "NASDAQ",
    "NGM": "NASDAQ",
    "NCM": "NASDAQ",
    "NYQ": "NYSE",
    "ASE": "AMEX",
    "PCX": "ARCA",
    "NSI": "NSE",
}


class YahooProvider(PolledVendor):
    """Prices of Yahoo Finance, adjusted for splits, and for dividends where `adjustment` says so."""

    key = "yfinance"
    label = "Yahoo Finance"
    attribution = "Prices of Yahoo Finance, for personal use; they may be delayed."
    capabilities = Capabilities(symbols=True, is_sparse=True, calls_per_second=0.5, resolutions=tuple(INTERVALS))
    fields = (
        Field(
            "adjustment",
            "Adjustment",
            help="split, or all (dividends too)",
            is_required=False,
            default="split",
            pattern="split|all",
        ),
    )
    poll_every = 15.0
    pace = 120.0
    settles_after = 30.0
    rest_url = "https://query1.finance.yahoo.com"

    @cached_property
    def _calls(self) -> Calls:
        return Calls(self.rest_url, {"User-Agent": "Mozilla/5.0"}, self.capabilities.calls_per_second)

    def describe(self, vendor_symbol: str) -> Described:
        meta = self._chart(vendor_symbol, {"interval": "1d", "range": "1d"})["meta"]
        if not isinstance(meta, dict) or not isinstance(meta.get("symbol"), str):
            raise ProviderFailed("Yahoo answered something that is no chart.")
        kind = _TYPES.get(str(meta.get("instrumentType")), "stock")
        code = str(meta.get("exchangeName") or "YAHOO")
        session, zone = _SESSIONS.get(kind) or (_session(meta), str(meta.get("exchangeTimezoneName")))
        name = str(meta.get("longName") or meta.get("shortName") or meta["symbol"])[:120]
        currency = str(meta.get("currency") or "USD").upper()
        spec = InstrumentSpec(
            meta["symbol"].upper(), name, _EXCHANGES.get(code, code), kind, currency, session=session, timezone=zone
        )
        return Described(meta["symbol"], spec)

    def bars(self, series: SeriesKey, after: int | None) -> Iterator[RawBar]:
        resolution = series.resolution
        if resolution not in INTERVALS:
            raise ProviderFailed(f"Yahoo has no bars of {resolution}.", is_permanent=True)
        now = int(clock.now().timestamp())
        earliest = max(0, now - REACH_DAYS[resolution] * DAY)
        start = earliest if after is None else max(earliest, after)
        while start <= now:
            end = min(start + WINDOW_DAYS[resolution] * DAY, now + DAY)
            params = {"interval": INTERVALS[resolution], "period1": start, "period2": end, "includePrePost": "false"}
            result = self._chart(self.listing(series).vendor_symbol, params)
            found = list(self.good(series, self._rows(series, result), after))
            yield from found
            after = found[-1].opened_at if found else after
            start = end

    def _chart(self, vendor_symbol: str, params: dict[str, Any]) -> dict[str, Any]:
        said = self._calls.get_json(f"/v8/finance/chart/{quote(vendor_symbol, safe='')}", params)
        try:
            result = said["chart"]["result"][0]
            meta = result["meta"]
        except (TypeError, LookupError):
            raise ProviderFailed("Yahoo answered something that is no chart.") from None
        if not isinstance(result, dict) or not isinstance(meta, dict):
            raise ProviderFailed("Yahoo answered something that is no chart.")
        return result

    def _rows(self, series: SeriesKey, result: dict[str, Any]) -> Iterator[Any]:
        """The rows of the answer's columns; those with holes are minutes without trades."""
        try:
            zone = ZoneInfo(str(result["meta"].get("exchangeTimezoneName") or "Etc/UTC"))
            times, quotes = result.get("timestamp") or [], result["indicators"]["quote"][0]
            columns = [quotes.get(name) or [] for name in COLUMNS]
            adjusted = _closes(result) if self.value("adjustment") == "all" else None
        except (TypeError, LookupError, ValueError, AttributeError, ZoneInfoNotFoundError):
            raise ProviderFailed("Yahoo answered something that is no chart.") from None
        for number, (time, *values) in enumerate(zip_longest(times, *columns)):
            if None in values[:4]:
                continue
            values[4] = values[4] or 0
            close = adjusted[number] if adjusted is not None and number < len(adjusted) else None
            yield self._row(series, time, values, close, zone)

    def _row(self, series: SeriesKey, time: Any, values: list[Any], adjusted: Any, zone: ZoneInfo) -> Any:
        try:
            prices = [exact(value) for value in values]
            if adjusted is not None and prices[3]:
                factor = exact(adjusted) / prices[3]
                prices[:4] = [price * factor for price in prices[:4]]
            prices[:4] = [_rounded(price) for price in prices[:4]]
            prices[1], prices[2] = max(prices[:4]), min(prices[:4])  # single precision contradicts itself in the end
            if is_intraday(series.resolution):
                # The bar under way is stamped with its last trade.
                stamp = self.listing(series).hours.bucket(series.resolution, int(time), series.resolution).start
            else:
                stamp = day_stamp(datetime.fromtimestamp(int(time), tz=zone).date())
            return (stamp, *prices)
        except (TypeError, ValueError, InvalidOperation, OverflowError):
            return (time, *values)


def _closes(result: dict[str, Any]) -> list[Any] | None:
    found = result["indicators"].get("adjclose")
    return list(found[0]["adjclose"]) if found else None


def _rounded(price: Decimal) -> Decimal:
    """Prices come in single precision: its seven digits, and no more than six places."""
    return price.quantize(max(Decimal("0.000001"), Decimal(1).scaleb(price.adjusted() - 6))).normalize()


def _session(meta: dict[str, Any]) -> str:
    """The session string of the exchange's present day."""
    try:
        regular, zone = meta["currentTradingPeriod"]["regular"], ZoneInfo(str(meta["exchangeTimezoneName"]))
        start, end = (datetime.fromtimestamp(int(regular[name]), tz=zone) for name in ("start", "end"))
        return f"{start:%H%M}-{end:%H%M}" if start < end else "0930-1600"
    except (TypeError, LookupError, ValueError, OverflowError, ZoneInfoNotFoundError):
        return "0930-1600"
