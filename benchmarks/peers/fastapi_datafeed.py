"""The replaced stack's datafeed: FastAPI with a response model over bars in a list in memory.

Written as its framework's own tutorial tells: models validate what goes out, a handler filters the list.
"""

import math

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

BARS = {"AAPL": 5_200, "GOOGL": 401, "MSFT": 401}
DAY = 86_400_000
FIRST = 1_262_304_000_000


class Bar(BaseModel):
    """`time` in epoch milliseconds."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: int


class BarsResponse(BaseModel):
    bars: list[Bar]
    no_data: bool = False


def _bar(number: int) -> Bar:
    middle = 150 + 40 * math.sin(number / 90)
    return Bar(
        time=FIRST + number * DAY,
        open=round(middle - 0.4, 2),
        high=round(middle + 1.3, 2),
        low=round(middle - 1.2, 2),
        close=round(middle + 0.5, 2),
        volume=1_000_000 + 997 * number,
    )


class DatafeedService:
    """Every bar of every symbol, in a list."""

    def __init__(self) -> None:
        self._bars = {symbol: [_bar(number) for number in range(count)] for symbol, count in BARS.items()}

    def get_bars(self, symbol: str, resolution: str, from_time: int, to_time: int, count_back: int | None) -> list[Bar]:
        if symbol not in self._bars or resolution != "1D":
            return []
        bars = [bar for bar in self._bars[symbol] if from_time <= bar.time <= to_time]
        return bars[-count_back:] if count_back else bars


app = FastAPI()
service = DatafeedService()


@app.get("/api/v1/datafeed/bars", response_model=BarsResponse)
async def get_bars(
    symbol: str, resolution: str, from_time: int, to_time: int, count_back: int | None = None
) -> BarsResponse:
    try:
        bars = service.get_bars(symbol, resolution, from_time, to_time, count_back)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    return BarsResponse(bars=bars, no_data=not bars)


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    return {"status": "ok"}
