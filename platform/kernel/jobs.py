"""Long work as rows: claimed with a lease, kept alive by a heartbeat, retried with back-off, cancelled on request.

The row is the queue. In the process a runner looks for due rows; with Redis a Celery message wakes a worker, which
claims the same row in the same way. A lost message or a killed worker costs time, never the job.

Work of minutes has a lane of its own, so that a mail does not wait behind it.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from kernel import clock
from kernel.background import on_thread, report
from kernel.errors import Conflict, DomainError
from kernel.models import Job, JobStatus
from kernel.realtime import Payload, Push, push

logger = logging.getLogger(__name__)

LEASE_FOR = timedelta(seconds=30)
HEARTBEAT = 10.0
MOST_ATTEMPTS = 3
FIRST_RETRY = timedelta(seconds=5)
LOOK_EVERY = 1.0
SHORT, LONG = "celery", "long"  # the lanes, by the names of their queues; "celery" is Celery's own default
FAULT = "Something went wrong on our side."  # what people read of it; the log has the rest
RUN_JOB = "kernel.run_job"


class JobCancelled(Exception):
    """Raised inside a job at its next report of progress once somebody cancelled it."""


class JobIsOver(Conflict):
    code = "job_is_over"
    message = "The job has ended already."


class JobProgress(Payload, frozen=True, kw_only=True):
    """Where a job is: `progress` from 0 to 1."""

    id: str
    kind: str
    status: str
    progress: float
    message: str


class JobProgressed(Push, frozen=True, kw_only=True, tag="job.progress"):
    """A job of one's own has moved on or ended."""

    payload: JobProgress


@dataclass(frozen=True, slots=True)
class JobRun:
    """One attempt at a job, as its function sees it."""

    job: Job

    def progress(self, share: float, message: str = "") -> None:
        """Tell how far it is, 0 to 1; raises `JobCancelled` once somebody has cancelled it."""
        _heartbeat(self.job.pk, progress=min(1.0, max(0.0, share)), message=message[:200])
        self.job.progress, self.job.message = share, message
        _tell(self.job)
        if Job.objects.filter(pk=self.job.pk, cancel_requested=True).exists():
            raise JobCancelled


JobFunction = Callable[..., dict[str, Any] | None]
_functions: dict[str, JobFunction] = {}
_long_kinds: set[str] = set()


def job(kind: str, *, is_long: bool = False) -> Callable[[JobFunction], JobFunction]:
    """Register `function(run: JobRun, **parameters) -> result` as what jobs of `kind` do; safe to run twice.

    One that is long may take more than a few seconds.
    """

    def register(function: JobFunction) -> JobFunction:
        _functions[kind] = function
        if is_long:
            _long_kinds.add(kind)
        return function

    return register


@transaction.atomic
def enqueue(*, kind: str, owner: Any = None, **parameters: Any) -> Job:
    """Write down work to be done once the transaction has committed; `parameters` are plain JSON values."""
    if kind not in _functions:
        raise KeyError(f"no job is called {kind}")
    row = Job.objects.create(kind=kind, owner=owner, parameters=parameters)
    wake_worker(row)
    return row


def wake_worker(row: Job) -> None:
    """Tell the workers of the job's lane about it, once the transaction has committed."""
    transaction.on_commit(lambda: _wake(row.pk, lane_of(row.kind)), robust=True)


def lane_of(kind: str) -> str:
    """`LONG` or `SHORT`."""
    return LONG if kind in _long_kinds else SHORT


@transaction.atomic
def cancel(*, job: Job) -> Job:
    """End a waiting job at once and a running one at its next report; raises `JobIsOver`."""
    job = Job.objects.select_for_update().get(pk=job.pk)
    if job.is_over:
        raise JobIsOver
    job.cancel_requested = True
    if job.status == JobStatus.QUEUED:
        job.status, job.finished_at = JobStatus.CANCELLED, clock.now()
    job.save()
    transaction.on_commit(lambda: _tell(job), robust=True)
    return job


def run_job(job_id: UUID | str) -> bool:
    """Claim and run one job; false where it is not due or another worker has it."""
    claimed = _claim(job_id)
    if claimed is None:
        return False
    alive = threading.Event()
    beating = threading.Thread(target=_beat, args=(claimed.pk, alive), daemon=True)
    beating.start()
    try:
        _attempt(claimed)
    finally:
        alive.set()
        beating.join()
    return True


