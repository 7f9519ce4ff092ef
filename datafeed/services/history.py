"""Recording a whole history of closed bars, and what a bar must be to be recorded at all."""

import logging
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import islice

from django.db import transaction

from datafeed.bars import RawBar
from datafeed.errors import BadBar
from datafeed.models import DIGITS, PLACES, Bar, Series
from datafeed.resolutions import is_intraday
from datafeed.sessions import DAY

logger = logging.getLogger(__name__)

CHUNK, BATCH = 2_000, 500
LATEST = 2**32  # in 2106: a later stamp is milliseconds or a mistake
LARGEST = Decimal(10) ** (DIGITS - PLACES)
STEP = Decimal(1).scaleb(-PLACES)


def load_history(*, series: Series, bars: Iterable[RawBar], progress: Callable[[int], None] | None = None) -> int:
    """Record closed bars that nobody acts on; the number of those that were new.

    Asking twice changes nothing, and a crash in the middle leaves whole chunks. A bar that contradicts itself is
    left out and logged. `progress` is told the number so far after each chunk.
    """
    coming, added = iter(bars), 0
    while chunk := list(islice(coming, CHUNK)):
        added += _load_chunk(series, chunk)
        if progress:
            progress(added)
    return added


@transaction.atomic
def _load_chunk(series: Series, chunk: list[RawBar]) -> int:
    wanted: dict[int, RawBar] = {}
    for bar in chunk:
        try:
            wanted.setdefault(bar.opened_at, checked(bar, series.resolution))
        except BadBar as error:
            logger.warning("%s: a bar at %s is left out: %s", series, bar.opened_at, error.errors)
    if not wanted:
        return 0
    stored = Bar.objects.filter(series=series, opened_at__range=(min(wanted), max(wanted)))
    known = set(stored.values_list("opened_at", flat=True))
    new = [Bar(series=series, **bar._asdict()) for time, bar in wanted.items() if time not in known]
    Bar.objects.bulk_create(new, batch_size=BATCH, ignore_conflicts=True)
    return len(new)


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
