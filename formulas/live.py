"""Formulas running live: each deployment's state in memory, moved on by one bar at a time.

The state is never the truth: it is that of the program run over the stored bars from `warm_from` on, and is built
again from them whenever it does not stand exactly where the deployment's row says.
"""

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from datafeed.models import Instrument
from datafeed.selectors import BarColumns, bar_closes, read_bars
from formulas import engine
from formulas.models import Deployment
from formulas.services import Evaluated, compile_code, fail_deployment, record_evaluations
from kernel.errors import DomainError

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Runner:
    version_id: int
    program: engine.LiveProgram
    through: int | None


class _Store:
    """The stored bars of one series, read once however many deployments ask for the same ones."""

    def __init__(self, instrument: Instrument, resolution: str) -> None:
        self._instrument, self._resolution = instrument, resolution
        self._read: dict[tuple[int | None, int | None], list[engine.Bar]] = {}
        self._closes: dict[int, int] = {}

    def read(self, since: int | None, until: int | None) -> list[engine.Bar]:
        """Closed bars with `since <= time < until`, both epoch seconds."""
        if (since, until) not in self._read:
            bars = read_bars(self._instrument, self._resolution, since=since, until=until)
            self._read[since, until] = engine_bars(bars)
        return self._read[since, until]

    def closed_at(self, time: int) -> int:
        """When the bar stamped `time` closed, both epoch seconds."""
        if time not in self._closes:
            (self._closes[time],) = bar_closes(self._instrument, self._resolution, [time])
        return self._closes[time]


_runners: dict[int, _Runner] = {}
# The feed's thread and a catch-up may meet; one program must not be moved on by both.
_lock = threading.Lock()


def evaluate(instrument_id: int, resolution: str) -> int:
    """Run every deployment on this series over the closed bars it has not seen; the number of signals raised."""
    deployments = list(
        Deployment.objects.running()
        .filter(instrument_id=instrument_id, resolution=resolution)
        .select_related("version", "formula", "instrument")
        .prefetch_related("instrument__series")
    )
    if not deployments:
        return 0
    store = _Store(deployments[0].instrument, resolution)
    with _lock:
        evaluated = [one for deployment in deployments if (one := _advance(deployment, store))]
        try:
            return len(record_evaluations(evaluated=evaluated))
        except BaseException:
            # The rows were rolled back: the states in memory are ahead of them and must be built again.
            forget(one.deployment.pk for one in evaluated)
            raise


def forget(deployment_ids: Iterable[int]) -> None:
    """Drop states; the next bar builds them again from the store."""
    for pk in deployment_ids:
        _runners.pop(pk, None)


def _advance(deployment: Deployment, store: _Store) -> Evaluated | None:
    try:
        runner = _runner_of(deployment, store)
    except DomainError as error:
        logger.exception("deployment %s cannot run", deployment.pk)
        fail_deployment(deployment=deployment, detail=error.message)
        return None
    since = deployment.warm_from if runner.through is None else runner.through + 1
    bars = store.read(since, None)
    if not bars:
        return None
    decisions = [decision for bar in bars for decision in runner.program.advance(bar)]
    runner.through = bars[-1].time
    return Evaluated(deployment, runner.through, [(decision, store.closed_at(decision.time)) for decision in decisions])


def _runner_of(deployment: Deployment, store: _Store) -> _Runner:
    runner = _runners.get(deployment.pk)
    if runner and runner.version_id == deployment.version_id and runner.through == deployment.evaluated_through:
        return runner
    program = engine.LiveProgram(compile_code(deployment.version.code, deployment.parameters))
    if deployment.evaluated_through is not None:
        # What the program decides on bars it knows has been raised before.
        for bar in store.read(deployment.warm_from, deployment.evaluated_through + 1):
            program.advance(bar)
    _runners[deployment.pk] = runner = _Runner(deployment.version_id, program, deployment.evaluated_through)
    return runner


def engine_bars(bars: BarColumns) -> list[engine.Bar]:
    """Stored bars as the engine takes them: time in epoch seconds, prices and volume as floats."""
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return [engine.Bar(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]
