"""Taking in a table of instruments: new ones are made, known ones changed, every row by itself."""

import uuid
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, cast

from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction

from datafeed.instrument_tables import read_instruments
from datafeed.models import Instrument
from datafeed.services.instruments import change_instrument, create_instrument
from kernel.errors import DomainError
from kernel.jobs import JobCancelled, JobRun, enqueue, job
from kernel.models import Job

IMPORT_INSTRUMENTS_JOB = "datafeed.import-instruments"
FAULTS_KEPT = 100
TELL_EVERY = 100  # rows


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field of a row that is left out; lines are counted from 1."""

    line: int
    field: str
    message: str


@dataclass(slots=True)
class ListingReport:
    """What became of a table: rows read, instruments made and changed, bad rows and the first hundred faults."""

    read: int = 0
    created: int = 0
    changed: int = 0
    bad: int = 0
    faults: list[FieldFault] = field(default_factory=list)


@transaction.atomic
def enqueue_instruments(*, owner: Any, file: BinaryIO) -> Job:
    """Put a table of instruments by and have it taken in; the job's result is the report."""
    name = default_storage.save(f"imports/{uuid.uuid4().hex}", File(file))
    return enqueue(kind=IMPORT_INSTRUMENTS_JOB, owner=owner, stored_as=name)


@job(IMPORT_INSTRUMENTS_JOB)
def run_instruments(run: JobRun, *, stored_as: str) -> dict[str, Any]:
    """Take in a table that was put by, and throw it away once it is in, or will never be."""
    try:
        with default_storage.open(stored_as) as stored:
            report = _import(run, cast(BinaryIO, stored))
    except (DomainError, JobCancelled):
        default_storage.delete(stored_as)
        raise
    default_storage.delete(stored_as)
    return asdict(report)


def _import(run: JobRun, file: BinaryIO) -> ListingReport:
    report = ListingReport()
    rows = list(read_instruments(file))
    for line, fields in rows:
        if report.read % TELL_EVERY == 0:
            run.progress(min(0.99, report.read / len(rows)), f"{report.read} rows")
        report.read += 1
        try:
            _take(fields, report)
        except ValidationError as error:
            report.bad += 1
            faults = [FieldFault(line, name, " ".join(messages)) for name, messages in error.message_dict.items()]
            report.faults += faults[: max(0, FAULTS_KEPT - len(report.faults))]
    return report


def _take(fields: dict[str, str], report: ListingReport) -> None:
    """Make or change the instrument that a row tells of; raises Django's `ValidationError` naming each bad field."""
    faults = {name: ["Characters that cannot be printed."] for name, text in fields.items() if not text.isprintable()}
    if "symbol" not in fields:
        faults["symbol"] = ["Every row names its symbol."]
    if faults:
        raise ValidationError(faults)
    values: dict[str, Any] = {**fields, "symbol": fields["symbol"].upper()}
    if "is_active" in values:
        values["is_active"] = values["is_active"].capitalize()
    known = Instrument.objects.filter(symbol=values["symbol"]).first()
    if known is None:
        create_instrument(**values)
        report.created += 1
    else:
        change_instrument(instrument=known, **values)
        report.changed += 1
