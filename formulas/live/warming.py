"""Deployments that look far back are made ready beside the bars that close, and join when they are warm."""

import logging
from time import monotonic

from datafeed.models import Instrument
from formulas import engine
from formulas.live.cohorts import Cohort, Standing
from formulas.live.evaluation import admit, programs_of
from formulas.live.stored import Stored
from formulas.models import Deployment, DeploymentStatus
from formulas.services import fail_deployment, first_bar_for
from kernel import clock
from kernel.errors import DomainError

logger = logging.getLogger(__name__)


def warm_up() -> int:
    """Make ready those that wait for it, one after the other; how many live now."""
    waiting = Deployment.objects.filter(is_warming=True).exclude(status=DeploymentStatus.FAILED).order_by("pk")
    return sum(_warm(deployment) for deployment in waiting)


def _warm(deployment: Deployment) -> bool:
    """Run a deployment's program over the bars that it rests on; whether it lives now.

    All that takes long is done before anybody has to wait: bars that close meanwhile are evaluated for the others.
    """
    began = monotonic()
    programs = programs_of([deployment.pk])
    if not programs:
        return False
    try:
        is_in = _join(deployment, programs)
    except DomainError as error:
        logger.exception("deployment %s cannot warm up", deployment.pk)
        fail_deployment(deployment=deployment, detail=error.message)
        return False
    logger.info("deployment %s is warm after %.1f s", deployment.pk, monotonic() - began)
    return is_in


def _join(deployment: Deployment, programs: dict[int, engine.Program]) -> bool:
    instrument = Instrument.objects.prefetch_related("series").get(pk=deployment.instrument_id)
    start = first_bar_for(programs[deployment.pk], instrument, deployment.resolution)
    if start is None:
        return False
    cohort = Cohort(start)
    standing = Standing(deployment.pk, start, deployment.evaluated_through, False)
    cohort.join(programs, [standing], Stored(instrument, deployment.resolution, clock.now()))
    newer = Stored(instrument, deployment.resolution, clock.now())
    return admit((deployment.instrument_id, deployment.resolution), deployment, start, cohort, newer)
