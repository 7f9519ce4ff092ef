"""Two crypto exchanges on loopback, each with the public part of its own REST interface."""

from typing import Any

from datafeed.tests.vendors.tape import Tape, now
from datafeed.tests.vendors.web import Asked, Said, Web, said_json


class KrakenServer(Web):
    """Kraken: errors inside of an answer with status 200, prices as text, at most 720 bars."""

    def __init__(self) -> None:
        super().__init__()
        self.tape = Tape(31)

    def answer(self, asked: Asked) -> Said:
        match asked.path:
            case "/0/public/Assets":
                asset = {"aclass": "currency", "decimals": 10, "display_decimals": 5, "status": "enabled"}
                names = {"XXBT": "XBT", "ZUSD": "USD"}
                result = {key: {**asset, "altname": name} for key, name in names.items()}
                return said_json({"error": [], "result": result})
            case "/0/public/AssetPairs":
                return said_json({"error": [], "result": {"XXBTZUSD": _PAIR}})
            case "/0/public/OHLC" if asked.query.get("pair") == "XXBTZUSD":
                assert asked.query["interval"] == "1"
                since = max(int(asked.query.get("since", 0)) + 1, int(now()) - 7_200)
                rows = [_kraken_row(bar) for bar in self.tape.bars(since, now())][-720:]
                return said_json({"error": [], "result": {"XXBTZUSD": rows, "last": rows[-1][0] if rows else since}})
        return said_json({"error": ["EQuery:Unknown asset pair"]})


_PAIR: dict[str, Any] = {
    "altname": "XBTUSD",
    "wsname": "XBT/USD",
    "aclass_base": "currency",
    "base": "XXBT",
    "aclass_quote": "currency",
    "quote": "ZUSD",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "lot_multiplier": 1,
    "leverage_buy": [],
    "leverage_sell": [],
    "fees": [[0, 0.4]],
    "fees_maker": [[0, 0.25]],
    "fee_volume_currency": "ZUSD",
    "ordermin": "0.00005",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
}


def _kraken_row(bar: Any) -> list[Any]:
    prices = [str(value) for value in bar[1:5]]
    return [bar.opened_at, *prices, prices[-1], f"{bar.volume}.00000000", 4]


class BinanceServer(Web):
    """Binance: bars with milliseconds, at most as many as asked for, and its weight limit as status 429."""

    def __init__(self) -> None:
        super().__init__()
        self.tape = Tape(32)

    def answer(self, asked: Asked) -> Said:
        match asked.path:
            case "/api/v3/exchangeInfo":
                return said_json({"timezone": "UTC", "serverTime": int(now() * 1_000), "symbols": [_SYMBOL]})
            case "/api/v3/klines" if asked.query.get("symbol") == "BTCUSDT":
                assert asked.query["interval"] == "1m"
                since = max(int(asked.query["startTime"]) // 1_000, int(now()) - 7_200)
                bars = self.tape.bars(since, now())[: int(asked.query.get("limit", 500))]
                return said_json([_kline(bar) for bar in bars])
        return said_json({"code": -1121, "msg": "Invalid symbol."}, 400)


_SYMBOL: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "orderTypes": ["LIMIT", "MARKET"],
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
    ],
    "permissions": ["SPOT"],
    "permissionSets": [["SPOT"]],
}


def _kline(bar: Any) -> list[Any]:
    at = bar.opened_at * 1_000
    values = [f"{value:.8f}" for value in bar[1:]]
    return [at, *values, at + 59_999, "0", 4, "0", "0", "0"]
