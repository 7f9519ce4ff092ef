"""What a formula reads: the columns of the bar, means of them, and the state of its account."""

from formulas.engine.builders import column, mean_of
from formulas.engine.functions import price

OURS = "Signalbox"

SOURCES = (
    price("open", column("open"), "first price of the bar"),
    price("high", column("high"), "highest price of the bar"),
    price("low", column("low"), "lowest price of the bar"),
    price("close", column("close"), "last price of the bar"),
    price("volume", column("volume"), "volume of the bar"),
    price("time", column("time"), "start of the bar in seconds since 1970, UTC"),
    price("bar_index", column("bar_index"), "number of the bar, from 0"),
    price("hl2", mean_of("high", "low"), "(high + low) / 2"),
    price("hlc3", mean_of("high", "low", "close"), "(high + low + close) / 3"),
    price("ohlc4", mean_of("open", "high", "low", "close"), "(open + high + low + close) / 4"),
    price(
        "position", column("position"), "what the formula's account holds, as a share of equity; below 0 is short", OURS
    ),
    price("entry_price", column("entry_price"), "price at which the position was entered; na when flat", OURS, ""),
    price("bars_held", column("bars_held"), "closes since the position was entered, 1 at the first; 0 when flat", OURS),
    price("equity", column("equity"), "cash and position of the formula's account at the close", OURS),
)
