"""Jobs: each runs to an end once, survives its worker, and can be watched and cancelled."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from kernel import clock, jobs
from kernel.errors import Conflict, Invalid
from kernel.models import Job, JobStatus

pytestmark = pytest.mark.django_db
ran: list[str] = []


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs, "_functions", {})
    # Whatever queue there is, these tests claim the rows themselves.
    monkeypatch.setattr(jobs, "_wake", lambda job_id, lane: None)
    ran.clear()

    @jobs.job("double")
    def double(run: jobs.JobRun, number: int) -> dict[str, Any]:
        run.progress(0.5, "half way")
        ran.append("double")
        return {"doubled": number * 2}

    @jobs.job("refuse")
    def refuse(run: jobs.JobRun) -> None:
        raise Invalid("There is nothing to do.")

    @jobs.job("break")
    def break_down(run: jobs.JobRun) -> None:
        ran.append("break")
        raise RuntimeError("broken")


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def test_a_job_runs_once_and_keeps_its_result() -> None:
    job = jobs.enqueue(kind="double", number=21)
    assert jobs.due_jobs() == [job.pk]
    assert jobs.run_job(job.pk)
    assert not jobs.run_job(job.pk), "a second worker that heard of it finds it done"
    done = fresh(job)
    assert (done.status, done.result, done.progress) == (JobStatus.SUCCEEDED, {"doubled": 42}, 1.0)
    assert ran == ["double"]


def test_a_refusal_fails_the_job_with_its_message_and_is_not_tried_again() -> None:
    job = jobs.enqueue(kind="refuse")
    jobs.run_job(job.pk)
    assert (fresh(job).status, fresh(job).error) == (JobStatus.FAILED, "There is nothing to do.")
    assert jobs.due_jobs() == []


def test_a_fault_is_tried_again_with_a_pause_and_told_plainly_at_last(caplog: pytest.LogCaptureFixture) -> None:
    job = jobs.enqueue(kind="break")
    for attempt in range(1, jobs.MOST_ATTEMPTS + 1):
        assert jobs.run_job(job.pk)
        assert not jobs.run_job(job.pk), "not before its pause is over"
        assert ran == ["break"] * attempt
        Job.objects.filter(status=JobStatus.QUEUED).update(run_after=clock.now())
    assert (fresh(job).status, fresh(job).error) == (JobStatus.FAILED, "Something went wrong on our side.")
    assert caplog.text.count("RuntimeError: broken") == jobs.MOST_ATTEMPTS, "the log says what it was"


def test_the_job_of_a_killed_worker_is_run_by_the_next_one() -> None:
    job = jobs.enqueue(kind="double", number=1)
    Job.objects.filter(pk=job.pk).update(
        status=JobStatus.RUNNING, attempts=1, lease_until=clock.now() - timedelta(seconds=1)
    )
    assert jobs.due_jobs() == [job.pk]
    jobs.run_job(job.pk)
    assert fresh(job).status == JobStatus.SUCCEEDED


def test_a_worker_that_lost_its_lease_cannot_overwrite_the_outcome() -> None:
    job = jobs.enqueue(kind="double", number=1)
    Job.objects.filter(pk=job.pk).update(status=JobStatus.RUNNING, attempts=1)
    paused = fresh(job)
    Job.objects.filter(pk=job.pk).update(attempts=2)
    jobs._end(paused, JobStatus.FAILED, error="too late")
    assert fresh(job).status == JobStatus.RUNNING


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_at_its_next_report() -> None:
    waiting = jobs.cancel(job=jobs.enqueue(kind="double", number=1))
    assert waiting.status == JobStatus.CANCELLED
    with pytest.raises(Conflict):
        jobs.cancel(job=waiting)
    running = jobs.enqueue(kind="double", number=1)
    Job.objects.filter(pk=running.pk).update(cancel_requested=True)
    jobs.run_job(running.pk)
    assert fresh(running).status == JobStatus.CANCELLED
    assert ran == []


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_has_the_job() -> None:
    job = jobs.enqueue(kind="double", number=1)
    together = threading.Barrier(8)
    outcomes: list[bool] = []

    def work() -> None:
        together.wait()
        outcomes.append(jobs.run_job(job.pk))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(outcomes) == [False] * 7 + [True]
    assert ran == ["double"]


def test_jobs_are_their_owners_business(person: Any, client_of: Any) -> None:
    ann, bob, operator = person("ann"), person("bob"), person("olga", role="operator")
    job = jobs.enqueue(kind="double", owner=ann, number=1)
    url = f"/api/v1/jobs/{job.pk}"
    assert client_of(None).get(url).status_code == 401
    assert client_of(bob).get(url).status_code == 404
    assert client_of(bob).delete(url).status_code == 404
    assert client_of(operator).get(url).status_code == 200
    shown = client_of(ann).get(url).json()
    assert shown["url"].endswith(url)
    assert shown["status"] == "queued"
    assert client_of(ann).get("/api/v1/jobs").json()["total"] == 1
    assert client_of(ann).delete(url).json()["status"] == "cancelled"
    assert client_of(ann).delete(url).status_code == 409
