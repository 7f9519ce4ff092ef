"""Live bars the way of bots that hand a table to a strategy: columns of indicators, then a column of signals."""

from itertools import islice
from typing import Any

import pandas as pd

from benchmarks.peers.engines.worker import Columns, Thunk


def live(markets: list[Columns], pairs: list[list[int]], window: int, bars: int) -> Thunk:
    """Closed bars of each instrument: the table of its last bars, with every formula's columns computed anew."""
    tables = [
        pd.DataFrame({name: column for name, column in market.items() if name != "time"}).assign(
            date=pd.to_datetime(market["time"], unit="s", utc=True)
        )
        for market in markets
    ]
    ends = iter(range(window + 2, len(tables[0])))

    def work() -> dict[str, Any]:
        found = 0
        for end in islice(ends, bars):
            for table in tables:
                seen = table.iloc[end - window : end].reset_index(drop=True)
                found += sum(_enters(seen.copy(), fast, slow) for fast, slow in pairs)
        return {"signals": found}

    return work


def _enters(table: pd.DataFrame, fast: int, slow: int) -> bool:
    table["fast"] = table["close"].rolling(fast).mean()
    table["slow"] = table["close"].rolling(slow).mean()
    crossed = (table["fast"] > table["slow"]) & (table["fast"].shift(1) <= table["slow"].shift(1))
    table.loc[crossed & (table["volume"] > 0), "enter_long"] = 1
    return bool(table["enter_long"].iloc[-1] == 1)
