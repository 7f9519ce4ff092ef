"""backtesting.py, as its quick start shows a crossing of averages; whole units, filled at the next open."""

from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover

from benchmarks.peers.engines.terms import FAST, FEE, SLOW
from benchmarks.peers.engines.worker import Columns, Thunk

# It trades whole units: with much cash a share of equity is nearly exact.
CASH = 1e12


def average(values: Any, length: int) -> Any:
    return pd.Series(values).rolling(length).mean()


class Cross(Strategy):
    def init(self) -> None:
        self.fast = self.I(average, self.data.Close, FAST)
        self.slow = self.I(average, self.data.Close, SLOW)

    def next(self) -> None:
        if crossover(self.fast, self.slow):
            self.buy(size=1 - 1e-9)
        elif crossover(self.slow, self.fast):
            self.position.close()


def backtest(market: Columns) -> Thunk:
    names = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
    table = pd.DataFrame({theirs: market[ours] for ours, theirs in names.items()})
    table.index = pd.to_datetime(market["time"], unit="s")

    def work() -> dict[str, Any]:
        stats = Backtest(table, Cross, cash=CASH, commission=FEE).run()
        return {"trades": int(stats["# Trades"]), "final": float(stats["Equity Final [$]"])}

    return work
