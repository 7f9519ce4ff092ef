"""The tables of formulas, their versions, deployments, signals, subscriptions and backtests."""

from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from datafeed.models import Instrument
from kernel.models import ChangedModel, CreatedModel, Job
from kernel.permissions import ADMIN, OPERATOR, Person, has_role


class Tag(models.Model):
    """A word that formulas are found by."""

    name = models.SlugField(max_length=50, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class FormulaQuerySet(models.QuerySet["Formula"]):
    def visible_to(self, user: Person) -> Self:
        """Public ones and one's own; a retired one is still its author's and its subscribers'."""
        if has_role(user, ADMIN):
            return self
        if not user.is_authenticated:
            return self.none()
        subscribed = Subscription.objects.filter(user_id=user.pk, is_active=True).values("formula_id")
        public = Q(is_public=True, is_retired=False)
        return self.filter(public | Q(author_id=user.pk) | Q(pk__in=subscribed))

    def editable_by(self, user: Person) -> Self:
        """Those of which `user` is the author; an administrator moderates all."""
        return self if has_role(user, ADMIN) else self.filter(author_id=user.pk)


class Formula(ChangedModel):
    """A trading rule in the formula language. Its text lives in its versions, of which `version` is the newest."""

    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="formulas")
    name = models.CharField(max_length=120)
    description = models.TextField(max_length=5_000, blank=True)
    category = models.SlugField(max_length=50, blank=True)
    tags = models.ManyToManyField(Tag, blank=True, related_name="formulas")
    is_public = models.BooleanField(default=True)
    is_retired = models.BooleanField(default=False, help_text="deleted by its author while others relied on it")
    version = models.ForeignKey(
        "FormulaVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    performance_score = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        editable=False,
        help_text="0 to 100 from the live record; empty while unrated",
    )

    objects = FormulaQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["is_public", "is_retired", "-created_at"], name="formula_market"),
            models.Index(fields=["category"], name="formula_category"),
        ]

    def __str__(self) -> str:
        return self.name


class FormulaVersion(CreatedModel):
    """One immutable text of a formula; `version_hash` covers program, parameters and engine semantics."""

    formula = models.ForeignKey(Formula, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    code = models.TextField(max_length=4_096)
    version_hash = models.CharField(max_length=64, db_index=True)
    parameters = models.JSONField(default=list, blank=True)
    warmup_bars = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["formula", "number"], name="formula_version_number")]

    def __str__(self) -> str:
        return f"{self.formula} v{self.number}"


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


class Deployment(ChangedModel):
    """A version running live on an instrument and resolution.

    Its state at any bar is that of the program run from the bar at `warm_from` on, so that it can be rebuilt
    anywhere; bars up to `evaluated_through` have had their signals raised. Both are epoch seconds of bars.
    """

    formula = models.ForeignKey(Formula, on_delete=models.CASCADE, related_name="deployments")
    version = models.ForeignKey(FormulaVersion, on_delete=models.PROTECT, related_name="deployments")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="deployments")
    resolution = models.CharField(max_length=5)
    parameters = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=10, choices=DeploymentStatus.choices, default=DeploymentStatus.RUNNING)
    detail = models.CharField(max_length=200, blank=True)
    warm_from = models.BigIntegerField(null=True, blank=True, editable=False)
    evaluated_through = models.BigIntegerField(null=True, blank=True, editable=False)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["instrument", "resolution"], condition=Q(status="running"), name="deployment_running")
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
    action = models.CharField(max_length=10, help_text="the formula's own word: buy, sell, short, cover or close")
    price = models.DecimalField(max_digits=24, decimal_places=8, help_text="close of the bar")
    strength = models.DecimalField(
        max_digits=5, decimal_places=4, null=True, blank=True, help_text="share of equity, 0 to 1"
    )
    bar_time = models.BigIntegerField(help_text="opening of the bar, epoch seconds UTC")
    closed_at = models.BigIntegerField(help_text="close of the bar, epoch seconds UTC")
    reason = models.JSONField(default=list, blank=True)

    objects = SignalQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "bar_time", "side"], name="one_signal_for_a_bar_and_side")
        ]
        indexes = [models.Index(fields=["formula", "-created_at"], name="signal_of_formula")]

    def __str__(self) -> str:
        return f"{self.side} {self.instrument} at {self.price}"


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def visible_to(self, user: Person) -> Self:
        """One's own: who subscribes to what is nobody else's business."""
        return self.filter(user_id=user.pk)


class Subscription(CreatedModel):
    """A person following a formula's signals."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="subscriptions")
    formula = models.ForeignKey(Formula, on_delete=models.CASCADE, related_name="subscriptions")
    is_active = models.BooleanField(default=True)
    notify = models.BooleanField(default=True, help_text="whether signals are sent as notifications")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["user", "formula"], name="one_subscription_for_a_formula")]
        indexes = [models.Index(fields=["formula"], condition=Q(is_active=True), name="subscription_active")]

    def __str__(self) -> str:
        return f"{self.user} → {self.formula}"


class ReviewQuerySet(models.QuerySet["Review"]):
    def visible_to(self, user: Person) -> Self:
        """Reviews are as public as the formula they are of."""
        return self.filter(formula__in=Formula.objects.visible_to(user))


class Review(ChangedModel):
    """What a subscriber thinks of a formula."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reviews")
    formula = models.ForeignKey(Formula, on_delete=models.CASCADE, related_name="reviews")
    rating = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    comment = models.TextField(max_length=2_000, blank=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "formula"], name="one_review_for_a_formula"),
            models.CheckConstraint(condition=Q(rating__range=(1, 5)), name="rating_from_1_to_5"),
        ]

    def __str__(self) -> str:
        return f"{self.rating} of 5 for {self.formula}"


class BacktestQuerySet(models.QuerySet["Backtest"]):
    def visible_to(self, user: Person) -> Self:
        """One's own: what somebody tries out is nobody else's business."""
        return self.filter(owner_id=user.pk)


class Backtest(CreatedModel):
    """A version's simulated account over recorded bars of an instrument, on terms that its owner chose.

    `since` and `until` bound the bars by their opening, epoch seconds UTC. `job` does the work and knows its state;
    `metrics` and `outcome` are empty until it has. `outcome` holds `curve`, `trades` and what else the page shows.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="backtests")
    formula = models.ForeignKey(Formula, on_delete=models.CASCADE, related_name="backtests")
    version = models.ForeignKey(FormulaVersion, on_delete=models.CASCADE, related_name="backtests")
    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="backtests")
    resolution = models.CharField(max_length=5)
    since = models.BigIntegerField(null=True, blank=True)
    until = models.BigIntegerField(null=True, blank=True)
    initial_capital = models.DecimalField(max_digits=24, decimal_places=8)
    fee_bps = models.DecimalField(max_digits=10, decimal_places=4)
    slippage_bps = models.DecimalField(max_digits=10, decimal_places=4)
    parameters = models.JSONField(default=dict, blank=True)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="backtests")
    metrics = models.JSONField(null=True, blank=True)
    outcome = models.JSONField(null=True, blank=True)

    objects = BacktestQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["owner", "-created_at"], name="backtest_of_owner")]

    def __str__(self) -> str:
        return f"{self.version} over {self.instrument} {self.resolution}"
