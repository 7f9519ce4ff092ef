"""Every write to deployments that people and recovery ask for; what their bars bring is in `evaluations`."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from django.db import IntegrityError, transaction
from numpy.typing import NDArray

from datafeed.models import Instrument
from datafeed.resolutions import seconds
from datafeed.selectors import bar_times, check_served, read_bars
from formulas import engine
from formulas.engine.warmup import first_needed, most_bars
from formulas.errors import AlreadyDeployed, FormulaRetired
from formulas.models import Certificate, Deployment, DeploymentStatus, Formula
from formulas.services.compiling import check_parameters
from kernel import clock

logger = logging.getLogger(__name__)

WARM_BARS = 5_000
# What rests on more bars than these is made ready beside the request, and beside the bars that close meanwhile.
MOST_AT_ONCE = 20_000
WARMING = "is warming up"
AT_ONCE = 5_000  # ids in one statement; SQLite takes 32,766


@transaction.atomic
def deploy_formula(
    *,
    formula: Formula,
    instrument: Instrument,
    resolution: str,
    parameters: Mapping[str, float] | None = None,
) -> Deployment:
    """Run the formula's newest version live, from the newest closed bar on; what looks far back warms up first.

    Raises `FormulaRetired`, `AlreadyDeployed`, and errors that name the resolution or the parameters.
    """
    if formula.is_retired or formula.version is None:
        raise FormulaRetired
    resolution = check_served(instrument, resolution)
    program = check_parameters(formula.version.code, parameters or {})
    length = seconds(resolution)
    times = bar_times(instrument, resolution, last=min(_looked_at(program, length), MOST_AT_ONCE + 1))
    is_warming = times.size > MOST_AT_ONCE
    newest = int(times[-1]) if times.size else None
    try:
        with transaction.atomic():
            return Deployment.objects.create(
                formula=formula,
                version=formula.version,
                instrument=instrument,
                resolution=resolution,
                parameters=dict(parameters or {}),
                is_warming=is_warming,
                detail=WARMING if is_warming else "",
                warm_from=None if is_warming else _warm_from(program, times, length),
                evaluated_through=newest,
                live_after=newest,
            )
    except IntegrityError:
        raise AlreadyDeployed from None


def first_bar_for(program: engine.Program, instrument: Instrument, resolution: str) -> int | None:
    """The bar that a program deployed now is to be warm from; none where there is no bar."""
    length = seconds(resolution)
    return _warm_from(program, bar_times(instrument, resolution, last=_looked_at(program, length)), length)


def begin_deployment(*, deployment: Deployment, warm_from: int, through: int) -> bool:
    """Let one that has warmed up live from the bar after the one stamped `through` on; whether it does.

    One that was paused or stopped meanwhile is warm as well, and goes on as ever.
    """
    waiting = Deployment.objects.filter(pk=deployment.pk, is_warming=True)
    warm = {"warm_from": warm_from, "is_warming": False, "detail": "", "updated_at": clock.now()}
    if waiting.running().update(evaluated_through=through, live_after=through, **warm):
        return True
    waiting.update(**warm)
    return False


def _looked_at(program: engine.Program, length: int) -> int:
    """How many bars decide where a program is warm from, at most."""
    return 2 * WARM_BARS + most_bars(program, length)


def _warm_from(program: engine.Program, times: NDArray[np.int64], length: int) -> int | None:
    """The bar to begin at: `WARM_BARS` ago, or as many as the program rests on; the first where there are not so many.

    Counted from a grid, so that deployments of about the same time begin at the same bar and share what they compute.
    None where there is no bar.
    """
    if not times.size:
        return None
    start = first_needed(program, times, WARM_BARS, grid=WARM_BARS * length)
    return int(times[0] if start is None else times[np.searchsorted(times, start)])


@transaction.atomic
def set_deployment_status(*, deployment: Deployment, status: str) -> Deployment:
    """Pause, resume or stop a deployment. One that resumes goes on at the newest bar: it does not act on old ones."""
    deployment = Deployment.objects.select_for_update().get(pk=deployment.pk)
    if status == DeploymentStatus.RUNNING and deployment.status != DeploymentStatus.RUNNING:
        _go_on_at_newest(deployment)
    elif status != DeploymentStatus.RUNNING:
        _begin_to_skip(deployment)
    deployment.status, deployment.stale_since = status, None
    deployment.detail = WARMING if deployment.is_warming and status == DeploymentStatus.RUNNING else ""
    try:
        with transaction.atomic():
            deployment.save()
    except IntegrityError:
        raise AlreadyDeployed from None
    return deployment


def _begin_to_skip(deployment: Deployment) -> None:
    """Bars after this one are not acted on until further notice."""
    if not deployment.skipped or deployment.skipped[-1][1] is not None:
        deployment.skipped.append([deployment.evaluated_through, None])


def _go_on_at_newest(deployment: Deployment) -> None:
    _begin_to_skip(deployment)
    newest = read_bars(deployment.instrument, deployment.resolution, last=1)
    if len(newest):
        deployment.evaluated_through = int(newest.time[-1])
    after, _ = deployment.skipped.pop()
    if deployment.evaluated_through is not None:
        deployment.skipped.append([after, deployment.evaluated_through])


def fail_deployment(*, deployment: Deployment, detail: str) -> None:
    """Put aside a deployment that cannot be evaluated, so that the others go on."""
    Deployment.objects.filter(pk=deployment.pk).update(status=DeploymentStatus.FAILED, detail=detail[:200])


def hold_deployments(*, ids: Sequence[int], since: int, until: int) -> None:
    """Note that these wait for the bars from the one stamped `since` to before `until`, epoch seconds."""
    if ids:
        detail = f"waits for bars that are missing: {_period(since, until)}"
        logger.warning("%d deployments, among them %s, wait: %s", len(ids), ids[0], detail)
        _note_staleness(ids, clock.now(), detail)


def release_deployments(*, ids: Sequence[int]) -> None:
    """Note that nothing is waited for any more."""
    if ids:
        detail = f"went on at {clock.isoformat(clock.now())} after it had waited for bars that were missing"
        logger.info("%d deployments, among them %s, go on", len(ids), ids[0])
        _note_staleness(ids, None, detail)


def _note_staleness(ids: Sequence[int], since: datetime | None, detail: str) -> None:
    for start in range(0, len(ids), AT_ONCE):
        rows = Deployment.objects.running().filter(pk__in=ids[start : start + AT_ONCE])
        rows.update(stale_since=since, detail=detail, updated_at=clock.now())


def _period(since: int, until: int) -> str:
    return f"from {clock.isoformat(clock.from_epoch(since))} to before {clock.isoformat(clock.from_epoch(until))}"


@transaction.atomic
def rewind_deployments() -> None:
    """After bars were taken back: forget the signals on bars that are gone, and go on from the newest that is left."""
    for deployment in Deployment.objects.select_related("instrument"):
        newest = read_bars(deployment.instrument, deployment.resolution, last=1)
        through = int(newest.time[-1]) if len(newest) else None
        gone = deployment.signals.all() if through is None else deployment.signals.filter(bar_time__gt=through)
        gone.delete()
        if through is None or (deployment.evaluated_through or 0) > through:
            Deployment.objects.filter(pk=deployment.pk).update(evaluated_through=through)
            _unseal(deployment, through)


def _unseal(deployment: Deployment, through: int | None) -> None:
    """The chain of signals begins anew: what comes after `through` is acted on once more."""
    deployment.signals.update(hash="")
    live_after = None if through is None else min(deployment.live_after or through, through)
    skipped = [] if through is None else _skipped_until(deployment.skipped, through)
    rows = Deployment.objects.filter(pk=deployment.pk)
    rows.update(live_after=live_after, skipped=skipped, sealed_signals=0, head="")
    Certificate.objects.filter(deployment=deployment).delete()


def _skipped_until(skipped: Sequence[Sequence[int | None]], through: int) -> list[list[int | None]]:
    """The pairs of `skipped` up to the bar stamped `through`; one that lasts still goes on from there."""
    return [
        [after if after is None else min(after, through), until if until is None else min(until, through)]
        for after, until in skipped
        if until is None or after is None or after < through
    ]
