"""Quotes: the last price of an instrument and what its day has been."""

from typing import Any

from datafeed.bars import BarColumns
from datafeed.errors import UnknownSymbol
from datafeed.models import Instrument, Series
from datafeed.resolutions import is_intraday
from datafeed.selectors.bars import forming_bar, read_series
from datafeed.selectors.instruments import find_listed, hours_of, sources

PLACES = 8


def is_quote_source(series: Series) -> bool:
    """Whether the quotes of its instrument are taken from `series`: the finest there is."""
    found = sources(series.instrument)
    return bool(found) and next(iter(found.values())).pk == series.pk


def read_quote(instrument: Instrument) -> dict[str, Any]:
    """The values of a quote from the instrument's finest bars; without prices where it has none.

    Day figures are those of the trading day of the newest bar. A bar feed knows no order book: bid and ask are the
    last price.
    """
    values: dict[str, Any] = {
        "short_name": instrument.symbol,
        "exchange": instrument.exchange,
        "description": instrument.name,
        "original_name": instrument.symbol,
    }
    found = sources(instrument)
    if not found:
        return values
    resolution, series = next(iter(found.items()))
    today, before = _today(instrument, resolution, series)
    return {**values, **_figures(today, before)} if len(today) else values


def quotes_of(symbols: list[str]) -> list[dict[str, Any]]:
    """One entry `{s, n, v}` for each of `symbols`, in order; `n` is exactly what was asked."""
    return [_entry(symbol) for symbol in symbols]


def _entry(symbol: str) -> dict[str, Any]:
    try:
        instrument = find_listed(symbol)
    except UnknownSymbol as error:
        return {"s": "error", "n": symbol, "v": {"error": error.message}}
    values = read_quote(instrument)
    if "lp" not in values:
        return {"s": "error", "n": symbol, "v": {**values, "error": "No prices yet"}}
    return {"s": "ok", "n": symbol, "v": values}


def _today(instrument: Instrument, resolution: str, series: Series) -> tuple[BarColumns, float | None]:
    """The bars of the newest bar's trading day, the forming one included, and the close before that day."""
    newest = read_series(series, last=1)
    forming = forming_bar(instrument, resolution)
    if forming is not None and (not len(newest) or forming.opened_at > newest.time[-1]):
        newest = BarColumns.of([forming])
    if not len(newest):
        return newest, None
    latest = int(newest.time[-1])
    begin = hours_of(series).day_begins(latest) if is_intraday(resolution) else latest
    today = read_series(series, since=begin)
    if not len(today) or today.time[-1] < latest:
        today = today.joined(newest)
    before = read_series(series, until=begin, last=1)
    return today, float(before.close[-1]) if len(before) else None


def _figures(today: BarColumns, before: float | None) -> dict[str, Any]:
    last = float(today.close[-1])
    figures: dict[str, Any] = {
        "lp": last,
        "bid": last,
        "ask": last,
        "spread": 0.0,
        "open_price": float(today.open[0]),
        "high_price": float(today.high.max()),
        "low_price": float(today.low.min()),
        "volume": float(today.volume.sum()),
    }
    if before:
        change = last - before
        figures |= {
            "prev_close_price": before,
            "ch": round(change, PLACES),
            "chp": round(100 * change / abs(before), 4),
        }
    return figures
