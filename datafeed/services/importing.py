"""Taking in whole tables of bars: checked, counted, and written as fast as the database takes them."""

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import tzinfo
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

import numpy as np
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction

from datafeed.bars import BarColumns
from datafeed.files import read_file
from datafeed.models import PLACES, Bar, Instrument, Series
from datafeed.recordable import LARGEST, LATEST
from datafeed.resolutions import LADDER, canonical, is_intraday, unit
from datafeed.schedules import ALWAYS
from datafeed.selectors import find_instrument, newest_time
from datafeed.services.editions import note_written
from datafeed.services.revisions import note_revised_columns
from datafeed.sessions import DAY, Hours
from datafeed.tables import Block, Fault, Mask
from kernel import clock
from kernel.api.renderers import encoder
from kernel.errors import DomainError, Invalid
from kernel.jobs import JobCancelled, JobRun, enqueue, job
from kernel.models import Job

PROVIDER = "import"
IMPORT_JOB = "datafeed.import"
FAULTS_KEPT = 100
MINUTE = 60
VALUES = ("open", "high", "low", "close", "volume")
_NAMES = f"opened_at, {', '.join(VALUES)}"
_TABLE = Bar._meta.db_table
_INTO = f"INSERT INTO {_TABLE} (series_id, {_NAMES})"
ROWS_AT_ONCE = 128  # SQLite may have been built to take no more than 999 values in a statement
_NEW_ONES = "ON CONFLICT (series_id, opened_at) DO NOTHING"
EXACT_UP_TO = 9e7  # below it a float keeps eight decimal places


@dataclass(slots=True)
class ImportReport:
    """What became of a table: rows read, bars added, bars known before, bad rows and the first hundred of those."""

    read: int = 0
    added: int = 0
    known: int = 0
    bad: int = 0
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, faults: list[Fault]) -> None:
        self.bad += len(faults)
        self.faults += faults[: max(0, FAULTS_KEPT - len(self.faults))]


def import_bars(
    *, series: Series, file: BinaryIO, zone: tzinfo, progress: Callable[[ImportReport], None] | None = None
) -> ImportReport:
    """Record the bars in the table `file` that `series` does not have; what it has stays as it is.

    Importing twice changes nothing, and a crash in the middle leaves whole blocks. Nobody acts on these bars. Raises
    `UnreadableTable` for what is no table of bars.
    """
    report = ImportReport()
    for block in read_file(file, zone=zone):
        _take(series, block, report)
        if progress:
            progress(report)
    return report


@transaction.atomic
def ensure_import_series(*, instrument: Instrument, resolution: str) -> Series:
    """The series that imported bars of `resolution` go to: the one there is, or a new one that no provider feeds."""
    series, _ = Series.objects.get_or_create(
        instrument=instrument, resolution=resolution, defaults={"provider": PROVIDER}
    )
    return series


@transaction.atomic
def enqueue_import(*, owner: Any, symbol: str, resolution: str, timezone: str, file: BinaryIO) -> Job:
    """Put `file` by and have it imported; the job's result is the report. Raises `Invalid` naming a wrong field."""
    find_instrument(symbol)
    resolution = _importable(resolution)
    _check_zone(timezone)
    name = default_storage.save(f"imports/{uuid.uuid4().hex}", File(file))
    return enqueue(
        kind=IMPORT_JOB, owner=owner, symbol=symbol, resolution=resolution, timezone=timezone, stored_as=name
    )


def _importable(resolution: str) -> str:
    try:
        name = canonical(resolution)
    except ValueError as error:
        raise Invalid.field("resolution", str(error)) from None
    if name not in LADDER:
        raise Invalid.field("resolution", f"Choose one of {', '.join(LADDER)}.")
    return name


def _check_zone(timezone: str) -> None:
    try:
        Hours(ALWAYS, timezone).check()
    except ValueError as error:
        raise Invalid.field("timezone", str(error)) from None


@job(IMPORT_JOB)
def run_import(run: JobRun, *, symbol: str, resolution: str, timezone: str, stored_as: str) -> dict[str, Any]:
    """Import a file that was put by, and throw it away once it is in, or will never be."""
    try:
        report = _import_stored(run, symbol, resolution, timezone, stored_as)
    except (DomainError, JobCancelled):
        default_storage.delete(stored_as)
        raise
    default_storage.delete(stored_as)
    return asdict(report)


def _import_stored(run: JobRun, symbol: str, resolution: str, timezone: str, stored_as: str) -> ImportReport:
    series = ensure_import_series(instrument=find_instrument(symbol), resolution=resolution)
    size = max(1, default_storage.size(stored_as))
    with default_storage.open(stored_as) as stored:
        file = cast(BinaryIO, stored)

        def tell(report: ImportReport) -> None:
            run.progress(min(0.99, file.tell() / size), f"{report.read} rows")

        return import_bars(series=series, file=file, zone=ZoneInfo(timezone), progress=tell)


def _take(series: Series, block: Block, report: ImportReport) -> None:
    bars, faults = block.bars, list(block.faults)
    report.read += len(bars) + len(faults)
    reasons = _reasons(bars, series.resolution)
    good: Mask = np.ones(len(bars), dtype=bool)
    for message, is_bad in reasons:
        faults += [Fault(int(line), message) for line in block.lines[is_bad & good]]
        good &= ~is_bad
    report.refuse(sorted(faults, key=lambda fault: fault.line))
    if good.any():
        added = _write(series, _rounded(bars, good))
        report.added += added
        report.known += int(good.sum()) - added


