"""Instruments, the series of bars each of them has, and the bars: only closed ones are rows."""

import secrets
from decimal import Decimal
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

from datafeed.providers import account_choices
from datafeed.sessions import Hours
from kernel import clock
from kernel.models import ChangedModel, CreatedModel
from kernel.permissions import OPERATOR, Person, has_role
from kernel.rotation import sealed_column

SYMBOL_PATTERN = r"[A-Z0-9][A-Z0-9._/:&^=-]{0,39}"
DIGITS, PLACES = 24, 8
LEAST_STEP = Decimal("0.00000001")


def new_edition() -> int:
    """A number that was never used before: bars kept in memory are known to be those of the store by it."""
    return secrets.randbits(62)


class InstrumentType(models.TextChoices):
    STOCK = "stock"
    INDEX = "index"
    FOREX = "forex"
    CRYPTO = "crypto"
    FUTURES = "futures"
    OPTION = "option"
    FUND = "fund"
    BOND = "bond"
    CFD = "cfd"
    COMMODITY = "commodity"
    SPOT = "spot"
    ECONOMIC = "economic"


class InstrumentQuerySet(models.QuerySet["Instrument"]):
    def visible_to(self, user: Person) -> Self:
        """Active instruments are public facts; operators see the others as well."""
        return self if has_role(user, OPERATOR) else self.filter(is_active=True)


class Instrument(ChangedModel):
    """What is traded, known by its `symbol`."""

    symbol = models.CharField(
        max_length=40, unique=True, validators=[RegexValidator(rf"^{SYMBOL_PATTERN}\Z", "Not a symbol.")]
    )
    name = models.CharField(max_length=120)
    exchange = models.CharField(max_length=40)
    type = models.CharField(max_length=12, choices=InstrumentType.choices, default=InstrumentType.STOCK)
    currency = models.CharField(
        max_length=10, default="USD", validators=[RegexValidator(r"^[A-Z0-9]{2,10}\Z", "Not a currency code.")]
    )
    price_increment = models.DecimalField(
        max_digits=DIGITS,
        decimal_places=PLACES,
        default=Decimal("0.01"),
        validators=[MinValueValidator(LEAST_STEP)],
        help_text="the smallest step of the price",
    )
    lot_size = models.DecimalField(
        max_digits=DIGITS,
        decimal_places=PLACES,
        default=Decimal(1),
        validators=[MinValueValidator(LEAST_STEP)],
        help_text="the smallest step of a quantity",
    )
    session = models.CharField(max_length=200, default="0930-1600", help_text="trading hours, such as 0930-1600")
    timezone = models.CharField(max_length=60, default="America/New_York", help_text="of the exchange")
    is_active = models.BooleanField(default=True)

    objects = InstrumentQuerySet.as_manager()

    class Meta:
        ordering = ["symbol"]

    def __str__(self) -> str:
        return self.symbol

    def clean(self) -> None:
        """Refuse trading hours that cannot be read, naming the field."""
        try:
            Hours(self.session, self.timezone).check()
        except ValueError as error:
            field = "timezone" if "time zone" in str(error) else "session"
            raise ValidationError({field: str(error)}) from None


