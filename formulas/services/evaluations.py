"""What running deployments decided becomes signals, alerts and a note of how far each has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from formulas import engine
from formulas.events import AlertRaised, SignalRaised
from formulas.models import Deployment, Signal
from formulas.services.deployments import AT_ONCE
from kernel.events import publish_many


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


@transaction.atomic
def record_evaluations(*, evaluated: Sequence[Evaluated]) -> list[Signal]:
    """Raise the signals of all these deployments and remember how far each has come, all or nothing.

    What costs grows with the decisions; a bar on which nobody decides anything is one statement. A decision that has
    a signal already (another process was faster) gives no second one, one of a deployment that was paused none.
    """
    decided = [one for group in evaluated for one in group.decided]
    ids = {one.deployment_id for one in decided}
    deployments = Deployment.objects.running().select_related("formula", "instrument").in_bulk(ids)
    decided = [one for one in decided if one.deployment_id in deployments]
    orders = [one for one in decided if one.decision.side is not None]
    signals = _raise_signals([(one, _signal_of(deployments[one.deployment_id], one)) for one in orders])
    for group in evaluated:
        _remember(group)
    raised = [_event_of(deployments[one.deployment_id], one.decision, signal) for one, signal in signals]
    alerts = [_alert_of(deployments[one.deployment_id], one.decision) for one in decided if one.decision.side is None]
    publish_many([*raised, *alerts])
    return [signal for _, signal in signals]


def _remember(group: Evaluated) -> None:
    """Note that all of these have come to the same bar, unless another process went further."""
    ids = group.deployment_ids
    for start in range(0, len(ids), AT_ONCE):
        rows = Deployment.objects.filter(pk__in=ids[start : start + AT_ONCE])
        behind = rows.filter(Q(evaluated_through=None) | Q(evaluated_through__lt=group.through))
        behind.update(evaluated_through=group.through, warm_from=Coalesce("warm_from", group.warm_from))


def _signal_of(deployment: Deployment, one: Decided) -> Signal:
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
    if not new:
        return []
    try:
        with transaction.atomic():
            Signal.objects.bulk_create([signal for _, signal in new])
    except IntegrityError:
        return [one for one in new if _raise_alone(one[1])]
    return list(new)


def _raise_alone(signal: Signal) -> bool:
    try:
        with transaction.atomic():
            signal.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _event_of(deployment: Deployment, decision: engine.Decision, signal: Signal) -> SignalRaised:
    return SignalRaised(
        signal_id=signal.pk,
        deployment_id=deployment.pk,
        formula_id=deployment.formula_id,
        formula_name=deployment.formula.name,
        instrument_id=deployment.instrument_id,
        symbol=deployment.instrument.symbol,
        resolution=deployment.resolution,
        side=signal.side,
        price=signal.price,
        bar_time=signal.bar_time,
        closed_at=signal.closed_at,
        reason=_public_reason(deployment, decision),
        price_increment=deployment.instrument.price_increment,
    )


def _alert_of(deployment: Deployment, decision: engine.Decision) -> AlertRaised:
    return AlertRaised(
        deployment_id=deployment.pk,
        formula_id=deployment.formula_id,
        formula_name=deployment.formula.name,
        symbol=deployment.instrument.symbol,
        resolution=deployment.resolution,
        number=decision.number or 0.0,
        price=Decimal(repr(decision.price)),
        bar_time=decision.time,
        reason=_public_reason(deployment, decision),
        price_increment=deployment.instrument.price_increment,
    )


def _public_reason(deployment: Deployment, decision: engine.Decision) -> list[Any]:
    """What decided it is written in the formula's own words: not for the readers of a private one."""
    return list(decision.why) if deployment.formula.is_public else []