def _reasons(bars: BarColumns, resolution: str) -> list[tuple[str, Mask]]:
    """What may be wrong with a bar, and with which of `bars` it is; the same promises as those of a single bar."""
    time, largest = bars.time, float(LARGEST)
    latest = min(LATEST - 1, int(clock.now().timestamp()))
    with np.errstate(invalid="ignore"):
        numbers_bad = [
            (
                f"{name} must be finite and of at most 16 digits before the point",
                ~(np.isfinite(column) & (np.abs(column) < largest)),
            )
            for name, column in zip(VALUES, bars.values, strict=True)
        ]
        off_grid = np.zeros(len(bars), dtype=bool)
        if not is_intraday(resolution):
            off_grid = time % DAY != 0
        elif unit(resolution) == "":
            off_grid = time % MINUTE != 0
        stamp = "a whole minute" if is_intraday(resolution) else "00:00 UTC of the trading day"
        return [
            ("time must be from 1970 to now", (time < 0) | (time > latest)),
            (f"time must be {stamp}", off_grid),
            *numbers_bad,
            (
                "high must not be below open, low or close",
                bars.high < np.maximum.reduce([bars.open, bars.close, bars.low]),
            ),
            ("low must not be above open or close", bars.low > np.minimum(bars.open, bars.close)),
            ("volume must not be negative", bars.volume < 0),
        ]


def _rounded(bars: BarColumns, good: Mask) -> BarColumns:
    """The good ones of `bars` as a column holds them."""
    values = [np.where(np.abs(column) < EXACT_UP_TO, np.round(column, PLACES), column)[good] for column in bars.values]
    return BarColumns(bars.time[good], *values)


@transaction.atomic
def _write(series: Series, bars: BarColumns) -> int:
    """Insert the bars that are not there yet; how many they were. Models would cost ten times as much."""
    # The row is the lock: whoever writes bars of the series takes turns.
    newest = newest_time(Series.objects.select_for_update().get(pk=series.pk))
    note_written(series_id=series.pk, newest=newest, earliest=int(bars.time.min()))
    added = _insert_all(series.pk, bars, newest)
    if added < len(bars):
        note_revised_columns(series=series, said=bars, source=PROVIDER)
    return added


def _insert_all(series_id: int, bars: BarColumns, newest: int | None) -> int:
    columns = [bars.time.tolist(), *(column.tolist() for column in bars.values)]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            return _insert(cursor, series_id, columns)
        if (newest is None or bars.time[0] > newest) and bool((np.diff(bars.time) > 0).all()):
            return _copy(cursor, series_id, columns)
        return _copy_new(cursor, series_id, columns)


def _insert(cursor: Any, series_id: int, columns: list[list[Any]]) -> int:
    """Many rows in each statement, since a statement costs as much as several rows."""
    width, count = len(columns), len(columns[0])
    values: list[Any] = [None] * (width * count)
    for place, column in enumerate(columns):
        values[place::width] = column
    step, whole = width * ROWS_AT_ONCE, count // ROWS_AT_ONCE
    added = 0
    if whole:
        pieces = (values[start : start + step] for start in range(0, whole * step, step))
        cursor.executemany(_insertion(series_id, width, ROWS_AT_ONCE), pieces)
        added += cursor.rowcount
    if rest := count - whole * ROWS_AT_ONCE:
        cursor.execute(_insertion(series_id, width, rest), values[whole * step :])
        added += cursor.rowcount
    return added


def _insertion(series_id: int, width: int, count: int) -> str:
    row = f"({int(series_id)}, {', '.join(['%s'] * width)})"
    return f"{_INTO} VALUES {', '.join([row] * count)} {_NEW_ONES}"


def _copy(cursor: Any, series_id: int, columns: list[list[Any]]) -> int:
    """Rows that are known to be new, straight into the table."""
    count = len(columns[0])
    with cursor.copy(f"COPY {_TABLE} (series_id, {_NAMES}) FROM STDIN") as copy:
        copy.write(_copied([b"%d" % series_id] * count, *_texts(columns)))
    return count


def _copy_new(cursor: Any, series_id: int, columns: list[list[Any]]) -> int:
    """Rows as they come into a table of this connection's own, and from there those that are new."""
    cursor.execute(
        "CREATE TEMPORARY TABLE IF NOT EXISTS coming_bars (opened_at bigint, open numeric, high numeric, low numeric, "
        "close numeric, volume numeric) ON COMMIT DELETE ROWS"
    )
    with cursor.copy(f"COPY coming_bars ({_NAMES}) FROM STDIN") as copy:
        copy.write(_copied(*_texts(columns)))
    cursor.execute(f"{_INTO} SELECT %s, {_NAMES} FROM coming_bars {_NEW_ONES}", [series_id])  # noqa: S608  our words
    return int(cursor.rowcount)


def _texts(columns: list[list[Any]]) -> list[list[bytes]]:
    return [encoder.encode(column)[1:-1].split(b",") for column in columns]


def _copied(*columns: list[bytes]) -> bytes:
    return b"\n".join(map(b"\t".join, zip(*columns, strict=True))) + b"\n"
