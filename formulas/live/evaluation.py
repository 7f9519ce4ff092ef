"""One pass over all deployments of a series for the bars that have closed."""

import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import BigIntegerField, CharField

from datafeed.models import Instrument
from formulas import engine
from formulas.live.cohorts import Cohort, Standing, cohorts_of
from formulas.live.stored import Stored
from formulas.models import Deployment
from formulas.services import (
    Evaluated,
    begin_deployment,
    compile_code,
    fail_deployment,
    hold_deployments,
    record_evaluations,
    release_deployments,
)
from kernel import clock, memory
from kernel.errors import DomainError
from kernel.statements import Given, Statement

logger = logging.getLogger(__name__)

Series = tuple[int, str]

# The feed's thread, a filled gap and a catch-up may meet; one state must not be moved on by two of them.
_lock = threading.Lock()
_cohorts: dict[Series, dict[int, Cohort]] = {}
_newcomers = memory.Newcomers(200)


def evaluate(instrument_id: int, resolution: str) -> int:
    """Run every deployment on this series over the closed bars it has not seen; the number of signals raised.

    They wait at bars that are missing: nothing is decided on what came after, until those are there or their provider
    is known not to have them.
    """
    series = (instrument_id, resolution)
    with _lock:
        standings = _standings(series)
        if not standings:
            _cohorts.pop(series, None)
            return 0
        built = [cohort.built_at for cohort in _cohorts.get(series, {}).values()]
        instrument = Instrument.objects.prefetch_related("series").get(pk=instrument_id)
        stored = Stored(instrument, resolution, min(built, default=clock.now()))
        try:
            raised = len(record_evaluations(evaluated=_moved(series, standings, stored)))
        except BaseException:
            # The rows were rolled back: the states in memory are ahead of them and must be built again.
            _cohorts.pop(series, None)
            raise
        _newcomers.settle()
        return raised


def evaluate_all(**only: Any) -> int:
    """`evaluate` for every series with deployments, or those that `only` names; the number of signals raised."""
    series = Deployment.objects.at_work().filter(**only).order_by().values_list("instrument_id", "resolution")
    return sum(evaluate(instrument_id, resolution) for instrument_id, resolution in series.distinct())


def admit(series: Series, deployment: Deployment, warm_from: int, cohort: Cohort, stored: Stored) -> bool:
    """Let a deployment that is warm in a `cohort` of its own join the others, from the next bar on.

    Not where it runs no more. Where the others stand at another bar, its state is built again with the next bar.
    """
    with _lock:
        cohort.skip(stored)
        through = cohort.last_time
        if through is None or not begin_deployment(deployment=deployment, warm_from=warm_from, through=through):
            return False
        kept = _cohorts.setdefault(series, {})
        if warm_from not in kept:
            kept[warm_from] = cohort
        elif kept[warm_from].last_time == through:
            kept[warm_from].absorb(cohort)
        return True


def forget() -> None:
    """Drop all states; the next bar of each series builds them again from the store."""
    with _lock:
        _cohorts.clear()


_STANDINGS = Statement(
    lambda: (
        Deployment.objects.at_work()
        .filter(instrument_id=Given("instrument_id", BigIntegerField()), resolution=Given("resolution", CharField()))
        .order_by("pk")
    ),
    *("pk", "warm_from", "evaluated_through", "stale_since"),
)


def _standings(series: Series) -> list[Standing]:
    rows = _STANDINGS.rows(instrument_id=series[0], resolution=series[1])
    return [Standing(pk, warm_from, through, stale is not None) for pk, warm_from, through, stale in rows]


def _moved(series: Series, standings: Sequence[Standing], stored: Stored) -> list[Evaluated]:
    first_time = stored.first_time() if any(standing.warm_from is None for standing in standings) else 0
    if first_time is None:
        return []
    groups = cohorts_of(standings, first_time)
    kept = _cohorts.setdefault(series, {})
    for gone in kept.keys() - groups.keys():
        del kept[gone]
    moved = [_move(kept.setdefault(start, Cohort(start)), start, group, stored) for start, group in groups.items()]
    return [one for one in moved if one]


def _move(cohort: Cohort, warm_from: int, standings: Sequence[Standing], stored: Stored) -> Evaluated | None:
    if missing := cohort.missing(standings, stored):
        programs = programs_of(missing)
        if programs:
            cohort.join(programs, standings, stored)
            _newcomers.add(len(programs))
    hole = stored.hole(warm_from)
    if hole:
        hold_deployments(ids=[one.pk for one in standings if not one.is_stale], since=hole.since, until=hole.until)
    elif stale := [one.pk for one in standings if one.is_stale]:
        release_deployments(ids=stale)
    return cohort.move(standings, stored, hole.since if hole else None)


def programs_of(ids: Iterable[int]) -> dict[int, engine.Program]:
    """The program of each deployment; one that does not compile any more is put aside."""
    programs: dict[int, engine.Program] = {}
    compiled: dict[object, engine.Program] = {}
    for deployment in Deployment.objects.select_related("version").in_bulk(ids).values():
        code, parameters = deployment.version.code, deployment.parameters
        try:
            key = code, tuple(sorted(parameters.items()))
            programs[deployment.pk] = compiled.get(key) or compiled.setdefault(key, compile_code(code, parameters))
        except DomainError as error:
            logger.exception("deployment %s cannot run", deployment.pk)
            fail_deployment(deployment=deployment, detail=error.message)
    return programs
