"""The tables of versions running live and of the signals they raise."""

from typing import Self

from django.db import models
from django.db.models import Q

from datafeed.models import Instrument
from formulas.models.formulas import Formula, FormulaVersion, Subscription
from kernel.models import ChangedModel, CreatedModel
from kernel.permissions import OPERATOR, Person, has_role


class DeploymentStatus(models.TextChoices):
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def visible_to(self, user: Person) -> Self:
        """Those of one's own formulas; operators see all."""
        return self if has_role(user, OPERATOR) else self.filter(formula__author_id=user.pk)

    def running(self) -> Self:
        return self.filter(status=DeploymentStatus.RUNNING)

    def at_work(self) -> Self:
        """Those that take the bars which close now."""
        return self.running().filter(is_warming=False)


class Deployment(ChangedModel):
    """A version running live on an instrument and resolution.

    Its state at any bar is that of the program run from the bar at `warm_from` on, so that it can be rebuilt
    anywhere; bars up to `evaluated_through` have had their signals raised. Bars up to `live_after`, and those of
    `skipped` (pairs: after the first, up to the second, null while it lasts), are not acted on. All are epoch seconds
    of bars. The first `sealed_signals` signals are linked by their hashes, the newest of which is `head`. One that
    looks far back `is_warming` at first: it takes no bars, and begins to live when it is warm.
    """

    formula = models.ForeignKey(Formula, on_delete=models.CASCADE, related_name="deployments")
    version = models.ForeignKey(FormulaVersion, on_delete=models.PROTECT, related_name="deployments")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="deployments")
    resolution = models.CharField(max_length=5)
    parameters = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=10, choices=DeploymentStatus.choices, default=DeploymentStatus.RUNNING)
    detail = models.CharField(max_length=200, blank=True)
    is_warming = models.BooleanField(default=False, editable=False)
    warm_from = models.BigIntegerField(null=True, blank=True, editable=False)
    evaluated_through = models.BigIntegerField(null=True, blank=True, editable=False)
    live_after = models.BigIntegerField(null=True, blank=True, editable=False)
    skipped = models.JSONField(default=list, blank=True, editable=False)
    sealed_signals = models.PositiveIntegerField(default=0, editable=False)
    head = models.CharField(max_length=64, blank=True, editable=False)
    stale_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="since when it waits for bars that are missing"
    )

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["instrument", "resolution"], condition=Q(status="running"), name="deployment_running"),
            models.Index(fields=["status"], condition=Q(is_warming=True), name="deployment_warming"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "instrument", "resolution", "parameters"],
                condition=Q(status="running"),
                name="one_running_deployment",
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} on {self.instrument} {self.resolution}"


class Side(models.TextChoices):
    BUY = "buy"
    SELL = "sell"


class SignalQuerySet(models.QuerySet["Signal"]):
    def visible_to(self, user: Person) -> Self:
        """Those of one's own formulas and of those one actively subscribes to; operators see all."""
        if has_role(user, OPERATOR):
            return self
        subscribed = Subscription.objects.filter(user_id=user.pk, is_active=True).values("formula_id")
        return self.filter(Q(formula__author_id=user.pk) | Q(formula_id__in=subscribed))


class Signal(CreatedModel):
    """A buy or sell that a deployment raised on a closed bar, with the values that explain it."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="signals")
    formula = models.ForeignKey(Formula, on_delete=models.PROTECT, related_name="signals")
    version = models.ForeignKey(FormulaVersion, on_delete=models.PROTECT, related_name="signals")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="signals")
    resolution = models.CharField(max_length=5)
    side = models.CharField(max_length=4, choices=Side.choices)
    action = models.CharField(
        max_length=12,
        help_text="the formula's own word: buy, sell, short, cover or close; or what ended its position inside "
        "the bar: stop_loss, take_profit or trail",
    )
    price = models.DecimalField(max_digits=24, decimal_places=8, help_text="close of the bar")
    strength = models.DecimalField(
        max_digits=5, decimal_places=4, null=True, blank=True, help_text="share of equity, 0 to 1"
    )
    bar_time = models.BigIntegerField(help_text="opening of the bar, epoch seconds UTC")
    closed_at = models.BigIntegerField(help_text="close of the bar, epoch seconds UTC")
    reason = models.JSONField(default=list, blank=True)
    hash = models.CharField(max_length=64, blank=True, editable=False, help_text="links it to the signal before it")

    objects = SignalQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "bar_time", "side"], name="one_signal_for_a_bar_and_side")
        ]
        indexes = [models.Index(fields=["formula", "-created_at"], name="signal_of_formula")]

    def __str__(self) -> str:
        return f"{self.side} {self.instrument} at {self.price.normalize():f}"
