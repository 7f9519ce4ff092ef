"""Reads of what people hold: positions at today's prices, the whole of them, and how it came."""

from portfolio.selectors.history import Interval, Point, portfolio_history
from portfolio.selectors.positions import (
    PortfolioStats,
    ValuedPosition,
    open_positions,
    portfolio_stats,
    value_positions,
)

__all__ = [
    "Interval",
    "Point",
    "PortfolioStats",
    "ValuedPosition",
    "open_positions",
    "portfolio_history",
    "portfolio_stats",
    "value_positions",
]
