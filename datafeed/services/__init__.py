"""Writes of market data: recording bars, keeping forming ones, and looking after instruments."""

from datafeed.services.gaps import fill_gap, fill_gaps, look_again, note_gap
from datafeed.services.history import load_history
from datafeed.services.importing import ImportReport, enqueue_import, ensure_import_series, import_bars
from datafeed.services.instruments import change_instrument, create_instrument, remove_instrument
from datafeed.services.live import Audience, LiveSeries, open_live, say_standing, take_update
from datafeed.services.market import ensure_demo_market, ensure_series, reset_replay
from datafeed.services.recording import record_bar

__all__ = [
    "Audience",
    "ImportReport",
    "LiveSeries",
    "change_instrument",
    "create_instrument",
    "enqueue_import",
    "ensure_demo_market",
    "ensure_import_series",
    "ensure_series",
    "fill_gap",
    "fill_gaps",
    "import_bars",
    "load_history",
    "look_again",
    "note_gap",
    "open_live",
    "record_bar",
    "remove_instrument",
    "reset_replay",
    "say_standing",
    "take_update",
]
