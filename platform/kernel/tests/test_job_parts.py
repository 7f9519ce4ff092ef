"""Jobs in parts: each part once, by whoever is free, joined in order, whatever is killed or cancelled."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kernel import clock, job_parts, jobs
from kernel.errors import Invalid
from kernel.models import Job, JobStatus

pytestmark = pytest.mark.django_db
done: list[int] = []
Hook = Callable[[int], None]


@pytest.fixture(autouse=True)
def hooks(monkeypatch: Any) -> dict[str, Hook]:
    """What a test wants to happen in a part, and when all of them are joined."""
    found: dict[str, Hook] = {"part": lambda number: None, "joined": lambda count: None}
    monkeypatch.setattr(jobs, "_functions", {})
    monkeypatch.setattr(jobs, "_wake", lambda job_id, lane: None)
    monkeypatch.setattr(job_parts, "LOOK_EVERY", 0.001)
    done.clear()

    @jobs.job("part")
    def part(run: jobs.JobRun, number: int) -> dict[str, Any]:
        found["part"](number)
        done.append(number)
        return {"square": number * number}

    @jobs.job("whole")
    def whole(run: jobs.JobRun, count: int) -> dict[str, Any]:
        results = job_parts.spread(run, kind="part", parts=[{"number": number} for number in range(count)])
        found["joined"](len(results))
        return {"squares": [result["square"] for result in results]}

    return found


def run_whole(count: int = 4) -> Job:
    job = jobs.enqueue(kind="whole", count=count)
    jobs.run_job(job.pk)
    job.refresh_from_db()
    return job


def test_the_results_are_joined_in_the_order_of_the_parts() -> None:
    job = run_whole()
    assert (job.status, job.result) == (JobStatus.SUCCEEDED, {"squares": [0, 1, 4, 9]})
    assert done == [0, 1, 2, 3]
    assert Job.objects.count() == 1, "the parts are nobody's business afterwards"


def test_another_worker_takes_a_part(hooks: dict[str, Hook]) -> None:
    def meanwhile(number: int) -> None:
        if number == 0:
            jobs.run_job(Job.objects.get(kind="part", parameters={"number": 2}).pk)

    hooks["part"] = meanwhile
    assert run_whole().result == {"squares": [0, 1, 4, 9]}
    assert done == [2, 0, 1, 3]


def test_a_killed_workers_part_is_done_again(hooks: dict[str, Hook]) -> None:
    def killed(number: int) -> None:
        if number == 0:
            ago = clock.now() - timedelta(seconds=1)
            Job.objects.filter(kind="part", parameters={"number": 3}).update(
                status=JobStatus.RUNNING, lease_until=ago, attempts=1
            )

    hooks["part"] = killed
    assert run_whole().result == {"squares": [0, 1, 4, 9]}


def test_a_second_attempt_keeps_the_parts_that_are_done(hooks: dict[str, Hook]) -> None:
    def breaks_once(number: int) -> None:
        if number == 2 and done.count(2) == 0 and not broken:
            broken.append(number)
            raise ConnectionError("the database was away")

    def lost(job_id: Any) -> None:
        raise ConnectionError("the database was away")

    broken: list[int] = []
    hooks["part"] = breaks_once
    job = jobs.enqueue(kind="whole", count=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_parts, "_unfinished", lost)
        jobs.run_job(job.pk)
    assert (Job.objects.filter(kind="part").count(), Job.objects.get(pk=job.pk).status) == (3, JobStatus.QUEUED)
    jobs.run_job(Job.objects.filter(kind="part").order_by("created_at").first().pk)
    Job.objects.update(run_after=clock.now() - timedelta(seconds=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "FIRST_RETRY", timedelta(0))
        jobs.run_job(job.pk)
    job.refresh_from_db()
    assert (job.result, sorted(done), broken) == ({"squares": [0, 1, 4]}, [0, 1, 2], [2])


def test_a_part_that_is_refused_fails_the_whole(hooks: dict[str, Hook]) -> None:
    def refuse(number: int) -> None:
        if number == 1:
            raise Invalid("Too large.")

    hooks["part"] = refuse
    job = run_whole()
    assert (job.status, job.error, done) == (JobStatus.FAILED, "Too large.", [0])
    assert Job.objects.count() == 1


def test_cancelling_the_whole_ends_the_parts(hooks: dict[str, Hook]) -> None:
    def cancel(number: int) -> None:
        if number == 1:
            jobs.cancel(job=Job.objects.get(kind="whole"))

    hooks["part"] = cancel
    job = run_whole()
    assert (job.status, done) == (JobStatus.CANCELLED, [0, 1])
    assert Job.objects.count() == 1


def test_long_work_has_a_lane_of_its_own() -> None:
    jobs.job("slow", is_long=True)(lambda run: None)
    slow, quick = jobs.enqueue(kind="slow"), jobs.enqueue(kind="part", number=1)
    assert jobs.due_jobs(5, jobs.LONG) == [slow.pk]
    assert jobs.due_jobs(5, jobs.SHORT) == [quick.pk]
    assert set(jobs.due_jobs()) == {slow.pk, quick.pk}