class SeriesQuerySet(models.QuerySet["Series"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(instrument__in=Instrument.objects.visible_to(user))


class Series(CreatedModel):
    """The recorded bars of an instrument in one base resolution, which belong to one provider."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="series")
    resolution = models.CharField(max_length=8, help_text="the base resolution; others are built from it")
    provider = models.CharField(max_length=40, help_text="who gives these bars")
    vendor_symbol = models.CharField(
        max_length=60, blank=True, help_text="what the provider calls the instrument, where that is not its symbol"
    )
    edition = models.BigIntegerField(
        default=new_edition, editable=False, help_text="another one whenever bars change otherwise than by a newest one"
    )
    revision = models.BigIntegerField(
        default=new_edition, editable=False, help_text="another one whenever any bar comes or goes"
    )

    objects = SeriesQuerySet.as_manager()

    class Meta:
        ordering = ["instrument__symbol", "resolution"]
        verbose_name_plural = "series"
        constraints = [models.UniqueConstraint(fields=["instrument", "resolution"], name="one_series_for_one_base")]

    def __str__(self) -> str:
        return f"{self.instrument.symbol} {self.resolution} ({self.provider})"


class BarQuerySet(models.QuerySet["Bar"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(series__in=Series.objects.visible_to(user))


class NumberColumn(models.DecimalField):  # type: ignore[type-arg]  # generic for the checker alone
    """A decimal column that reads back as the float nearest to what was written, on every database.

    SQLite keeps such a column as a float, but reads the decimal text it is given with an error in the last place:
    a formula would then see other numbers in history than it saw live.
    """

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = super().get_db_prep_value(value, connection, prepared)
        return float(value) if connection.vendor == "sqlite" and isinstance(value, Decimal) else value

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DecimalField", args, kwargs


def _number(**options: Any) -> NumberColumn:
    return NumberColumn(max_digits=DIGITS, decimal_places=PLACES, **options)


class Bar(models.Model):
    """A closed bar of a series; it never changes."""

    # A series with bars is not deleted by accident, nor is its instrument.
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="bars", db_index=False)
    opened_at = models.BigIntegerField(help_text="epoch seconds UTC; 00:00 UTC of the trading day from 1D upwards")
    open = _number()
    high = _number()
    low = _number()
    close = _number()
    volume = _number(default=Decimal(0))

    objects = BarQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["series", "opened_at"], name="one_bar_for_one_time"),
            models.CheckConstraint(
                condition=Q(low__lte=F("open"))
                & Q(low__lte=F("close"))
                & Q(high__gte=F("open"))
                & Q(high__gte=F("close"))
                & Q(volume__gte=0),
                name="bar_is_consistent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.series_id} {self.opened_at}"


class BarRevision(models.Model):
    """Another word on a closed bar: what is kept of it, what was said of it later, when, and by whom."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="revisions", db_index=False)
    opened_at = models.BigIntegerField(help_text="the bar's stamp, epoch seconds UTC")
    kept_open = _number()
    kept_high = _number()
    kept_low = _number()
    kept_close = _number()
    kept_volume = _number()
    said_open = _number()
    said_high = _number()
    said_low = _number()
    said_close = _number()
    said_volume = _number()
    heard_at = models.DateTimeField(default=clock.now, editable=False)
    source = models.CharField(max_length=60, help_text="who said it: a provider, live or by its history, or an import")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["series", "opened_at", "said_open", "said_high", "said_low", "said_close", "said_volume"],
                name="one_revision_of_a_kind",
            )
        ]

    def __str__(self) -> str:
        return f"{self.series} at {self.opened_at}"


class GapQuerySet(models.QuerySet["Gap"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(series__in=Series.objects.visible_to(user))

    def open(self) -> Self:
        return self.filter(filled_at=None)


class Gap(models.Model):
    """Bars that a series should have and has not: from `since` to before `until`, both epoch seconds UTC."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="gaps", db_index=False)
    since = models.BigIntegerField(help_text="stamp of the first bar that is missing, epoch seconds UTC")
    until = models.BigIntegerField(help_text="stamp of the bar that arrived after the hole, epoch seconds UTC")
    found_at = models.DateTimeField(default=clock.now, editable=False)
    tried_at = models.DateTimeField(null=True, blank=True, help_text="when these bars were last looked for")
    filled_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True, help_text="why it is still open, or how it was closed")

    objects = GapQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["series", "until"], name="one_gap_before_a_bar"),
            models.CheckConstraint(condition=Q(since__lt=F("until")), name="gap_is_not_empty"),
        ]
        indexes = [models.Index(fields=["tried_at"], condition=Q(filled_at=None), name="gap_open")]

    def __str__(self) -> str:
        return f"{self.series} from {self.since} to before {self.until}"


class ProviderAccount(ChangedModel):
    """How this installation uses a provider that has to be told something: its values are sealed, secret or not."""

    kind = models.CharField(max_length=20, choices=account_choices)
    name = models.SlugField(max_length=19, blank=True, help_text="tells accounts of one kind apart, such as kraken")
    is_enabled = models.BooleanField(default=True)
    sealed = models.BinaryField(default=b"", editable=False)

    class Meta:
        ordering = ["kind", "name"]
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="one_account_of_a_name")]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """What series name as their provider."""
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @property
    def context(self) -> str:
        """What its values are sealed for."""
        return f"datafeed.provideraccount.sealed:{self.pk}"


sealed_column(ProviderAccount, "sealed", lambda account: str(account.context))
