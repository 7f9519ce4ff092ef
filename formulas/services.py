"""Every write to formulas, deployments, signals, subscriptions and reviews."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.db.models.functions import Coalesce

from accounts.selectors import require_kyc
from datafeed.models import Instrument
from datafeed.selectors import check_served, read_bars
from formulas import engine
from formulas.errors import (
    AlreadyDeployed,
    AlreadyReviewed,
    AlreadySubscribed,
    FormulaRetired,
    FormulaSyntaxError,
    MayNotReview,
    NotSubscribed,
)
from formulas.events import AlertRaised, SignalRaised, SubscriptionChanged
from formulas.models import (
    Deployment,
    DeploymentStatus,
    Formula,
    FormulaVersion,
    Review,
    Signal,
    Subscription,
    Tag,
)
from formulas.selectors import parameter_body, problem_body
from kernel.errors import Invalid
from kernel.events import publish, publish_many

WARM_BARS = 5_000
PUBLISHING = "publish"  # as KYC_REQUIRED_FOR calls it


def compile_code(code: str, parameters: Mapping[str, float] | None = None) -> engine.Program:
    """The program of `code`; raises `FormulaSyntaxError` with every fault the compiler names."""
    try:
        return engine.compile_formula(code, parameters)
    except engine.FormulaError as error:
        faults = [problem_body(problem) for problem in error.errors]
        raise FormulaSyntaxError(errors={"formula_code": faults}) from None


@transaction.atomic
def create_formula(
    *,
    author: Any,
    name: str,
    formula_code: str,
    description: str = "",
    category: str = "",
    tags: Iterable[str] = (),
    is_public: bool = True,
) -> Formula:
    """A new formula with its first version; raises `FormulaSyntaxError`, and `KycRequired` for a public one."""
    if is_public:
        require_kyc(author, PUBLISHING)
    program = compile_code(formula_code)
    formula = Formula.objects.create(
        author=author, name=name, description=description, category=category, is_public=is_public
    )
    _set_tags(formula, tags)
    _add_version(formula, formula_code, program)
    return formula


@transaction.atomic
def change_formula(
    *, formula: Formula, formula_code: str | None = None, tags: Iterable[str] | None = None, **fields: Any
) -> Formula:
    """Change a formula's description; another code makes a new version, the old ones and what runs them stay."""
    formula = Formula.objects.select_for_update(of=("self",)).select_related("version").get(pk=formula.pk)
    if fields.get("is_public") and not formula.is_public:
        require_kyc(formula.author, PUBLISHING)
    for name, value in fields.items():
        setattr(formula, name, value)
    formula.save()
    if tags is not None:
        _set_tags(formula, tags)
    if formula_code is not None and (formula.version is None or formula_code != formula.version.code):
        _add_version(formula, formula_code, compile_code(formula_code))
    return formula


def _add_version(formula: Formula, code: str, program: engine.Program) -> None:
    number = formula.version.number + 1 if formula.version else 1
    formula.version = FormulaVersion.objects.create(
        formula=formula,
        number=number,
        code=code,
        version_hash=program.version_hash,
        parameters=[parameter_body(parameter) for parameter in program.parameters],
        warmup_bars=program.warmup_bars,
    )
    formula.save(update_fields=["version", "updated_at"])


def _set_tags(formula: Formula, names: Iterable[str]) -> None:
    wanted = sorted({name.lower() for name in names})
    formula.tags.set([Tag.objects.get_or_create(name=name)[0] for name in wanted])


@transaction.atomic
def delete_formula(*, formula: Formula) -> None:
    """Delete a formula that nobody relied on; retire one that has subscribers, signals or positions, and stop it."""
    formula = Formula.objects.select_for_update().get(pk=formula.pk)
    formula.deployments.update(status=DeploymentStatus.STOPPED)
    if formula.subscriptions.exists() or formula.signals.exists() or not _erase(formula):
        formula.is_retired = True
        formula.save(update_fields=["is_retired", "updated_at"])


