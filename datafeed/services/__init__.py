"""Writes of market data: recording bars, keeping forming ones, and looking after instruments."""

from datafeed.services.instruments import change_instrument, create_instrument, remove_instrument
from datafeed.services.live import Audience, LiveSeries, open_live, say_standing, take_update
from datafeed.services.market import ensure_demo_market, ensure_series, reset_replay
from datafeed.services.recording import load_history, record_bar

__all__ = [
    "Audience",
    "LiveSeries",
    "change_instrument",
    "create_instrument",
    "ensure_demo_market",
    "ensure_series",
    "load_history",
    "open_live",
    "record_bar",
    "remove_instrument",
    "reset_replay",
    "say_standing",
    "take_update",
]
