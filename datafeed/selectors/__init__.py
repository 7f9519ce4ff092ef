"""Reads of market data: instruments, bars, quotes and how the feed goes."""

from datafeed.bars import BarColumns, FormingBar
from datafeed.selectors.bars import (
    bar_blocks,
    bar_closes,
    bar_times,
    earlier_time,
    forming_bar,
    newest_bar,
    newest_time,
    read_bars,
    read_series,
)
from datafeed.selectors.instruments import (
    check_served,
    find_instrument,
    find_listed,
    hours_of,
    resolutions_of,
    search_instruments,
    served_resolutions,
    source_of,
    sources,
)

__all__ = [
    "BarColumns",
    "FormingBar",
    "bar_blocks",
    "bar_closes",
    "bar_times",
    "check_served",
    "earlier_time",
    "find_instrument",
    "find_listed",
    "forming_bar",
    "hours_of",
    "newest_bar",
    "newest_time",
    "read_bars",
    "read_series",
    "resolutions_of",
    "search_instruments",
    "served_resolutions",
    "source_of",
    "sources",
]
