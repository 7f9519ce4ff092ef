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
from django.db import transaction

from datafeed.bars import BarColumns
from datafeed.files import read_file
from datafeed.models import PLACES, Gap, Instrument, Series
from datafeed.recordable import LARGEST, LATEST
from datafeed.resolutions import LADDER, canonical, is_intraday, unit
from datafeed.schedules import ALWAYS
from datafeed.selectors import find_instrument
from datafeed.services.gaps import look_again
from datafeed.services.inserting import insert_bars
from datafeed.sessions import DAY, Hours
from datafeed.tables import Block, Fault, Mask
from kernel import clock
from kernel.background import ahead
from kernel.errors import DomainError, Invalid
from kernel.jobs import JobCancelled, JobRun, enqueue, job
from kernel.models import Job

PROVIDER = "import"
IMPORT_JOB = "datafeed.import"
FAULTS_KEPT = 100
MINUTE = 60
VALUES = ("open", "high", "low", "close", "volume")
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

    Importing twice changes nothing, and a crash in the middle leaves whole blocks. Nobody acts on these bars. The next
    block is read while one is written. Raises `UnreadableTable` for what is no table of bars.
    """
    report = ImportReport()
    for piece in ahead(_sifted(block, series.resolution) for block in read_file(file, zone=zone)):
        report.read += len(piece.bars) + len(piece.faults)
        report.refuse(piece.faults)
        if len(piece.bars):
            added = insert_bars(series=series, bars=piece.bars, source=PROVIDER)
            report.added += added
            report.known += len(piece.bars) - added
        if progress:
            progress(report)
    if report.added:
        # What waits for a gap goes on when it is found to be filled, which is looked for within a minute.
        look_again(gaps=Gap.objects.filter(series=series))
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


def _sifted(block: Block, resolution: str) -> Block:
    """The good bars of `block`, as a column holds them, and every fault, by line."""
    bars, faults = block.bars, list(block.faults)
    good: Mask = np.ones(len(bars), dtype=bool)
    for message, is_bad in _reasons(bars, resolution):
        faults += [Fault(int(line), message) for line in block.lines[is_bad & good]]
        good &= ~is_bad
    return Block(_rounded(bars.at_places(good)), block.lines[good], sorted(faults, key=lambda fault: fault.line))


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


def _rounded(bars: BarColumns) -> BarColumns:
    values = [np.where(np.abs(column) < EXACT_UP_TO, np.round(column, PLACES), column) for column in bars.values]
    return BarColumns(bars.time, *values)
