"""What of an engine's backtest is kept: plain JSON values, null for what has no number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from formulas.engine import Bars, Trade
from formulas.engine.backtest import Backtest

MOST_POINTS = 2_000
MOST_TRADES = 10_000
# fmt: off
TRADE_COLUMNS = (
    "side", "entry_time", "exit_time", "entry_price", "exit_price", "size", "pnl", "fees", "ending",
)
# fmt: on


def outcome_of(result: Backtest, bars: Bars) -> dict[str, Any]:
    """Curve, trades and the rest of a result, beside its metrics. Times are those of bars, epoch seconds UTC.

    The curve is thinned to 2,000 points, its last among them; of the trades the newest 10,000 are kept.
    """
    places = np.unique(np.linspace(0, len(bars) - 1, min(len(bars), MOST_POINTS)).astype(np.int64))
    columns = (bars.time, result.equity, result.drawdown, result.buy_and_hold)
    curve = zip(*(column[places].tolist() for column in columns), strict=True)
    return {
        "in_sample": plain(result.in_sample),
        "out_of_sample": plain(result.out_of_sample),
        "assumptions": plain(result.assumptions),
        "refused": result.refused,
        "curve": [[number(value) for value in point] for point in curve],
        "trades": [_trade(trade, bars) for trade in result.trades[-MOST_TRADES:]],
        "trades_left_out": max(0, len(result.trades) - MOST_TRADES),
    }


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same names with values that JSON can hold."""
    return {name: number(value) for name, value in values.items()}


def number(value: Any) -> Any:
    """The value as plain Python; none for a number that is not finite."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _trade(trade: Trade, bars: Bars) -> dict[str, Any]:
    return {
        "side": "long" if trade.size > 0 else "short",
        "entry_time": int(bars.time[trade.entry_bar]),
        "exit_time": None if trade.exit_bar is None else int(bars.time[trade.exit_bar]),
        "entry_price": number(trade.entry_price),
        "exit_price": number(trade.exit_price),
        "size": number(abs(trade.size)),
        "pnl": number(trade.pnl),
        "fees": number(trade.fees),
        "ending": trade.ending,
    }
