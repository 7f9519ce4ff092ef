"""Pages of bars as the bodies of answers: from a query to JSON, for the views and for the short way to them."""

from datafeed.api.parameters import BarsQuery, Query, bars_query, history_query
from datafeed.errors import SymbolNotFound, UnknownSymbol
from datafeed.held import Page
from datafeed.models import Instrument
from datafeed.selectors import find_listed
from datafeed.selectors.charts import chart_page, earlier_page_time
from datafeed.selectors.held import Served, find_served
from kernel.errors import Invalid

MILLISECONDS = 1_000


def bars(query: Query) -> bytes:
    """The answer of `datafeed/bars`; raises `Invalid` and its kind, naming what is wrong."""
    asked = bars_query(query)
    served = find_served(asked.symbol, asked.resolution)
    page = _page(served, asked)
    if page:
        return b'{"bars":%b,"no_data":false}' % page.rows()
    earlier = _earlier(served, asked)
    further = b"" if earlier is None else b',"next_time":%d' % (earlier * MILLISECONDS)
    return b'{"bars":[],"no_data":true%b}' % further


def history(query: Query) -> bytes:
    """The answer of `udf/history`; raises `Invalid` and its kind, and `SymbolNotFound`."""
    asked = history_query(query)
    if query.get("currencyCode") or query.get("unitId"):
        refuse_conversion(query, listed(asked.symbol))
    served = find_served(asked.symbol, asked.resolution, listed)
    page = _page(served, asked)
    if page:
        return b'{"s":"ok","t":%b,"o":%b,"h":%b,"l":%b,"c":%b,"v":%b}' % tuple(page.columns())
    earlier = _earlier(served, asked)
    return b'{"s":"no_data"%b}' % (b"" if earlier is None else b',"nextTime":%d' % earlier)


def listed(symbol: str) -> Instrument:
    """The instrument of a classic path, which may say `EXCHANGE:SYMBOL`; raises `SymbolNotFound`."""
    try:
        return find_listed(symbol)
    except UnknownSymbol:
        raise SymbolNotFound from None


def refuse_conversion(query: Query, instrument: Instrument) -> None:
    """Raise `Invalid` where prices are asked for in another currency or unit than they are in."""
    if query.get("currencyCode", "").upper() not in {"", instrument.currency}:
        raise Invalid.field(
            "currencyCode", f"{instrument.symbol} is in {instrument.currency}; prices are not converted."
        )
    if query.get("unitId"):
        raise Invalid.field("unitId", "Units are not converted.")


def _page(served: Served, asked: BarsQuery) -> Page:
    return chart_page(served, since=asked.since, until=asked.until, count=asked.count)


def _earlier(served: Served, asked: BarsQuery) -> int | None:
    return earlier_page_time(served, min(asked.since, asked.until)) if asked.count is None else None
