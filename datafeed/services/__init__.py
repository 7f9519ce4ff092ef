"""Writes of market data: recording bars, keeping forming ones, and looking after instruments."""

from datafeed.services.exporting import enqueue_export, forget_old_files
from datafeed.services.gaps import fill_gap, fill_gaps, look_again, note_gap
from datafeed.services.history import load_history
from datafeed.services.importing import ImportReport, enqueue_import, ensure_import_series, import_bars
from datafeed.services.instruments import change_instrument, create_instrument, remove_instrument
from datafeed.services.keeping import forget_old_bars, make_partitions, remove_bars
from datafeed.services.listing import enqueue_instruments
from datafeed.services.live import Audience, LiveSeries, mend_live, open_live, say_standing, show_newest, take_update
from datafeed.services.market import ensure_demo_market, ensure_series, reset_replay
from datafeed.services.recording import record_bar
from datafeed.services.vendors import catch_up, follow_symbol, remove_account, save_account

__all__ = [
    "Audience",
    "ImportReport",
    "LiveSeries",
    "catch_up",
    "change_instrument",
    "create_instrument",
    "enqueue_export",
    "enqueue_import",
    "enqueue_instruments",
    "ensure_demo_market",
    "ensure_import_series",
    "ensure_series",
    "fill_gap",
    "fill_gaps",
    "follow_symbol",
    "forget_old_bars",
    "forget_old_files",
    "import_bars",
    "load_history",
    "look_again",
    "make_partitions",
    "mend_live",
    "note_gap",
    "open_live",
    "record_bar",
    "remove_account",
    "remove_bars",
    "remove_instrument",
    "reset_replay",
    "save_account",
    "say_standing",
    "show_newest",
    "take_update",
]
