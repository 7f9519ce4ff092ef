"""Recording a whole history of closed bars."""

import logging
from collections.abc import Callable, Iterable
from itertools import islice

from django.db import transaction

from datafeed.bars import RawBar
from datafeed.errors import BadBar
from datafeed.models import Bar, Series
from datafeed.recordable import checked
from datafeed.selectors import newest_time
from datafeed.services.editions import note_written
from datafeed.services.revisions import note_revisions

logger = logging.getLogger(__name__)

CHUNK, BATCH = 2_000, 500


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
    # The row is the lock, before any bar: an import and a recorder that met in the middle would wait for each other.
    Series.objects.select_for_update().get(pk=series.pk)
    stored = Bar.objects.filter(series=series, opened_at__range=(min(wanted), max(wanted)))
    known = {time: numbers for time, *numbers in stored.values_list(*RawBar._fields)}
    repeated = ((time, known[time], bar[1:]) for time, bar in wanted.items() if time in known)
    note_revisions(series=series, said=repeated, source=f"{series.provider}, history")
    new = [Bar(series=series, **bar._asdict()) for time, bar in wanted.items() if time not in known]
    if new:
        note_written(series_id=series.pk, newest=newest_time(series), earliest=min(bar.opened_at for bar in new))
    Bar.objects.bulk_create(new, batch_size=BATCH, ignore_conflicts=True)
    return len(new)
