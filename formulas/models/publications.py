"""The tables of published versions, the days of their live records, and the certificates of what ran live."""

from typing import Any, Self

from django.db import models
from django.db.models import Q

from datafeed.models import Instrument
from formulas.models.deployments import Deployment
from formulas.models.formulas import Formula, FormulaVersion
from kernel.models import CreatedModel
from kernel.permissions import Person


class PublicationQuerySet(models.QuerySet["Publication"]):
    def visible_to(self, user: Person) -> Self:
        """Publications are as public as the formula they are of; who may see the figures is asked elsewhere."""
        return self.filter(formula__in=Formula.objects.visible_to(user))

    def current(self) -> Self:
        return self.filter(ended_at=None)


class Publication(CreatedModel):
    """A version put on record: its universe, resolution and costs are fixed, and its days are written down from then.

    `version_hash` covers all of that, `canonical_hash` the calculation alone. Days count that begin at `published_at`
    (epoch seconds UTC) or later: by the clock, or by the newest bar where the provider's bars are not of today.
    `head` is the hash of the newest day. It is never deleted: how often an author published weighs on every score.
    """

    formula = models.ForeignKey(Formula, on_delete=models.PROTECT, related_name="publications")
    version = models.ForeignKey(FormulaVersion, on_delete=models.PROTECT, related_name="publications")
    version_hash = models.CharField(max_length=64)
    canonical_hash = models.CharField(max_length=64, db_index=True)
    resolution = models.CharField(max_length=5)
    fee_bps = models.DecimalField(max_digits=10, decimal_places=4)
    slippage_bps = models.DecimalField(max_digits=10, decimal_places=4)
    published_at = models.BigIntegerField()
    ended_at = models.DateTimeField(null=True, blank=True)
    is_verified = models.BooleanField(help_text="whether every bar came from a provider that counts towards a score")
    clone_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="clones")
    head = models.CharField(max_length=64)
    score = models.FloatField(null=True, blank=True, help_text="of the days so far, whoever gave the bars")
    score_parts = models.JSONField(default=dict, blank=True)

    objects = PublicationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["formula"], condition=Q(ended_at=None), name="one_current_publication")
        ]

    def __str__(self) -> str:
        return f"{self.version} on record"

    @property
    def original(self) -> "Publication | None":
        """What it is a clone of, as long as that formula is public: a private one is nobody else's business."""
        return self.clone_of if self.clone_of and self.clone_of.formula.is_public else None

    @property
    def header(self) -> dict[str, Any]:
        """What the chain of its days begins with."""
        return {"version_hash": self.version_hash, "published_at": self.published_at}


class PublishedSymbol(models.Model):
    """One instrument of a publication's universe, and the deployment that raises its signals there.

    `account` is how the record's account stood at the last bar of the newest day on record, `market` that of one who
    bought and held: snapshots of the engine, good as long as the series of bars has the same `edition`.
    """

    publication = models.ForeignKey(Publication, on_delete=models.CASCADE, related_name="symbols")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="publications")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="publications")
    account = models.BinaryField(null=True, editable=False)
    market = models.BinaryField(null=True, editable=False)
    edition = models.BigIntegerField(null=True, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["publication", "instrument"], name="one_symbol_of_publication")]

    def __str__(self) -> str:
        return f"{self.publication}: {self.instrument}"


class RecordDay(CreatedModel):
    """A day of a live record, which begins at `day` (epoch seconds UTC). It never changes: `hash` links it.

    Returns are shares of the equity before the day, net of costs, the mean over the universe. `exposure` is the mean
    share of equity that was held at the closes of the day's bars, below 0 where short.
    """

    publication = models.ForeignKey(Publication, on_delete=models.PROTECT, related_name="days")
    day = models.BigIntegerField()
    net_return = models.FloatField()
    exposure = models.FloatField()
    market_return = models.FloatField()
    closed_trades = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["day"]
        constraints = [models.UniqueConstraint(fields=["publication", "day"], name="one_day_of_record")]

    def __str__(self) -> str:
        return f"{self.publication} {self.day}"


class CertificateStatus(models.TextChoices):
    EXACT = "exact"
    DIFFERS = "differs"


class Certificate(models.Model):
    """Whether a deployment's signals are those its formula gives over the stored bars up to `through`.

    `first_difference` is `{signal, bar_time, field, expected, recorded}`, empty where there is none. `bars` is what
    shows that one of them was changed since: `{at, through, blocks}`, the digests of stretches of bars up to `through`
    as they were `at` a moment (epoch seconds), each `[start, digest]`.
    """

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="certificate")
    status = models.CharField(max_length=10, choices=CertificateStatus.choices)
    through = models.BigIntegerField(null=True, blank=True, help_text="newest bar it was checked on, epoch seconds")
    first_difference = models.JSONField(null=True, blank=True)
    bars = models.JSONField(default=dict, blank=True)
    checked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.deployment}: {self.status}"
