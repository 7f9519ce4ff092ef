"""What is said of closed bars afterwards: put on record beside them, since the bars themselves never change."""

import logging
from collections.abc import Iterable, Sequence
from decimal import Decimal

import numpy as np
from django.db import transaction

from datafeed.bars import BarColumns, RawBar
from datafeed.models import Bar, BarRevision, Series
from datafeed.recordable import checked

logger = logging.getLogger(__name__)

BATCH = 500
_NAMES = RawBar._fields[1:]

Numbers = Sequence[Decimal | float]
"""Open, high, low, close and volume, in that order."""


@transaction.atomic
def note_correction(*, series: Series, bar: RawBar, source: str) -> None:
    """Put on record what `source` says of a closed bar, where that is not what was recorded; the bar stays as it is.

    Raises `BadBar` for one that contradicts itself.
    """
    bar = checked(bar, series.resolution)
    kept = Bar.objects.filter(series=series, opened_at=bar.opened_at).values_list(*_NAMES).first()
    if kept is not None:
        note_revisions(series=series, said=[(bar.opened_at, kept, bar[1:])], source=source)


def note_revisions(*, series: Series, said: Iterable[tuple[int, Numbers, Numbers]], source: str) -> None:
    """The same of many: the stamp of each bar, its numbers as they are kept, and as they are said now."""
    # As floats, which is what SQLite keeps of them.
    others = [row for row in said if list(map(float, row[1])) != list(map(float, row[2]))]
    for opened_at, kept, now in others[:1]:
        logger.warning(
            "%s: another bar at %s (%s, not %s) is refused; a closed bar never changes",
            series, opened_at, _written(now), _written(kept),
        )  # fmt: skip
    rows = [
        BarRevision(
            series=series,
            opened_at=opened_at,
            source=source,
            **{f"kept_{name}": number for name, number in zip(_NAMES, kept, strict=True)},
            **{f"said_{name}": number for name, number in zip(_NAMES, now, strict=True)},
        )
        for opened_at, kept, now in others
    ]
    BarRevision.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


def note_revised_columns(*, series: Series, kept: BarColumns, said: BarColumns, source: str) -> None:
    """The same of columns: what is recorded and what is said now, each with every time once and ascending."""
    _, here, there = np.intersect1d(said.time, kept.time, assume_unique=True, return_indices=True)
    pairs = list(zip(kept.values, said.values, strict=True))
    is_other = np.logical_or.reduce([old[there] != new[here] for old, new in pairs])
    rows = [
        (int(said.time[mine]), kept.at(theirs)[1:], said.at(mine)[1:])
        for mine, theirs in zip(here[is_other], there[is_other], strict=True)
    ]
    note_revisions(series=series, said=rows, source=source)


def _written(numbers: Numbers) -> str:
    return " ".join(f"{float(number):g}" for number in numbers)
