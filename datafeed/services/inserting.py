"""Putting columns of bars into the store: those that are new as fast as the database takes them, and no others."""

from typing import Any

import numpy as np
from django.db import connection, transaction

from datafeed.bars import BarColumns
from datafeed.binary_rows import copied
from datafeed.models import Bar, Series
from datafeed.selectors import newest_time, read_series
from datafeed.services.editions import note_written
from datafeed.services.revisions import note_revised_columns

_TABLE = Bar._meta.db_table
_NAMES = "series_id, opened_at, open, high, low, close, volume"
ROWS_AT_ONCE = 128  # SQLite may have been built to take no more than 999 values in a statement


@transaction.atomic
def insert_bars(*, series: Series, bars: BarColumns, source: str) -> int:
    """Record those of `bars`, in any order, that `series` has not; how many they were.

    What it has stays as it is, and where `source` says otherwise that is put on record. Of a time that comes twice the
    first word counts. Models would cost ten times as much.
    """
    # The row is the lock: whoever writes bars of the series takes turns, and nobody deletes the series meanwhile. So
    # what is new is known before it is written, and neither a foreign key nor a conflict has to be looked for by row.
    newest = newest_time(Series.objects.select_for_update().get(pk=series.pk))
    bars = bars.at_places(np.unique(bars.time, return_index=True)[1])
    earliest = int(bars.time[0])
    if newest is not None and earliest <= newest:
        kept = read_series(series, since=earliest, until=int(bars.time[-1]) + 1)
        note_revised_columns(series=series, kept=kept, said=bars, source=source)
        bars = bars.at_places(~np.isin(bars.time, kept.time, assume_unique=True))
    if len(bars):
        note_written(series_id=series.pk, newest=newest, earliest=int(bars.time[0]))
        _insert(series.pk, bars)
    return len(bars)


def _insert(series_id: int, bars: BarColumns) -> None:
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            _insert_rows(cursor, series_id, bars)
            return
        with cursor.copy(f"COPY {_TABLE} ({_NAMES}) FROM STDIN (FORMAT binary)") as copy:
            copy.write(copied(series_id, bars))


def _insert_rows(cursor: Any, series_id: int, bars: BarColumns) -> None:
    """Many rows in each statement, since a statement costs as much as several rows."""
    columns = [bars.time.tolist(), *(column.tolist() for column in bars.values)]
    width, count = len(columns), len(bars)
    values: list[Any] = [None] * (width * count)
    for place, column in enumerate(columns):
        values[place::width] = column
    step, whole = width * ROWS_AT_ONCE, count // ROWS_AT_ONCE
    if whole:
        pieces = (values[start : start + step] for start in range(0, whole * step, step))
        cursor.executemany(_insertion(series_id, width, ROWS_AT_ONCE), pieces)
    if rest := count - whole * ROWS_AT_ONCE:
        cursor.execute(_insertion(series_id, width, rest), values[whole * step :])


def _insertion(series_id: int, width: int, count: int) -> str:
    row = f"({int(series_id)}, {', '.join(['%s'] * width)})"
    return f"INSERT INTO {_TABLE} ({_NAMES}) VALUES {', '.join([row] * count)}"  # noqa: S608  words of our own
