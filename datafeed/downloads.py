"""Bars as a file that is sent piece by piece."""

import re

from datafeed.models import Instrument
from datafeed.selectors import bar_blocks
from datafeed.tables import table_lines
from kernel.api.streams import PiecewiseResponse

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9.-]")


def table_response(
    instrument: Instrument, resolution: str, *, since: int | None = None, until: int | None = None
) -> PiecewiseResponse:
    """Closed bars with `since <= opened_at < until` (epoch seconds UTC) as CSV; raises `ResolutionNotServed`."""
    blocks = bar_blocks(instrument, resolution, since=since, until=until)
    name = f"{_NOT_IN_NAMES.sub('_', instrument.symbol)}-{resolution}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return PiecewiseResponse(table_lines(blocks), content_type="text/csv; charset=utf-8", headers=headers)