def _erase(formula: Formula) -> bool:
    """Delete the formula's rows; false, and nothing done, where an app above keeps something that refers to it."""
    try:
        with transaction.atomic():
            formula.deployments.all().delete()
            Formula.objects.filter(pk=formula.pk).update(version=None)
            Formula.objects.get(pk=formula.pk).delete()
    except ProtectedError:
        return False
    return True


@transaction.atomic
def deploy_formula(
    *,
    formula: Formula,
    instrument: Instrument,
    resolution: str,
    parameters: Mapping[str, float] | None = None,
) -> Deployment:
    """Run the formula's newest version live, from the newest closed bar on.

    Raises `FormulaRetired`, `AlreadyDeployed`, and errors that name the resolution or the parameters.
    """
    if formula.is_retired or formula.version is None:
        raise FormulaRetired
    resolution = check_served(instrument, resolution)
    check_parameters(formula.version.code, parameters or {})
    stored = read_bars(instrument, resolution, last=WARM_BARS)
    try:
        with transaction.atomic():
            return Deployment.objects.create(
                formula=formula,
                version=formula.version,
                instrument=instrument,
                resolution=resolution,
                parameters=dict(parameters or {}),
                warm_from=int(stored.time[0]) if len(stored) else None,
                evaluated_through=int(stored.time[-1]) if len(stored) else None,
            )
    except IntegrityError:
        raise AlreadyDeployed from None


def check_parameters(code: str, parameters: Mapping[str, float]) -> engine.Program:
    """The program of `code` with these parameters; raises `Invalid` naming `parameters`."""
    try:
        return engine.compile_formula(code, parameters)
    except engine.FormulaError as error:
        raise Invalid(errors={"parameters": [problem.message for problem in error.errors]}) from None


@transaction.atomic
def set_deployment_status(*, deployment: Deployment, status: str) -> Deployment:
    """Pause, resume or stop a deployment. One that resumes goes on at the newest bar: it does not act on old ones."""
    deployment = Deployment.objects.select_for_update().get(pk=deployment.pk)
    if status == DeploymentStatus.RUNNING and deployment.status != DeploymentStatus.RUNNING:
        newest = read_bars(deployment.instrument, deployment.resolution, last=1)
        if len(newest):
            deployment.evaluated_through = int(newest.time[-1])
    deployment.status, deployment.detail = status, ""
    try:
        with transaction.atomic():
            deployment.save()
    except IntegrityError:
        raise AlreadyDeployed from None
    return deployment


def fail_deployment(*, deployment: Deployment, detail: str) -> None:
    """Put aside a deployment that cannot be evaluated, so that the others go on."""
    Deployment.objects.filter(pk=deployment.pk).update(status=DeploymentStatus.FAILED, detail=detail[:200])


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


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of running a deployment up to the bar opened at `through`: its decisions, oldest first."""

    deployment: Deployment
    through: int
    decisions: Sequence[tuple[engine.Decision, int]]


@transaction.atomic
def record_evaluations(*, evaluated: Sequence[Evaluated]) -> list[Signal]:
    """Raise the signals of several deployments and remember how far each has come, all or nothing.

    A decision that has a signal already (another process was faster) gives no second one.
    """
    signals: list[Signal] = []
    raised: list[SignalRaised] = []
    alerts: list[AlertRaised] = []
    for one in evaluated:
        for decision, closed_at in one.decisions:
            if decision.side is None:
                alerts.append(_alert_of(one.deployment, decision))
            elif signal := _raise_signal(one.deployment, decision, closed_at):
                signals.append(signal)
                raised.append(_event_of(one.deployment, decision, signal))
    for through in {one.through for one in evaluated}:
        _remember([one.deployment for one in evaluated if one.through == through], through)
    publish_many([*raised, *alerts])
    return signals


def _remember(deployments: Sequence[Deployment], through: int) -> None:
    """Note that all of these have come to the same bar, in one statement however many they are."""
    rows = Deployment.objects.filter(pk__in=[deployment.pk for deployment in deployments])
    rows.update(evaluated_through=through, warm_from=Coalesce("warm_from", through))
    for deployment in deployments:
        deployment.evaluated_through = through


def _raise_signal(deployment: Deployment, decision: engine.Decision, closed_at: int) -> Signal | None:
    signal, is_new = Signal.objects.get_or_create(
        deployment=deployment,
        bar_time=decision.time,
        side=decision.side,
        defaults={
            "formula_id": deployment.formula_id,
            "version_id": deployment.version_id,
            "instrument_id": deployment.instrument_id,
            "resolution": deployment.resolution,
            "action": decision.action,
            "price": Decimal(repr(decision.price)),
            "strength": Decimal(repr(round(decision.size, 4))),
            "closed_at": closed_at,
            "reason": list(decision.why),
        },
    )
    return signal if is_new else None


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
    )


def _public_reason(deployment: Deployment, decision: engine.Decision) -> list[Any]:
    """What decided it is written in the formula's own words: not for the readers of a private one."""
    return list(decision.why) if deployment.formula.is_public else []


