"""What of an engine's backtest is kept: plain JSON values, null for what has no number."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from formulas.engine import Bars, Program, Terms, Trade
from formulas.engine.backtest import Backtest
from formulas.engine.metrics import Curve, calendar_of, returns_of
from formulas.engine.robustness import monte_carlo, stress
from formulas.engine.statistics import deflated_sharpe, sharpe_per_period

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


def robustness_of(program: Program, bars: Bars, terms: Terms, result: Backtest) -> dict[str, Any]:
    """`stress`: the metrics with double costs and with late fills; `monte_carlo`: the trades in other orders, or none.

    Of the latter, percentiles 5, 50 and 95; the same trades give the same numbers.
    """
    worse, drawn = stress(program, bars, terms), monte_carlo(result.trades, terms.initial_capital)
    return {
        "stress": {"double_costs": plain(worse.double_costs), "late_fills": plain(worse.late_fills)},
        "monte_carlo": None if drawn is None else {name: _listed(value) for name, value in asdict(drawn).items()},
    }


def deflated(result: Backtest, bars: Bars, tried: Sequence[float]) -> float | None:
    """How probable it is that the result is better than the best of as many tries without skill.

    `tried` are the yearly Sharpe ratios of the others.
    """
    calendar = calendar_of(bars.time)
    curve = Curve(
        float(result.assumptions["initial_capital"] or 0.0), bars.time, result.equity, result.equity > 0.0, []
    )
    returns = returns_of(curve, calendar)
    years = math.sqrt(calendar.periods_per_year)
    found = deflated_sharpe(returns, [*(value / years for value in tried), sharpe_per_period(returns) or 0.0])
    return None if found is None else float(number(found))


def packed(values: Mapping[str, Any]) -> dict[str, Any]:
    """As the result of a part of a job: text, since some databases do not keep every number as it is written."""
    return {"text": json.dumps(values)}


def unpacked(result: Mapping[str, Any]) -> dict[str, Any]:
    """What was `packed`, to the last bit."""
    return dict(json.loads(result["text"]))


def _listed(value: Any) -> Any:
    return [number(one) for one in value] if isinstance(value, tuple) else number(value)


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
