"""Any crypto exchange that ccxt knows: its public bars, page by page, asked again and again. No key is needed."""

import importlib
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Any

from datafeed.bars import RawBar
from datafeed.providers import calls
from datafeed.providers.base import Capabilities, Described, Field, InstrumentSpec, ProviderFailed, SeriesKey
from datafeed.providers.calls import FIRST_PAUSE, TRIES
from datafeed.providers.vendor import PolledVendor
from datafeed.schedules import ALWAYS
from datafeed.sessions import DAY
from kernel import clock

TIMEFRAMES = {"1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "240": "4h", "1D": "1d"}
FIRST_DAYS = {"1": 2, "5": 10, "15": 30, "30": 60, "60": 120, "240": 365, "1D": 1_500}
A_PAGE = 500
ANSWER_WITHIN = 20_000  # milliseconds
MOST_DECIMALS = Decimal("0.00000001")


class CcxtProvider(PolledVendor):
    """Public bars of one exchange. A series' vendor symbol is ccxt's unified one, such as `BTC/USDT`."""

    key = "ccxt"
    label = "Crypto exchange (ccxt)"
    attribution = "Public market data of the exchange, by way of ccxt (MIT)."
    capabilities = Capabilities(symbols=True, is_sparse=True, resolutions=tuple(TIMEFRAMES), counts_towards_score=True)
    fields = (
        Field(
            "exchange",
            "Exchange",
            help="as ccxt calls it, such as kraken or binance; the account's name where this is empty",
            is_required=False,
            pattern="[a-z0-9]{2,30}",
        ),
    )
    settles_after = 2.0

    @property
    def exchange_id(self) -> str:
        """How ccxt calls the exchange."""
        return self.value("exchange") or self.key.partition(":")[2] or "kraken"

    @cached_property
    def _ccxt(self) -> Any:
        # A hundred exchanges take two seconds and eighty megabytes: only who asks one pays for them.
        return importlib.import_module("ccxt")

    @cached_property
    def exchange(self) -> Any:
        """The exchange's own client, which keeps to its rate limit. Raises `ProviderFailed` for one ccxt has not."""
        if self.exchange_id not in self._ccxt.exchanges:
            raise ProviderFailed(f"ccxt knows no exchange {self.exchange_id}.", is_permanent=True)
        again = {"maxRetriesOnFailure": TRIES - 1, "maxRetriesOnFailureDelay": int(FIRST_PAUSE * 1_000)}
        options = {"enableRateLimit": True, "timeout": ANSWER_WITHIN, "requests_trust_env": False, "options": again}
        exchange = getattr(self._ccxt, self.exchange_id)(options)
        exchange.session.hooks["response"].append(_read_some)
        return exchange

    def describe(self, vendor_symbol: str) -> Described:
        markets = self._ask(self.exchange.load_markets)
        market = markets.get(vendor_symbol.upper())
        if market is None:
            raise ProviderFailed(f"{self.exchange_id} knows no market {vendor_symbol[:40]}.", is_permanent=True)
        spec = InstrumentSpec(
            symbol=str(market["symbol"]).upper(),
            name=f"{market['base']} / {market['quote']}",
            exchange=self.exchange_id.upper(),
            type="crypto",
            currency=str(market["quote"]).upper()[:10],
            price_increment=self._step(market, "price", Decimal("0.01")),
            lot_size=self._step(market, "amount", MOST_DECIMALS),
            session=ALWAYS,
            timezone="Etc/UTC",
        )
        return Described(market["symbol"], spec)

    def _step(self, market: dict[str, Any], name: str, default: Decimal) -> Decimal:
        """The smallest step of a price or an amount: exchanges tell it as a number or as a count of decimals."""
        value = (market.get("precision") or {}).get(name)
        if value is None:
            return default
        is_count = self.exchange.precisionMode == self._ccxt.DECIMAL_PLACES
        step = Decimal(1).scaleb(-int(value)) if is_count else Decimal(str(value))
        return max(step, MOST_DECIMALS)

    def bars(self, series: SeriesKey, after: int | None) -> Iterator[RawBar]:
        timeframe = self._timeframe(series.resolution)
        now = int(clock.now().timestamp())
        since = after + 1 if after is not None else now - FIRST_DAYS[series.resolution] * DAY
        symbol = self.listing(series).vendor_symbol
        while since <= now:
            rows = self._ask(self.exchange.fetch_ohlcv, symbol, timeframe, since * 1_000, A_PAGE)
            found = list(self.good(series, (_row(row) for row in rows), after))
            yield from found
            if not found:
                return
            after = found[-1].opened_at
            since = after + 1

    def _timeframe(self, resolution: str) -> str:
        known = self.exchange.timeframes or {}
        if resolution not in TIMEFRAMES or TIMEFRAMES[resolution] not in known:
            raise ProviderFailed(f"{self.exchange_id} has no bars of {resolution}.", is_permanent=True)
        return TIMEFRAMES[resolution]

    def _ask(self, call: Any, *args: Any) -> Any:
        """One call to the exchange; what ccxt raises, in our words: whose turn it is to do something about it."""
        errors = self._ccxt
        try:
            found = call(*args)
        except (errors.BadSymbol, errors.NotSupported) as error:
            raise ProviderFailed(_text(error), is_permanent=True) from None
        except (errors.RateLimitExceeded, errors.DDoSProtection):
            raise ProviderFailed("We ask too often.", retry_after=30.0) from None
        except errors.NetworkError as error:
            raise ProviderFailed(f"The connection failed ({type(error).__name__}).") from None
        except errors.BaseError as error:
            raise ProviderFailed(_text(error)) from None
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
            # What it cannot read of a strange answer comes out of ccxt as it is.
            raise ProviderFailed(f"It answered something that cannot be read ({type(error).__name__}).") from None
        if not isinstance(found, list | dict):
            raise ProviderFailed("It answered something that cannot be read.")
        return found


def _read_some(response: Any, **kwargs: Any) -> Any:
    """Read an answer before the library does, which would follow it anywhere and read it for ever."""
    if response.is_redirect:
        raise ValueError("an exchange's answers are its own")
    body = bytearray()
    for part in response.iter_content(65_536):
        body += part
        if len(body) > calls.LARGEST_ANSWER:
            raise ValueError("its answer is too long")
    response._content = bytes(body)
    return response


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:160]}"


def _row(row: Any) -> Any:
    """Milliseconds become seconds; a volume that is not told is none."""
    if not isinstance(row, list) or len(row) != 6 or type(row[0]) is not int:
        return row
    return (row[0] // 1_000, *row[1:5], row[5] or 0)
