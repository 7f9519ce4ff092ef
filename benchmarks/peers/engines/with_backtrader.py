"""backtrader, as its quick start shows a crossing of averages, with four of its analyzers for the metrics."""

from typing import Any

import backtrader as bt
import pandas as pd

from benchmarks.peers.engines.terms import CAPITAL, FAST, FEE, SLOW
from benchmarks.peers.engines.worker import Columns, Thunk


class Cross(bt.Strategy):  # type: ignore[misc]
    def __init__(self) -> None:
        fast, slow = (bt.ind.SMA(period=length) for length in (FAST, SLOW))
        self.crossing = bt.ind.CrossOver(fast, slow)

    def next(self) -> None:
        if self.crossing > 0 and not self.position:
            self.buy()
        elif self.crossing < 0 and self.position:
            self.close()


def backtest(market: Columns) -> Thunk:
    table = pd.DataFrame({name: market[name] for name in ("open", "high", "low", "close", "volume")})
    table.index = pd.to_datetime(market["time"], unit="s")
    return lambda: _run(table)


def _run(table: pd.DataFrame) -> dict[str, Any]:
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.addstrategy(Cross)
    cerebro.adddata(bt.feeds.PandasData(dataname=table))
    cerebro.broker.setcash(CAPITAL)
    cerebro.broker.setcommission(commission=FEE)
    cerebro.addsizer(bt.sizers.PercentSizer, percents=95)
    for analyzer in (bt.analyzers.TradeAnalyzer, bt.analyzers.SharpeRatio, bt.analyzers.DrawDown, bt.analyzers.Returns):
        cerebro.addanalyzer(analyzer)
    strategy = cerebro.run()[0]
    trades = strategy.analyzers[0].get_analysis()
    return {"trades": trades.total.total, "final": cerebro.broker.getvalue()}
