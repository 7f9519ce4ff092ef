"""Recording closed bars one at a time, as they happen.

The policy for a time that is already closed: the first word stands. The same bar again is harmless, another one is
refused and put on record, because formulas have acted on what was said first.
"""

import logging
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from django.db import transaction

from datafeed.bars import FormingBar, RawBar
from datafeed.events import BarClosed
from datafeed.messages import bars_topic, bars_update
from datafeed.models import Bar, Series
from datafeed.recordable import checked
from datafeed.selectors import hours_of, newest_time, resolutions_of
from datafeed.selectors.bars import build_around
from datafeed.services.editions import note_appended
from datafeed.services.gaps import note_gap
from datafeed.services.revisions import note_correction
from kernel.events import publish
from kernel.realtime import push

logger = logging.getLogger(__name__)


def push_closed(event: BarClosed) -> None:
    """Show a closed bar on the sockets that listen to its topic, in its final form."""
    values = (event.open, event.high, event.low, event.close, event.volume)
    push_bar(event.symbol, event.resolution, FormingBar(event.opened_at, *map(float, values)))


@transaction.atomic
def record_bar(*, series: Series, bar: RawBar, show: Callable[[BarClosed], None] = push_closed) -> bool:
    """Record a closed bar and tell of it and of every higher bar that closed by it; whether it was new.

    `show` is told of each after the commit. Raises `BadBar` for one that contradicts itself. The bars of the store
    are in the order of their time: what is not later than the newest of them changes nothing.
    """
    bar = checked(bar, series.resolution)
    # The row is the lock: two recorders of one series take their turns.
    series = Series.objects.select_for_update(of=("self",)).select_related("instrument").get(pk=series.pk)
    newest = newest_time(series)
    if newest is not None and bar.opened_at <= newest:
        _note_repeat(series, bar)
        return False
    note_appended(series_id=series.pk)
    Bar.objects.create(series=series, **bar._asdict())
    if newest is not None:
        note_gap(series=series, previous=newest, arrived=bar.opened_at)
    for event in _closed_by(series, bar, newest):
        transaction.on_commit(partial(show, event))
        publish(event)
    return True


def _note_repeat(series: Series, bar: RawBar) -> None:
    if not Bar.objects.filter(series=series, opened_at=bar.opened_at).exists():
        logger.warning("%s: a bar at %s came too late and is refused", series, bar.opened_at)
    note_correction(series=series, bar=bar, source=series.provider)


def _closed_by(series: Series, bar: RawBar, previous: int | None) -> list[BarClosed]:
    """What closes with `bar`: higher bars that only waited for a later one, `bar` itself, and those it completes."""
    hours, base = hours_of(series), series.resolution
    closed_at = hours.bucket(base, bar.opened_at, base).end
    overdue: list[BarClosed] = []
    completed: list[BarClosed] = []
    for resolution in resolutions_of(series):
        if resolution == base:
            continue
        ends = []
        end = hours.bucket(resolution, bar.opened_at, base).end
        if previous is not None:
            earlier_end = hours.bucket(resolution, previous, base).end
            if hours.bucket(base, previous, base).end < earlier_end != end:
                ends.append(earlier_end)
        if closed_at >= end:
            ends.append(end)
        if ends:
            since = bar.opened_at if previous is None else previous
            built = build_around(series, resolution, since, until=bar.opened_at + 1).cut(-len(ends)).rows()
            for higher, its_end in zip(built, ends, strict=True):
                event = _event(series, resolution, _exact(higher), its_end)
                (completed if its_end == end else overdue).append(event)
    return [*overdue, _event(series, base, bar, closed_at), *completed]


def _exact(bar: FormingBar) -> RawBar:
    # By way of the shortest text, which reads back as the very same float.
    return RawBar(bar.opened_at, *(Decimal(repr(value)) for value in bar[1:]))


def _event(series: Series, resolution: str, bar: RawBar, closed_at: int) -> BarClosed:
    return BarClosed(
        series_id=series.pk,
        instrument_id=series.instrument_id,
        symbol=series.instrument.symbol,
        resolution=resolution,
        provider=series.provider,
        closed_at=closed_at,
        **bar._asdict(),
    )


def push_bar(symbol: str, resolution: str, bar: FormingBar) -> None:
    """Show the newest state of a bar. One that still waits to be sent is replaced; an earlier bar is not, until a
    reader is so far behind that the newest bar is all it can use."""
    topic = bars_topic(symbol, resolution)
    push(topic, bars_update(topic, bar), newest_only=f"{topic}@{bar.opened_at}")
