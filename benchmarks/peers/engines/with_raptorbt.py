"""raptorbt: its own averages, crossings by numpy, one call for each backtest; filled at the next open."""

from typing import Any

import numpy as np
import raptorbt

from benchmarks.peers.engines.terms import CAPITAL, FAST, FEE, SLOW
from benchmarks.peers.engines.worker import Columns, Thunk


def backtest(market: Columns) -> Thunk:
    times = market["time"] * 10**9

    def work() -> dict[str, Any]:
        result = _run(market, times)
        return {"trades": len(result.trades()), "final": float(result.equity_curve()[-1])}

    return work


def backtests(markets: list[Columns]) -> Thunk:
    times = [market["time"] * 10**9 for market in markets]

    def work() -> dict[str, Any]:
        results = [_run(market, moments) for market, moments in zip(markets, times, strict=True)]
        return _total(results)

    return work


def sweep(market: Columns, fast: list[int], slow: list[int]) -> Thunk:
    """Every average once, then one backtest for each point."""
    times = market["time"] * 10**9

    def work() -> dict[str, Any]:
        averages = {length: raptorbt.sma(market["close"], length) for length in {*fast, *slow}}
        items = [raptorbt.BatchSingleItem(f"{one}/{other}", *crossings(averages[one], averages[other]))
                 for one in fast for other in slow]  # fmt: skip
        columns = [market[name] for name in ("open", "high", "low", "close", "volume")]
        return _total([result for _, result in raptorbt.batch_single_backtest(times, *columns, items, _terms())])

    return work


def crossings(fast: Any, slow: Any) -> tuple[Any, Any]:
    """Where the first average comes to lie above the second one, and below it."""
    above, known = fast > slow, ~np.isnan(slow)
    entries, exits = np.zeros(len(above), dtype=bool), np.zeros(len(above), dtype=bool)
    entries[1:] = above[1:] & ~above[:-1] & known[:-1]
    exits[1:] = ~above[1:] & above[:-1] & known[:-1]
    return entries, exits


def _run(market: Columns, times: Any) -> Any:
    close = market["close"]
    entries, exits = crossings(raptorbt.sma(close, FAST), raptorbt.sma(close, SLOW))
    columns = [market[name] for name in ("open", "high", "low", "close", "volume")]
    return raptorbt.run_single_backtest(times, *columns, entries, exits, direction=1, weight=1.0, config=_terms())


def _terms() -> Any:
    return raptorbt.BacktestConfig(initial_capital=CAPITAL, fees=FEE, slippage=0.0, fill_timing="next_bar_open")


def _total(results: list[Any]) -> dict[str, Any]:
    finals = [result.metrics.end_value for result in results]
    return {"trades": sum(len(result.trades()) for result in results), "final": finals[0], "sum": sum(finals)}
