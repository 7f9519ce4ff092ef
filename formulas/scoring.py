"""What a record comes to: the score of a published version, and the record as a file that anybody can check."""

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction

from formulas.accounts import Markets
from formulas.engine.records import score_of
from formulas.models import Formula, Publication
from formulas.records import append_days, due_publications, entries_of
from kernel import jobs
from kernel.errors import DomainError
from kernel.models import Job, JobStatus

logger = logging.getLogger(__name__)

RECORDS_JOB = "formulas.records"


def record_of(publication: Publication) -> dict[str, Any]:
    """A live record as it is downloaded: what was fixed, and every day. The engine's `score` reads it as it is."""
    return {
        "formula_id": publication.formula_id,
        "version": publication.version.number,
        "program_hash": publication.version.version_hash,
        "version_hash": publication.version_hash,
        "published_at": publication.published_at,
        "symbols": [symbol.instrument.symbol for symbol in publication.symbols.select_related("instrument")],
        "resolution": publication.resolution,
        "costs": {"fee_bps": float(publication.fee_bps), "slippage_bps": float(publication.slippage_bps)},
        "verified": publication.is_verified,
        "versions": trials_of(publication),
        "head": publication.head,
        "days": entries_of(publication),
    }


def trials_of(publication: Publication) -> int:
    """How many versions weigh on the score: all that its author ever published, and whoever it is a clone of."""
    authors = {publication.formula.author_id}
    if publication.clone_of is not None:
        authors.add(publication.clone_of.formula.author_id)
    return Publication.objects.filter(formula__author__in=authors).count()


@transaction.atomic
def rate(publication: Publication) -> None:
    """Reckon a record's score anew, and show it on its formula where it is verified and of the newest version."""
    found = score_of(record_of(publication))
    Publication.objects.filter(pk=publication.pk).update(score=found.score, score_parts=found.parts)
    shown = found.score if publication.is_verified else None
    rated = Formula.objects.filter(pk=publication.formula_id, version_id=publication.version_id)
    rated.update(performance_score=None if shown is None else round(Decimal(shown), 2))


def start_keeping_records() -> Job | None:
    """Enqueue the job that brings the records up to date where a day is over; none while one is at it."""
    if Job.objects.filter(kind=RECORDS_JOB, status__in=(JobStatus.QUEUED, JobStatus.RUNNING)).exists():
        return None
    due = due_publications()
    return jobs.enqueue(kind=RECORDS_JOB, publication_ids=due) if due else None


@jobs.job(RECORDS_JOB, is_long=True)
def keep_records(run: jobs.JobRun, *, publication_ids: Sequence[int]) -> dict[str, Any]:
    """Bring these records up to date and rate them; a fault in one does not hold up the others."""
    # One that has ended meanwhile must not rate the formula in the place of the one that is on record now.
    rows = Publication.objects.current().filter(pk__in=publication_ids)
    rows = rows.select_related("formula", "version", "clone_of__formula")
    written, markets = 0, Markets()
    for place, publication in enumerate(rows.order_by("pk")):
        run.progress(place / len(publication_ids), f"record {publication.pk}")
        try:
            written += append_days(publication, markets)
            rate(publication)
        except (DomainError, ValueError):
            logger.exception("record %s could not be kept", publication.pk)
    return {"days": written}
