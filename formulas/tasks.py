"""Work on formulas that no request waits for."""

import logging

from formulas import live, parity, scoring

logger = logging.getLogger(__name__)


def catch_up() -> int:
    """Evaluate the bars that closed while nobody was looking (a crash, a stop); the number of signals raised."""
    live.forget()
    raised = live.evaluate_all()
    if raised:
        logger.info("%s signals were raised on bars that closed before", raised)
    return raised


def keep_records() -> None:
    """Have the days that are over written into the records of published formulas."""
    scoring.start_keeping_records()


def keep_certificates() -> None:
    """Have what ran live compared with what its formula says over the stored bars."""
    parity.start_checking_due()


def end_waits() -> int:
    """Let deployments go on that have waited for missing bars for as long as they are to; the signals raised."""
    return live.evaluate_all(stale_since__isnull=False)


def warm_up() -> int:
    """Make ready the deployments that look far back; how many have joined."""
    return live.warm_up()
