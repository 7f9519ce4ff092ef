"""Every write to backtests, and the job that runs them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from datafeed.models import Instrument
from datafeed.selectors import check_served, read_bars
from formulas import engine
from formulas.engine.backtest import backtest
from formulas.errors import BacktestTooLarge, FormulaRetired, TooManyBacktests
from formulas.models import Backtest, Formula, FormulaVersion, Simulation
from formulas.outcomes import deflated, outcome_of, packed, plain, robustness_of, unpacked
from formulas.services import check_parameters
from formulas.trials import check_day, note, tried_by
from kernel import jobs
from kernel.errors import Invalid
from kernel.job_parts import spread
from kernel.models import Job, JobStatus

BACKTEST_JOB, PART_JOB = "formulas.backtest", "formulas.backtest_part"
MOST_SYMBOLS = 20
MOST_WAITING = 20
MOST_BARS = 500_000
MOST_WORK = 500_000_000  # bars times calculations of one symbol
# A formula that reads its account goes bar by bar, which takes about so much longer.
BAR_BY_BAR = 20


Found = dict[str, Any]


class Work(NamedTuple):
    """A backtest without the database; `tried` are the yearly Sharpe ratios of what else was tried on its bars.

    `cost` is bars times calculations.
    """

    program: engine.Program
    bars: engine.Bars
    terms: engine.Terms
    tried: Sequence[float]
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a backtest rests on. `since` and `until` bound the opening of bars in epoch seconds UTC; none is open."""

    resolution: str
    since: int | None = None
    until: int | None = None
    initial_capital: Decimal = Decimal(10_000)
    fee_bps: Decimal = Decimal(5)
    slippage_bps: Decimal = Decimal(2)
    parameters: Mapping[str, float] | None = None


@transaction.atomic
def start_backtests(*, owner: Any, formula: Formula, instruments: Sequence[Instrument], choice: Choice) -> Job:
    """A backtest of the formula's newest version for each instrument, and the one job that runs them.

    Raises `FormulaRetired`, `TooManyBacktests`, and errors that name the field.
    """
    if formula.version is None:
        raise FormulaRetired
    check_parameters(formula.version.code, choice.parameters or {})
    _check_room(owner, len(instruments))
    rows = [_create(owner, formula.version, instrument, choice) for instrument in instruments]
    ids = [row.pk for row in rows]
    job = jobs.enqueue(kind=BACKTEST_JOB, owner=owner, backtest_ids=ids)
    Backtest.objects.filter(pk__in=ids).update(job=job)
    return job


def _check_room(owner: Any, wanted: int) -> None:
    if not 1 <= wanted <= MOST_SYMBOLS:
        raise Invalid.field("symbols", f"From 1 to {MOST_SYMBOLS} symbols are tested at once.")
    check_waiting(owner)
    check_day(owner)


def check_waiting(owner: Any) -> None:
    """Raise `TooManyBacktests` where too much long work of this person waits already."""
    unfinished = (JobStatus.QUEUED, JobStatus.RUNNING)
    if Job.objects.filter(owner=owner, kind__startswith="formulas.", status__in=unfinished).count() >= MOST_WAITING:
        raise TooManyBacktests


def check_bars(instrument: Instrument, choice: Choice) -> str:
    """The resolution in its canonical form; raises `ResolutionNotServed`, and `Invalid` where no bars are."""
    resolution = check_served(instrument, choice.resolution)
    if len(read_bars(instrument, resolution, since=choice.since, until=choice.until, last=2)) < 2:
        field = "resolution" if choice.since is choice.until is None else "from"
        raise Invalid.field(field, f"{instrument.symbol} has fewer than two {resolution} bars there.")
    return resolution


def _create(owner: Any, version: FormulaVersion, instrument: Instrument, choice: Choice) -> Backtest:
    resolution = check_bars(instrument, choice)
    return Backtest.objects.create(
        owner=owner,
        formula_id=version.formula_id,
        version=version,
        instrument=instrument,
        resolution=resolution,
        since=choice.since,
        until=choice.until,
        initial_capital=choice.initial_capital,
        fee_bps=choice.fee_bps,
        slippage_bps=choice.slippage_bps,
        parameters=dict(choice.parameters or {}),
    )