@transaction.atomic
def subscribe_to_formula(*, user: Any, formula: Formula) -> Subscription:
    """Follow a formula; raises `AlreadySubscribed`, `FormulaRetired`."""
    if formula.is_retired:
        raise FormulaRetired
    subscription, is_new = Subscription.objects.get_or_create(user=user, formula=formula)
    if not is_new:
        raise AlreadySubscribed
    _tell(subscription)
    return subscription


def _own_subscription(user: Any, formula_id: int) -> Subscription:
    rows = Subscription.objects.visible_to(user).select_for_update(of=("self",)).select_related("formula")
    if subscription := rows.filter(formula_id=formula_id).first():
        return subscription
    raise NotSubscribed


@transaction.atomic
def change_subscription(*, user: Any, formula_id: int, notify: bool) -> Subscription:
    """Say whether the formula's signals are sent to `user` as notifications; raises `NotSubscribed`."""
    subscription = _own_subscription(user, formula_id)
    subscription.notify = notify
    subscription.save(update_fields=["notify"])
    _tell(subscription)
    return subscription


@transaction.atomic
def toggle_subscription(*, user: Any, formula_id: int) -> Subscription:
    """Switch a subscription on or off; raises `NotSubscribed`."""
    subscription = _own_subscription(user, formula_id)
    subscription.is_active = not subscription.is_active
    subscription.save(update_fields=["is_active"])
    _tell(subscription)
    return subscription


@transaction.atomic
def unsubscribe_from_formula(*, user: Any, formula_id: int) -> None:
    """End a subscription; raises `NotSubscribed`."""
    subscription = _own_subscription(user, formula_id)
    subscription.is_active = False
    _tell(subscription)
    subscription.delete()


def _tell(subscription: Subscription) -> None:
    is_active = subscription.is_active and subscription.notify
    publish(SubscriptionChanged(user_id=subscription.user_id, formula_id=subscription.formula_id, is_active=is_active))


@transaction.atomic
def review_formula(*, user: Any, formula: Formula, rating: int, comment: str = "") -> Review:
    """Rate a formula one subscribes to; raises `MayNotReview`, `AlreadyReviewed`."""
    subscribes = Subscription.objects.filter(user=user, formula=formula).exists()
    if formula.author_id == user.pk or not subscribes:
        raise MayNotReview
    review, is_new = Review.objects.get_or_create(
        user=user, formula=formula, defaults={"rating": rating, "comment": comment}
    )
    if not is_new:
        raise AlreadyReviewed
    return review


def change_review(*, review: Review, **fields: Any) -> Review:
    """Change the rating or the comment of one's own review."""
    for name, value in fields.items():
        setattr(review, name, value)
    review.save()
    return review


def delete_review(*, review: Review) -> None:
    """Take one's own review back."""
    review.delete()
