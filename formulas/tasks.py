"""Work on formulas that no request waits for."""

import logging

from formulas import live
from formulas.models import Deployment

logger = logging.getLogger(__name__)


def catch_up() -> int:
    """Evaluate the bars that closed while nobody was looking (a crash, a stop); the number of signals raised."""
    live.forget(list(Deployment.objects.values_list("pk", flat=True)))
    series = Deployment.objects.running().order_by().values_list("instrument_id", "resolution").distinct()
    raised = sum(live.evaluate(instrument_id, resolution) for instrument_id, resolution in series)
    if raised:
        logger.info("%s signals were raised on bars that closed before", raised)
    return raised
