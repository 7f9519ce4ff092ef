"""Yahoo's chart interface on loopback."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from datafeed.tests.vendors.tape import Tape, now
from datafeed.tests.vendors.web import Asked, Said, Web, said_json

NEW_YORK = ZoneInfo("America/New_York")
DAY = 86_400


class YahooServer(Web):
    """AAPL in minutes, of which every tenth had no trade, and in days, with a dividend in their midst."""

    def __init__(self) -> None:
        super().__init__()
        self.tape = Tape(21)

    def answer(self, asked: Asked) -> Said:
        if not asked.headers.get("User-Agent", "").startswith("Mozilla/"):
            return Said(b"Too Many Requests\r\n", 429)
        if not asked.path.endswith("/v8/finance/chart/AAPL"):
            text = "No data found, symbol may be delisted"
            return _error("Not Found", text, 404)
        if "range" in asked.query:
            return _chart([], [], [])
        since, until = int(asked.query["period1"]), min(int(asked.query["period2"]), now())
        if asked.query["interval"] == "1d":
            return self._days(since, until)
        if until - since > 8 * DAY:
            text = "1m data not available for the requested range: only 8 days worth of 1m granularity data"
            return said_json(
                {"chart": {"result": None, "error": {"code": "Unprocessable Entity", "description": text}}}, 422
            )
        return self._minutes(max(since, now() - 7_200), until)

    def _minutes(self, since: float, until: float) -> Said:
        bars = self.tape.bars(int(since), until)
        rows = [None if bar.opened_at // 60 % 10 == 0 else [*map(float, bar[1:5]), int(bar.volume)] for bar in bars]
        times = [bar.opened_at for bar in bars]
        if times and times[-1] + 60 > until:
            times[-1] = int(until)  # the minute under way is stamped with its last trade
        return _chart(times, rows, None)

    def _days(self, since: float, until: float) -> Said:
        opens = [
            int(datetime.fromtimestamp(day * DAY, NEW_YORK).replace(hour=9, minute=30, second=0).timestamp())
            for day in range(int(until) // DAY - 9, int(until) // DAY)
        ]
        times = [time for time in opens if since <= time <= until]
        rows = [[10.0, 12.0, 9.0, 10.0, 100] for _ in times]
        return _chart(times, rows, [5.0 if number < 4 else 10.0 for number in range(len(times))])


def _error(code: str, text: str, status: int) -> Said:
    return said_json({"chart": {"result": None, "error": {"code": code, "description": text}}}, status)


def _chart(times: list[int], rows: list[Any], adjusted: list[float] | None) -> Said:
    columns = zip(*(row or [None] * 5 for row in rows), strict=True) if rows else [[]] * 5
    quotes = dict(zip(("open", "high", "low", "close", "volume"), map(list, columns), strict=True))
    indicators: dict[str, Any] = {"quote": [quotes if times else {}]}
    if adjusted:
        indicators["adjclose"] = [{"adjclose": adjusted}]
    start = int(now()) // DAY * DAY
    meta = {
        "currency": "USD",
        "symbol": "AAPL",
        "exchangeName": "NMS",
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": "America/New_York",
        "longName": "Apple Inc.",
        "currentTradingPeriod": {"regular": {"start": start + 52_200, "end": start + 75_600}},
    }
    result = {"meta": meta, "indicators": indicators, **({"timestamp": times} if times else {})}
    return said_json({"chart": {"result": [result], "error": None}})
