"""What running deployments decided becomes signals, alerts and a note of how far each has come."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import BigAutoField, BigIntegerField, Q
from django.db.models.functions import Coalesce

from formulas import engine
from formulas.events import AlertRaised, SignalRaised
from formulas.models import Deployment, Signal
from kernel.bulk import insert_new
from kernel.events import publish_many
from kernel.statements import Change, Given, GivenMany, Statement, carry_out, journey


class Decided(NamedTuple):
    """What a deployment decided on the bar that closed at `closed_at`, epoch seconds."""

    deployment_id: int
    decision: engine.Decision
    closed_at: int


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of running deployments that are warm from one bar up to the one stamped `through`, oldest first."""

    warm_from: int
    through: int
    deployment_ids: Sequence[int]
    decided: Sequence[Decided]


class _Deciding(NamedTuple):
    """What is said of a running deployment that decides something."""

    pk: int
    formula_id: int
    version_id: int
    instrument_id: int
    resolution: str
    formula_name: str
    is_public: bool
    symbol: str
    price_increment: Decimal


_DECIDING = Statement(
    lambda: Deployment.objects.running().filter(pk__among=GivenMany("ids", BigAutoField())),
    *("pk", "formula_id", "version_id", "instrument_id", "resolution"),
    *("formula__name", "formula__is_public", "instrument__symbol", "instrument__price_increment"),
)
_COME = Change(
    lambda: Deployment.objects.filter(
        Q(evaluated_through=None) | Q(evaluated_through__lt=Given("through", BigIntegerField())),
        pk__among=GivenMany("ids", BigAutoField()),
    ),
    evaluated_through=Given("through", BigIntegerField()),
    warm_from=Coalesce("warm_from", Given("warm_from", BigIntegerField())),
)


@transaction.atomic
def record_evaluations(*, evaluated: Sequence[Evaluated]) -> list[Signal]:
    """Raise the signals of all these deployments and remember how far each has come, all or nothing.

    What costs grows with the decisions; a bar on which nobody decides anything is one statement. A decision that has
    a signal already (another process was faster) gives no second one, one of a deployment that was paused none.
    """
    decided = [one for group in evaluated for one in group.decided]
    ids = {one.deployment_id for one in decided}
    deployments = _come(evaluated, ids)
    decided = [one for one in decided if one.deployment_id in deployments]
    orders = [one for one in decided if one.decision.side is not None]
    signals = _raise_signals([(one, _signal_of(deployments[one.deployment_id], one)) for one in orders])
    raised = [_event_of(deployments[one.deployment_id], one.decision, signal) for one, signal in signals]
    alerts = [_alert_of(deployments[one.deployment_id], one.decision) for one in decided if one.decision.side is None]
    publish_many([*raised, *alerts])
    return [signal for _, signal in signals]


def _come(evaluated: Sequence[Evaluated], ids: Collection[int]) -> dict[int, _Deciding]:
    """Note that all have come to their bar, unless another process went further; those of `ids` that still run."""
    notes = [
        _COME.command(ids=group.deployment_ids, through=group.through, warm_from=group.warm_from) for group in evaluated
    ]
    if not ids:
        carry_out(notes)
        return {}
    *_, found = journey([*notes, _DECIDING.command(ids=ids)])
    return {row[0]: _Deciding._make(row) for row in _DECIDING.converted(found)}


def _signal_of(deployment: _Deciding, one: Decided) -> Signal:
    decision = one.decision
    return Signal(
        deployment_id=deployment.pk,
        bar_time=decision.time,
        side=str(decision.side),
        formula_id=deployment.formula_id,
        version_id=deployment.version_id,
        instrument_id=deployment.instrument_id,
        resolution=deployment.resolution,
        action=decision.action,
        price=Decimal(repr(decision.price)),
        strength=Decimal(repr(round(decision.size, 4))),
        closed_at=one.closed_at,
        reason=list(decision.why),
    )


Raised = tuple[Decided, Signal]


def _raise_signals(new: Sequence[Raised]) -> list[Raised]:
    """Write the signals, all in one statement; those that were there already are left out."""
    raised = set(map(id, insert_new([signal for _, signal in new], ["deployment_id", "bar_time", "side"])))
    return [one for one in new if id(one[1]) in raised]


def _event_of(deployment: _Deciding, decision: engine.Decision, signal: Signal) -> SignalRaised:
    return SignalRaised(
        signal_id=signal.pk,
        deployment_id=deployment.pk,
        formula_id=deployment.formula_id,
        formula_name=deployment.formula_name,
        instrument_id=deployment.instrument_id,
        symbol=deployment.symbol,
        resolution=deployment.resolution,
        side=signal.side,
        price=signal.price,
        bar_time=signal.bar_time,
        closed_at=signal.closed_at,
        reason=_public_reason(deployment, decision),
        price_increment=deployment.price_increment,
    )


def _alert_of(deployment: _Deciding, decision: engine.Decision) -> AlertRaised:
    return AlertRaised(
        deployment_id=deployment.pk,
        formula_id=deployment.formula_id,
        formula_name=deployment.formula_name,
        symbol=deployment.symbol,
        resolution=deployment.resolution,
        number=decision.number or 0.0,
        price=Decimal(repr(decision.price)),
        bar_time=decision.time,
        reason=_public_reason(deployment, decision),
        price_increment=deployment.price_increment,
    )


def _public_reason(deployment: _Deciding, decision: engine.Decision) -> list[Any]:
    """What decided it is written in the formula's own words: not for the readers of a private one."""
    return list(decision.why) if deployment.is_public else []
