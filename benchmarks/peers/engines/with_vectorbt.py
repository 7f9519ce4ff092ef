"""vectorbt with its Rust kernels, as its guide shows a crossing of averages; filled at the next open."""

from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt

from benchmarks.peers.engines.terms import CAPITAL, FAST, FEE, SLOW
from benchmarks.peers.engines.worker import Columns, Thunk

TERMS: dict[str, Any] = {"fees": FEE, "init_cash": CAPITAL, "freq": "1min"}


def backtest(market: Columns) -> Thunk:
    close, opening = pd.Series(market["close"]), pd.Series(market["open"])
    return lambda: _summary(_portfolio(close, opening, FAST, SLOW))


def backtests(markets: list[Columns]) -> Thunk:
    """All instruments as columns of one table."""
    close, opening = (pd.DataFrame(np.column_stack([one[name] for one in markets])) for name in ("close", "open"))
    return lambda: _summary(_portfolio(close, opening, FAST, SLOW))


def sweep(market: Columns, fast: list[int], slow: list[int]) -> Thunk:
    """All points as columns of one table."""
    close, opening = pd.Series(market["close"]), pd.Series(market["open"])
    pairs = [(one, other) for one in fast for other in slow]
    fasts, slows = [one for one, _ in pairs], [other for _, other in pairs]
    return lambda: _summary(_portfolio(close, opening, fasts, slows))


def _portfolio(close: Any, opening: Any, fast: Any, slow: Any) -> vbt.Portfolio:
    fast_average, slow_average = vbt.MA.run(close, fast), vbt.MA.run(close, slow)
    entries = fast_average.ma_crossed_above(slow_average).vbt.signals.fshift(1)
    exits = fast_average.ma_crossed_below(slow_average).vbt.signals.fshift(1)
    if len(np.shape(close)) == len(np.shape(entries)) == 2:
        entries.columns = exits.columns = close.columns
    elif len(np.shape(entries)) == 2:
        # The two averages carry their lengths in their columns' names, which the portfolio does not need.
        entries.columns = exits.columns = pd.RangeIndex(entries.shape[1])
    return vbt.Portfolio.from_signals(close, entries, exits, price=opening, **TERMS)


def _summary(portfolio: vbt.Portfolio) -> dict[str, Any]:
    """The metrics one by one: its own `stats()` takes longer."""
    trades = portfolio.trades
    for metric in (
        portfolio.annualized_return,
        portfolio.annualized_volatility,
        portfolio.sharpe_ratio,
        portfolio.sortino_ratio,
        portfolio.calmar_ratio,
        portfolio.max_drawdown,
        trades.win_rate,
        trades.profit_factor,
        trades.expectancy,
        trades.sqn,
    ):
        metric()
    final = np.atleast_1d(portfolio.final_value())
    return {"trades": len(trades.records), "final": float(final[0]), "sum": float(final.sum())}
