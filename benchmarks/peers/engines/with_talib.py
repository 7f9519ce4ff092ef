"""TA-Lib and numpy: signals alone on history, and two ways to follow live bars."""

from itertools import islice
from typing import Any

import numpy as np
import talib
from talib import stream

from benchmarks.peers.engines.terms import FAST, SLOW
from benchmarks.peers.engines.worker import Columns, Thunk


def backtest(market: Columns) -> Thunk:
    """The bars on which the averages cross; no account, no metrics."""
    close = market["close"]

    def work() -> dict[str, Any]:
        fast, slow = talib.SMA(close, FAST), talib.SMA(close, SLOW)
        above = fast > slow
        entries = np.flatnonzero(above[1:] & ~above[:-1] & ~np.isnan(slow[:-1]))
        exits = np.flatnonzero(~above[1:] & above[:-1] & ~np.isnan(slow[:-1]))
        return {"trades": len(entries) + len(exits)}

    return work


def live_stream(markets: list[Columns], pairs: list[list[int]], window: int, bars: int) -> Thunk:
    """Closed bars: an open `talib.stream` for each average of each formula on each instrument is carried on."""
    closes = [market["close"] for market in markets]
    handles = [
        [(stream.SMA(close[:window], fast).update, stream.SMA(close[:window], slow).update) for fast, slow in pairs]
        for close in closes
    ]
    above = [[True] * len(pairs) for _ in closes]
    rest = iter(zip(*(close[window:].tolist() for close in closes), strict=True))

    def work() -> dict[str, Any]:
        found = 0
        for prices in islice(rest, bars):
            for price, row, before in zip(prices, handles, above, strict=True):
                for place, (fast, slow) in enumerate(row):
                    now = fast(price) > slow(price)
                    found += now and not before[place]
                    before[place] = now
        return {"signals": found}

    work()
    return work


def live_arrays(markets: list[Columns], pairs: list[list[int]], window: int, bars: int) -> Thunk:
    """Closed bars: both averages of the last bars computed anew, for each formula on each instrument."""
    closes = [market["close"] for market in markets]
    ends = iter(range(window + 2, len(closes[0])))

    def work() -> dict[str, Any]:
        found = 0
        for end in islice(ends, bars):
            for close in closes:
                seen = close[end - window : end]
                for fast, slow in pairs:
                    above = talib.SMA(seen, fast) > talib.SMA(seen, slow)
                    found += bool(above[-1] and not above[-2])
        return {"signals": found}

    return work