def due_jobs(limit: int = 20, lane: str | None = None) -> list[UUID]:
    """Jobs of a lane, or of any, that wait, and those whose worker has let its lease run out."""
    rows = _due()
    if lane is not None:
        rows = rows.filter(kind__in=_long_kinds) if lane == LONG else rows.exclude(kind__in=_long_kinds)
    return list(rows.values_list("pk", flat=True)[:limit])


def _due() -> QuerySet[Job]:
    now = clock.now()
    waiting = Q(status=JobStatus.QUEUED, run_after__lte=now)
    abandoned = Q(status=JobStatus.RUNNING, lease_until__lt=now)
    return Job.objects.filter(waiting | abandoned).order_by("run_after")


async def run_jobs() -> None:
    """The in-process runner: one job of each lane at a time, on a database thread, for as long as the server lives."""
    running: dict[str, asyncio.Task[bool]] = {}
    while True:
        running = {lane: task for lane, task in running.items() if not task.done()}
        for lane in {SHORT, LONG} - running.keys():
            for pk in await on_thread(due_jobs, 1, lane):
                running[lane] = asyncio.create_task(on_thread(run_job, pk))
        await on_thread(report, "jobs", "ok", f"{len(running)} running")
        await asyncio.sleep(LOOK_EVERY)


def requeue_abandoned() -> int:
    """With Celery: send due jobs again, in case a message or a worker was lost; the number sent."""
    due = _due().values_list("pk", "kind")[:20]
    for pk, kind in due:
        _wake(pk, lane_of(kind))
    report("jobs", "ok", f"{len(due)} sent to the workers again")
    return len(due)


def _wake(job_id: UUID, lane: str) -> None:
    if settings.JOBS_RUN_BY_CELERY:
        current_app.send_task(RUN_JOB, [str(job_id)], queue=lane)


def _claim(job_id: UUID | str) -> Job | None:
    """Take the job if it is due: one conditional update, so that of two workers one has it."""
    now = clock.now()
    due = Q(status=JobStatus.QUEUED, run_after__lte=now) | Q(status=JobStatus.RUNNING, lease_until__lt=now)
    taken = Job.objects.filter(due, pk=job_id).update(
        status=JobStatus.RUNNING, attempts=F("attempts") + 1, lease_until=now + LEASE_FOR, started_at=now
    )
    return Job.objects.get(pk=job_id) if taken else None


def _beat(job_id: UUID, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT):
        _heartbeat(job_id)


def _heartbeat(job_id: UUID, **fields: Any) -> None:
    running = Job.objects.filter(pk=job_id, status=JobStatus.RUNNING)
    running.update(lease_until=clock.now() + LEASE_FOR, **fields)


def _attempt(job: Job) -> None:
    try:
        if job.attempts > MOST_ATTEMPTS:
            raise DomainError("Its worker was lost too often.")
        result = _functions[job.kind](JobRun(job), **job.parameters)
    except JobCancelled:
        _end(job, JobStatus.CANCELLED)
    except DomainError as error:
        _end(job, JobStatus.FAILED, error=error.message)
    except Exception:  # of this job alone: it is tried again or ends as failed, and its worker goes on
        logger.exception("job %s failed", job)
        _fail_or_retry(job)
    else:
        _end(job, JobStatus.SUCCEEDED, result=result, progress=1.0)


def _fail_or_retry(job: Job) -> None:
    if job.attempts >= MOST_ATTEMPTS:
        _end(job, JobStatus.FAILED, error=FAULT)
        return
    delay = FIRST_RETRY * 2 ** (job.attempts - 1)
    Job.objects.filter(pk=job.pk, attempts=job.attempts).update(
        status=JobStatus.QUEUED, run_after=clock.now() + delay, error=FAULT
    )


def _end(job: Job, status: JobStatus, **fields: Any) -> None:
    """Write the outcome, unless the lease was lost and another attempt has begun."""
    mine = Job.objects.filter(pk=job.pk, attempts=job.attempts, status=JobStatus.RUNNING)
    if mine.update(status=status, finished_at=clock.now(), lease_until=None, **{"error": "", **fields}):
        _tell(Job.objects.get(pk=job.pk))


def _tell(job: Job) -> None:
    if job.owner_id is None:
        return
    payload = JobProgress(id=str(job.pk), kind=job.kind, status=job.status, progress=job.progress, message=job.message)
    push(f"jobs:{job.owner_id}", JobProgressed(payload=payload), newest_only=f"job:{job.pk}")
