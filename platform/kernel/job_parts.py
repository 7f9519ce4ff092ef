"""A job done in parts: every free worker takes some, the job itself does the others, and joins the results in order.

A part is a job as any other: a killed worker's is claimed again once its lease has run out. Nobody waits idly for a
worker, so one alone gets through, and so does a single process without any.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction

from kernel import jobs
from kernel.errors import DomainError
from kernel.models import Job, JobStatus

LOOK_EVERY = 0.1
OVER = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)
Parameters = Mapping[str, Any]


class PartFailed(DomainError):
    """A part of the work could not be done; the message is the part's own."""

    code = "part_failed"


def spread(run: jobs.JobRun, *, kind: str, parts: Sequence[Parameters]) -> list[dict[str, Any]]:
    """Have every one of `parts` done by a job of `kind` with these parameters; the results in the same order.

    The ids follow from the job's own, so that another attempt at it finds the parts that are done already. Raises
    `PartFailed`, and `JobCancelled` once the job is cancelled; the parts that are left are then cancelled as well.
    """
    ids = [uuid5(run.job.pk, f"{kind} {place}") for place in range(len(parts))]
    _write_down(kind, ids, parts)
    try:
        _work(run, ids)
    except (jobs.JobCancelled, PartFailed):
        # Any other fault is tried again, and finds what is done already.
        _abandon(ids)
        raise
    found = Job.objects.in_bulk(ids)
    Job.objects.filter(pk__in=ids).delete()
    return [found[pk].result or {} for pk in ids]


def _write_down(kind: str, ids: Sequence[UUID], parts: Sequence[Parameters]) -> None:
    with transaction.atomic():
        known = set(Job.objects.filter(pk__in=ids).values_list("pk", flat=True))
        new = [Job(pk=pk, kind=kind, parameters=dict(part)) for pk, part in zip(ids, parts, strict=True)]
        for row in Job.objects.bulk_create([row for row in new if row.pk not in known]):
            jobs.wake_worker(row)


def _work(run: jobs.JobRun, ids: Sequence[UUID]) -> None:
    """Do what no other worker does, until all is done."""
    while left := _unfinished(ids):
        run.progress(1.0 - len(left) / len(ids), f"{len(ids) - len(left)} of {len(ids)} parts")
        if not any(jobs.run_job(pk) for pk in left):
            time.sleep(LOOK_EVERY)


def _unfinished(ids: Sequence[UUID]) -> list[UUID]:
    """The parts that are not over, in their order; raises `PartFailed` for one that came to nothing."""
    rows = {row.pk: row for row in Job.objects.filter(pk__in=ids).only("status", "error")}
    for row in rows.values():
        if row.status in (JobStatus.FAILED, JobStatus.CANCELLED):
            raise PartFailed(row.error or "A part of it was cancelled.")
    return [pk for pk in ids if rows[pk].status not in OVER]


def _abandon(ids: Sequence[UUID]) -> None:
    rows = Job.objects.filter(pk__in=ids)
    rows.filter(status=JobStatus.RUNNING).update(cancel_requested=True)
    rows.exclude(status=JobStatus.RUNNING).delete()
