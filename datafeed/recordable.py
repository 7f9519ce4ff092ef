"""What a bar must be to be recorded at all."""

from decimal import ROUND_HALF_EVEN, Decimal

from datafeed.bars import RawBar
from datafeed.errors import BadBar
from datafeed.models import DIGITS, PLACES
from datafeed.resolutions import is_intraday
from datafeed.sessions import DAY

LATEST = 2**32  # in 2106: a later stamp is milliseconds or a mistake
LARGEST = Decimal(10) ** (DIGITS - PLACES)
STEP = Decimal(1).scaleb(-PLACES)


def checked(bar: RawBar, resolution: str) -> RawBar:
    """`bar` rounded to what a column holds; raises `BadBar` naming what is wrong with it."""
    faults: dict[str, list[str]] = {}
    if not 0 <= bar.opened_at < LATEST:
        faults["opened_at"] = ["must be in epoch seconds, from 1970 to 2106"]
    elif not is_intraday(resolution) and bar.opened_at % DAY:
        faults["opened_at"] = ["must be 00:00 UTC of the trading day"]
    for name, value in zip(bar._fields[1:], bar[1:], strict=True):
        if not value.is_finite() or abs(value) >= LARGEST:
            faults[name] = ["must be a finite number of at most 16 digits before the point"]
    if faults:
        raise BadBar(errors=faults)
    rounded = RawBar(bar.opened_at, *(value.quantize(STEP, ROUND_HALF_EVEN) for value in bar[1:]))
    if rounded.high < max(rounded.open, rounded.close, rounded.low):
        raise BadBar(errors={"high": ["must not be below open, low or close"]})
    if rounded.low > min(rounded.open, rounded.close):
        raise BadBar(errors={"low": ["must not be above open or close"]})
    if rounded.volume < 0:
        raise BadBar(errors={"volume": ["must not be negative"]})
    return rounded
