"""The tables of formulas, their versions, and the people who follow and review them."""

from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from kernel.models import ChangedModel, CreatedModel
from kernel.permissions import ADMIN, Person, has_role


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
    # Counted anew from the rows with each change of them; neither holds what its author contributed.
    total_subscribers = models.PositiveIntegerField(default=0, editable=False, help_text="active ones")
    total_reviews = models.PositiveIntegerField(default=0, editable=False)
    average_rating = models.FloatField(null=True, blank=True, editable=False)
    # What lists are ordered by: databases do not agree on where an empty value stands in an index.
    score_rank = models.GeneratedField(
        expression=Coalesce("performance_score", -1, output_field=models.DecimalField(max_digits=5, decimal_places=2)),
        output_field=models.DecimalField(max_digits=5, decimal_places=2),
        db_persist=True,
    )
    rating_rank = models.GeneratedField(
        expression=Coalesce("average_rating", 0.0), output_field=models.FloatField(), db_persist=True
    )

    objects = FormulaQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="formula_newest"),
            models.Index(fields=["-score_rank", "-id"], name="formula_best"),
            models.Index(fields=["-total_subscribers", "-id"], name="formula_most_followed"),
            models.Index(fields=["-rating_rank", "-total_reviews", "-id"], name="formula_best_rated"),
            models.Index(fields=["category", "-score_rank", "-id"], name="formula_of_category"),
            # Counting what somebody may see reads this instead of the table with its long texts.
            models.Index(fields=["is_public", "is_retired", "author"], name="formula_visible"),
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
    is_anonymous = models.BooleanField(default=False, help_text="shown without the reviewer's name")

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "formula"], name="one_review_for_a_formula"),
            models.CheckConstraint(condition=Q(rating__range=(1, 5)), name="rating_from_1_to_5"),
        ]

    def __str__(self) -> str:
        return f"{self.rating} of 5 for {self.formula}"
