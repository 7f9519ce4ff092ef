"""The tables of what people hold: positions and the fills that made them."""

from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from datafeed.models import Instrument
from formulas.models import Formula
from kernel import clock
from kernel.models import AppendOnly, ChangedModel, CreatedModel
from kernel.permissions import Person
from portfolio.accounting import Holding
from portfolio.columns import ExactColumn


class PositionQuerySet(models.QuerySet["Position"]):
    def visible_to(self, user: Person) -> Self:
        """One's own: what people hold is nobody else's business."""
        return self.filter(user_id=user.pk) if user.pk else self.none()

    def open(self) -> Self:
        """Those of which something is held."""
        return self.exclude(quantity=0)


class Position(ChangedModel):
    """What a person holds of an instrument, by their own decision or on account of a formula.

    Its figures are those of `accounting.Holding` and the sum of its fills, kept here so that reading them costs
    nothing. A position that was closed keeps its row and what it earned.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="positions")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="positions")
    formula = models.ForeignKey(Formula, null=True, blank=True, on_delete=models.PROTECT, related_name="positions")
    quantity = ExactColumn(default=Decimal(0), help_text="negative for a short position")
    cost = ExactColumn(max_digits=40, decimal_places=16, default=Decimal(0), help_text="of what is held")
    realized_pnl = ExactColumn(default=Decimal(0), help_text="what closed parts have earned")
    invested = ExactColumn(default=Decimal(0), help_text="cost of every opening, closed since or not")
    opened_at = models.DateTimeField(default=clock.now, help_text="when it last went from nothing to something")

    objects = PositionQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            # Two, because to a database no null equals another.
            models.UniqueConstraint(fields=["user", "instrument", "formula"], name="one_position_for_a_formula"),
            models.UniqueConstraint(
                fields=["user", "instrument"], condition=Q(formula=None), name="one_position_without_formula"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} {self.instrument}"

    @property
    def holding(self) -> Holding:
        return Holding(self.quantity, self.cost, self.realized_pnl, self.invested)

    @property
    def average_price(self) -> Decimal:
        """Cost for one piece; 0 where nothing is held."""
        return self.holding.average_price


class FillQuerySet(models.QuerySet["Fill"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(position__in=Position.objects.visible_to(user))


class Fill(CreatedModel):
    """One change of a position; it never changes itself. The order of fills is that of their ids."""

    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="fills")
    quantity = ExactColumn(help_text="positive bought, negative sold")
    price = ExactColumn(help_text="for one piece")
    realized_pnl = ExactColumn(default=Decimal(0), help_text="what this fill has earned by closing")
    filled_at = models.DateTimeField(default=clock.now)

    objects = FillQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} at {self.price.normalize():f}"

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("a fill is never changed: another one takes it back")
        super().save(**kwargs)
