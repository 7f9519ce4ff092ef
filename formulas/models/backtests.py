"""The tables of simulated accounts over recorded bars: single ones, and many of them in sweeps."""

from typing import Self

from django.conf import settings
from django.db import models

from datafeed.models import Instrument
from formulas.models.formulas import Formula, FormulaVersion
from kernel.models import CreatedModel, Job
from kernel.permissions import Person


class BacktestQuerySet(models.QuerySet["Backtest"]):
    def visible_to(self, user: Person) -> Self:
        """One's own: what somebody tries out is nobody else's business."""
        return self.filter(owner_id=user.pk)


class SweepQuerySet(models.QuerySet["Sweep"]):
    def visible_to(self, user: Person) -> Self:
        """One's own, as backtests are."""
        return self.filter(owner_id=user.pk)


class Simulation(CreatedModel):
    """A version over recorded bars of an instrument, on terms that its owner chose.

    `since` and `until` bound the bars by their opening, epoch seconds UTC. `job` does the work and knows its state.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="%(class)ss")
    formula = models.ForeignKey(Formula, on_delete=models.CASCADE, related_name="%(class)ss")
    version = models.ForeignKey(FormulaVersion, on_delete=models.CASCADE, related_name="%(class)ss")
    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="%(class)ss")
    resolution = models.CharField(max_length=5)
    since = models.BigIntegerField(null=True, blank=True)
    until = models.BigIntegerField(null=True, blank=True)
    initial_capital = models.DecimalField(max_digits=24, decimal_places=8)
    fee_bps = models.DecimalField(max_digits=10, decimal_places=4)
    slippage_bps = models.DecimalField(max_digits=10, decimal_places=4)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="%(class)ss")

    class Meta:
        abstract = True
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["owner", "-created_at"], name="%(class)s_of_owner")]

    def __str__(self) -> str:
        return f"{self.version} over {self.instrument} {self.resolution}"


class Backtest(Simulation):
    """A version's simulated account.

    `metrics` and `outcome` are empty until its job is done; `outcome` holds `curve`, `trades` and what else the page
    shows. `trials` is how often its owner has tried something on these bars, and `deflated_sharpe` how probable it is
    that this one is better than the best of as many without skill.
    """

    parameters = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(null=True, blank=True)
    outcome = models.JSONField(null=True, blank=True)
    trials = models.PositiveIntegerField(null=True, blank=True)
    deflated_sharpe = models.FloatField(null=True, blank=True)

    objects = BacktestQuerySet.as_manager()


class SweepKind(models.TextChoices):
    SWEEP = "sweep"
    WALK_FORWARD = "walk_forward"


class Sweep(Simulation):
    """Many values of a version's parameters over the same bars: `points`, each `{name: value}`, in their order.

    One that walks forward has `folds`. `result` is empty until its job is done.
    """

    kind = models.CharField(max_length=12, choices=SweepKind.choices)
    points = models.JSONField()
    folds = models.PositiveSmallIntegerField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True)

    objects = SweepQuerySet.as_manager()


class Trial(CreatedModel):
    """What somebody tried on the bars of an instrument and came to see: the yearly Sharpe ratio of each try, and what
    all of them cost.

    It outlives the backtest or sweep that it comes from: forgetting those that failed must not make the one that is
    left look better.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="trials")
    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="trials")
    resolution = models.CharField(max_length=5)
    backtest = models.OneToOneField(
        Backtest, null=True, blank=True, on_delete=models.SET_NULL, related_name="tried", help_text="none: forgotten"
    )
    sweep = models.OneToOneField(
        Sweep, null=True, blank=True, on_delete=models.SET_NULL, related_name="tried", help_text="none: forgotten"
    )
    sharpes = models.JSONField(help_text="null where the account did not vary")
    work = models.BigIntegerField(default=0, help_text="bars times calculations, for all tries")

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["owner", "instrument", "resolution"], name="trial_of_bars")]

    def __str__(self) -> str:
        return f"{len(self.sharpes)} by {self.owner} on {self.instrument} {self.resolution}"
