"""Every write to backtests, and the job that runs them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from datafeed.models import Instrument
from datafeed.selectors import check_served, read_bars
from formulas import engine
from formulas.engine.backtest import backtest
from formulas.errors import BacktestTooLarge, FormulaRetired, TooManyBacktests
from formulas.models import Backtest, Formula, FormulaVersion
from formulas.outcomes import outcome_of, plain
from formulas.services import check_parameters
from kernel import jobs
from kernel.errors import Invalid
from kernel.models import Job, JobStatus

BACKTEST_JOB = "formulas.backtest"
MOST_SYMBOLS = 20
MOST_WAITING = 20
MOST_BARS = 500_000
MOST_WORK = 500_000_000  # bars times calculations of one symbol
# A formula that reads its account goes bar by bar, which takes about so much longer.
BAR_BY_BAR = 20


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
    unfinished = (JobStatus.QUEUED, JobStatus.RUNNING)
    if Job.objects.filter(owner=owner, kind=BACKTEST_JOB, status__in=unfinished).count() >= MOST_WAITING:
        raise TooManyBacktests


def _create(owner: Any, version: FormulaVersion, instrument: Instrument, choice: Choice) -> Backtest:
    resolution = check_served(instrument, choice.resolution)
    if len(read_bars(instrument, resolution, since=choice.since, until=choice.until, last=2)) < 2:
        field = "resolution" if choice.since is choice.until is None else "from"
        raise Invalid.field(field, f"{instrument.symbol} has fewer than two {resolution} bars there.")
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


@jobs.job(BACKTEST_JOB)
def run_backtests(run: jobs.JobRun, *, backtest_ids: Sequence[int]) -> dict[str, Any]:
    """Run each backtest and keep what came of it, all or none; those deleted meanwhile are passed over."""
    rows = list(Backtest.objects.filter(pk__in=backtest_ids).select_related("version", "instrument").order_by("pk"))
    for place, row in enumerate(rows):
        run.progress(place / len(rows), row.instrument.symbol)
        _run(row)
    run.progress(1.0)
    _keep(rows)
    return {"backtest_id": rows[0].pk if rows else None, "backtest_ids": [row.pk for row in rows]}


def _run(row: Backtest) -> None:
    program = check_parameters(row.version.code, row.parameters)
    stored = read_bars(row.instrument, row.resolution, since=row.since, until=row.until, last=MOST_BARS + 1)
    work = len(stored) * len(program.nodes) * (BAR_BY_BAR if program.reads_account else 1)
    if len(stored) > MOST_BARS or work > MOST_WORK:
        raise BacktestTooLarge
    bars = engine.Bars(stored.time, *stored.values)
    terms = engine.Terms(float(row.initial_capital), float(row.fee_bps), float(row.slippage_bps))
    result = backtest(program, bars, terms)
    row.metrics, row.outcome = plain(result.metrics), outcome_of(result, bars)


@transaction.atomic
def _keep(rows: Iterable[Backtest]) -> None:
    for row in rows:
        Backtest.objects.filter(pk=row.pk).update(metrics=row.metrics, outcome=row.outcome)