@transaction.atomic
def delete_backtest(*, backtest: Backtest) -> None:
    """Forget a backtest; its job is cancelled when it has nothing else to do."""
    job = backtest.job
    backtest.delete()
    if job is not None and not job.is_over and not job.backtests.exists():
        jobs.cancel(job=job)


@jobs.job(BACKTEST_JOB, is_long=True)
def run_backtests(run: jobs.JobRun, *, backtest_ids: Sequence[int]) -> dict[str, Any]:
    """Run each backtest and keep what came of it, all or none; those deleted meanwhile are passed over.

    With workers each symbol is a part that any of them takes; else the cores of this machine share them.
    """
    rows = list(Backtest.objects.filter(pk__in=backtest_ids).select_related("version", "instrument").order_by("pk"))
    if settings.JOBS_RUN_BY_CELERY and len(rows) > 1:
        found = [unpacked(part) for part in spread(run, kind=PART_JOB, parts=[{"backtest_id": row.pk} for row in rows])]
    else:
        found = _on_cores(run, rows)
    run.progress(1.0)
    _keep(zip(rows, found, strict=True))
    return {"backtest_id": rows[0].pk if rows else None, "backtest_ids": [row.pk for row in rows]}


@jobs.job(PART_JOB, is_long=True)
def run_part(run: jobs.JobRun, *, backtest_id: int) -> dict[str, Any]:
    """One backtest of several; the job that they are parts of keeps what came of it."""
    row = Backtest.objects.select_related("version", "instrument").get(pk=backtest_id)
    return packed(_calculate(_prepare(row)))


def _on_cores(run: jobs.JobRun, rows: Sequence[Backtest]) -> list[Found]:
    found: list[Found] = []
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        # As many at a time as there are cores: all bars at once would fill the memory.
        for start in range(0, len(rows), cores):
            some = rows[start : start + cores]
            run.progress(start / len(rows), some[0].instrument.symbol)
            found += pool.map(_calculate, [_prepare(row) for row in some])
    return found


def _prepare(row: Backtest) -> Work:
    """All that is needed of the database; raises `BacktestTooLarge`."""
    program = check_parameters(row.version.code, row.parameters)
    bars = bars_of(row)
    cost = check_size(program, len(bars), MOST_WORK)
    terms = engine.Terms(float(row.initial_capital), float(row.fee_bps), float(row.slippage_bps))
    return Work(program, bars, terms, tried_by(row), cost)


def bars_of(row: Simulation) -> engine.Bars:
    """The stored bars that a simulation is over; raises `BacktestTooLarge`."""
    stored = read_bars(row.instrument, row.resolution, since=row.since, until=row.until, last=MOST_BARS + 1)
    if len(stored) > MOST_BARS:
        raise BacktestTooLarge
    return engine.Bars(stored.time, *stored.values)


def check_size(program: engine.Program, bars: int, most: int, points: int = 1) -> int:
    """Bars times calculations, for every point; raises `BacktestTooLarge` where they are more than `most`."""
    cost = bars * points * len(program.nodes) * (BAR_BY_BAR if program.reads_account else 1)
    if cost > most:
        raise BacktestTooLarge
    return cost


def _calculate(work: Work) -> Found:
    result = backtest(work.program, work.bars, work.terms)
    outcome = outcome_of(result, work.bars) | robustness_of(work.program, work.bars, work.terms, result)
    return {
        "metrics": plain(result.metrics),
        "outcome": outcome,
        "trials": len(work.tried) + 1,
        "deflated_sharpe": deflated(result, work.bars, work.tried),
        "cost": work.cost,
    }


@transaction.atomic
def _keep(found: Iterable[tuple[Backtest, Found]]) -> None:
    for row, fields in found:
        cost = fields.pop("cost")
        if Backtest.objects.filter(pk=row.pk).update(**fields):
            note(row, [fields["metrics"]["sharpe"]], cost)
