"""Every write to sweeps, and the jobs that run them: many values of a formula's parameters over the same bars."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction

from datafeed.models import Instrument
from formulas import engine
from formulas.backtests import Choice, bars_of, check_bars, check_size, check_waiting
from formulas.engine.sweep import (
    Measuring,
    SweepError,
    SweepPart,
    Walking,
    grid,
    joined,
    random_points,
    sweep_part,
)
from formulas.errors import FormulaRetired
from formulas.models import Formula, FormulaVersion, Sweep, SweepKind
from formulas.outcomes import number, packed, plain, unpacked
from formulas.services import check_parameters
from formulas.trials import check_day, note, tried_by
from kernel import jobs
from kernel.errors import DomainError, Invalid
from kernel.job_parts import spread
from kernel.models import Job

SWEEP_JOB, PART_JOB, WALK_JOB = "formulas.sweep", "formulas.sweep_part", "formulas.walk_forward"
JOBS = {SweepKind.SWEEP: SWEEP_JOB, SweepKind.WALK_FORWARD: WALK_JOB}
MOST_SWEEP_WORK = 10_000_000_000  # bars times calculations times points
POINTS_IN_A_PART = 50
Point = dict[str, float]
Part = TypeVar("Part")
Values = Mapping[str, Sequence[float]]


def points_of(values: Values, count: int | None, seed: int) -> list[Point]:
    """Every combination of the values, or `count` of them drawn with a seed; raises `Invalid` naming the field."""
    try:
        return grid(values) if count is None else random_points(values, count, seed)
    except SweepError as error:
        raise Invalid.field("parameters" if count is None else "count", f"{str(error).capitalize()}.") from None


@transaction.atomic
def start_sweep(
    *,
    owner: Any,
    formula: Formula,
    instrument: Instrument,
    choice: Choice,
    points: Sequence[Point],
    folds: int | None = None,
) -> Job:
    """A sweep of the formula's newest version, or with `folds` a walk forward through it, and the job that runs it.

    Raises `FormulaRetired`, `TooManyBacktests`, and errors that name the field.
    """
    if formula.version is None:
        raise FormulaRetired
    _check_points(formula.version, points)
    check_waiting(owner)
    check_day(owner)
    kind = SweepKind.SWEEP if folds is None else SweepKind.WALK_FORWARD
    row = Sweep.objects.create(
        owner=owner,
        formula=formula,
        version=formula.version,
        instrument=instrument,
        resolution=check_bars(instrument, choice),
        since=choice.since,
        until=choice.until,
        initial_capital=choice.initial_capital,
        fee_bps=choice.fee_bps,
        slippage_bps=choice.slippage_bps,
        kind=kind,
        points=list(points),
        folds=folds,
    )
    row.job = jobs.enqueue(kind=JOBS[kind], owner=owner, sweep_id=row.pk)
    row.save(update_fields=["job"])
    return row.job


def _check_points(version: FormulaVersion, points: Sequence[Point]) -> None:
    """Try the least and the greatest value of each parameter, and one with a fraction: the others are like them."""
    for name in points[0]:
        ordered = sorted(points, key=lambda point: point[name])
        with_fraction = next((point for point in ordered if not float(point[name]).is_integer()), ordered[0])
        for point in (ordered[0], with_fraction, ordered[-1]):
            check_parameters(version.code, point)


@transaction.atomic
def delete_sweep(*, sweep: Sweep) -> None:
    """Forget a sweep, and cancel its job."""
    job = sweep.job
    sweep.delete()
    if job is not None and not job.is_over:
        jobs.cancel(job=job)


@jobs.job(SWEEP_JOB, is_long=True)
def run_sweep(run: jobs.JobRun, *, sweep_id: int) -> dict[str, Any]:
    """Test every point; with workers in parts that any of them takes, else on the cores of this machine.

    The result is the same, bit for bit, however the points are shared out.
    """
    row = Sweep.objects.select_related("version", "instrument").get(pk=sweep_id)
    bars, cost = _checked_bars(row)
    if settings.JOBS_RUN_BY_CELERY:
        parts = _by_workers(run, row)
    else:
        measuring = _refusing(lambda: Measuring(row.version.code, bars, row.points, _terms(row), None))
        parts = _on_cores(run, row, measuring.part)
    found = joined(parts)
    metrics = [plain(one) for one in found.metrics]
    result = {
        "best": found.best,
        "deflated_sharpe": number(found.deflated_sharpe),
        "overfitting": number(found.overfitting),
        "trials": len(row.points) + len(tried_by(row)),
        "metrics": metrics,
        "bars": len(bars),
    }
    return _keep(run, row, result, [one["sharpe"] for one in metrics], cost)


@jobs.job(PART_JOB, is_long=True)
def run_part(run: jobs.JobRun, *, sweep_id: int, first: int, stop: int) -> dict[str, Any]:
    """Some points of a sweep; the job that they are part of joins them with the others."""
    row = Sweep.objects.select_related("version", "instrument").get(pk=sweep_id)
    part = _refusing(lambda: sweep_part(row.version.code, bars_of(row), row.points[first:stop], _terms(row)))
    return packed(part.as_dict())


@jobs.job(WALK_JOB, is_long=True)
def run_walk_forward(run: jobs.JobRun, *, sweep_id: int) -> dict[str, Any]:
    """Choose the best point on all bars so far and keep to it over the next part, again and again."""
    row = Sweep.objects.select_related("version", "instrument").get(pk=sweep_id)
    bars, cost = _checked_bars(row)
    walking = _refusing(lambda: Walking(row.version.code, bars, row.points, _terms(row), None, row.folds or 1))
    found = walking.joined(_on_cores(run, row, walking.part))
    times = [*bars.time.tolist(), None]
    folds = [
        {
            "since": times[fold.first],
            "until": times[fold.stop],
            "parameters": fold.point,
            "in_sample": plain(fold.in_sample),
            "out_of_sample": plain(fold.out_of_sample),
        }
        for fold in found.folds
    ]
    result = {"efficiency": number(found.efficiency), "folds": folds, "bars": len(bars)}
    return _keep(run, row, result, [number(fold.in_sample["sharpe"]) for fold in found.folds], cost)


def _keep(
    run: jobs.JobRun, row: Sweep, result: dict[str, Any], sharpes: Sequence[float | None], cost: int
) -> dict[str, Any]:
    """Keep the result, and what was tried: every point, or the best ones that a walk forward shows."""
    run.progress(1.0)
    with transaction.atomic():
        if Sweep.objects.filter(pk=row.pk).update(result=result):
            note(row, sharpes, cost)
    return {"sweep_id": row.pk}


def _checked_bars(row: Sweep) -> tuple[engine.Bars, int]:
    """The bars, and what all points on them cost; raises `BacktestTooLarge`."""
    bars = bars_of(row)
    program = check_parameters(row.version.code, row.points[0])
    return bars, check_size(program, len(bars), MOST_SWEEP_WORK, len(row.points))


def _terms(row: Sweep) -> engine.Terms:
    return engine.Terms(float(row.initial_capital), float(row.fee_bps), float(row.slippage_bps))


def _cuts(row: Sweep, least_parts: int = 1) -> list[tuple[int, int]]:
    """From which point to which each part goes."""
    count = len(row.points)
    parts = min(count, max(least_parts, -(-count // POINTS_IN_A_PART)))
    return [(count * place // parts, count * (place + 1) // parts) for place in range(parts)]


def _by_workers(run: jobs.JobRun, row: Sweep) -> list[SweepPart]:
    parts = [{"sweep_id": row.pk, "first": first, "stop": stop} for first, stop in _cuts(row)]
    return [SweepPart.from_dict(unpacked(result)) for result in spread(run, kind=PART_JOB, parts=parts)]


def _on_cores(run: jobs.JobRun, row: Sweep, part_of: Callable[[int, int], Part]) -> list[Part]:
    """What comes of the points from one place up to another, for all parts of a sweep."""
    cores = len(os.sched_getaffinity(0))
    cuts, parts = _cuts(row, cores), []
    with ThreadPoolExecutor(cores) as pool:
        waiting = [pool.submit(part_of, first, stop) for first, stop in cuts]
        try:
            for place, part in enumerate(waiting):
                run.progress(place / len(waiting), f"{cuts[place][0]} of {len(row.points)} points")
                parts.append(part.result())
        finally:
            for part in waiting:
                part.cancel()
    return parts


def _refusing(call: Callable[[], Any]) -> Any:
    """What the engine refuses is the job's error; it is not tried again."""
    try:
        return call()
    except (SweepError, engine.FormulaError) as error:
        raise DomainError(str(error)) from None
