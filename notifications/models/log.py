"""The tables of notifications: streams, what is in them, to whom they are addressed, and what was read."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, FilteredRelation, Q

from kernel.models import CreatedModel
from kernel.permissions import Person


class Stream(CreatedModel):
    """An audience with a history: `user:7`, `formula:12`, `company:acme/role:user`, `all`.

    `head` is the last `seq` given out; whoever adds a row holds this one locked, so numbers have no gap and rise
    in commit order. Another `epoch` means another history: positions in the old one are void.
    """

    name = models.CharField(max_length=200, unique=True)
    epoch = models.CharField(max_length=32, editable=False, help_text="random hexadecimal digits")
    head = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Priority(models.TextChoices):
    CRITICAL = "critical"
    HIGH = "high"
    ERROR = "error"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


# The same number means the same urgency.
PRIORITY_RANKS = {"critical": 4, "high": 3, "error": 3, "medium": 2, "low": 1, "info": 0}


class NotificationQuerySet(models.QuerySet["Notification"]):
    def visible_to(self, user: Person) -> Self:
        """Those addressed to `user` and not hidden by them, each with their own reading state as `mine`.

        A stream's rows count from where its membership begins to where it ends; the intervals of one person in
        one stream do not overlap, so no row comes twice.
        """
        if not user.is_authenticated:
            return self.none()
        addressed = Q(stream__memberships__user_id=user.pk, stream__memberships__after_seq__lt=F("seq"))
        within = Q(stream__memberships__until_seq__isnull=True) | Q(stream__memberships__until_seq__gte=F("seq"))
        own = FilteredRelation("states", condition=Q(states__user_id=user.pk))
        not_hidden = Q(mine__isnull=True) | Q(mine__hidden=False)
        return self.filter(addressed & within).annotate(mine=own).filter(not_hidden)

    def with_state(self) -> Self:
        """`read_at`, `response`, `note` and `responded_at` of the person the rows are visible to, in the same query."""
        fields = ("read_at", "response", "note", "responded_at")
        return self.annotate(**{field: F(f"mine__{field}") for field in fields})

    def unread(self) -> Self:
        """Of rows made `visible_to` somebody, those they have not read."""
        return self.filter(mine__read_at__isnull=True)


def _score(meaning: str) -> "models.DecimalField[Decimal | float | str | None, Decimal | None]":
    return models.DecimalField(
        max_digits=7,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=f"{meaning}, 0 to 100",
    )


class Notification(CreatedModel):
    """One message to an audience, in one row however many people that is.

    `text` is the socket message as it is sent, the same for everybody. While `published_at` is empty, the row is
    an outbox entry that has not been pushed yet.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # What is looked up by stream is looked up by (stream, seq), which has an index of its own.
    stream = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="notifications", db_index=False)
    seq = models.PositiveBigIntegerField(editable=False)
    external_id = models.CharField(max_length=100, blank=True, help_text="the sender's own id")
    dedup_key = models.CharField(max_length=100, blank=True, help_text="what it tells of: a stream tells it once")
    type = models.SlugField(max_length=50)
    priority = models.CharField(max_length=10, choices=Priority.choices, default=Priority.MEDIUM)
    title = models.CharField(max_length=200)
    message = models.TextField(max_length=10_000, blank=True)
    source = models.CharField(max_length=50, blank=True)
    symbol = models.CharField(max_length=64, null=True, blank=True)
    topic = models.CharField(max_length=100, null=True, blank=True)
    confidence_score = _score("how sure the sender is")
    urgency_score = _score("how soon to act")
    promise_score = _score("how much may come of it")
    data = models.JSONField(default=dict, blank=True)
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    text = models.TextField(editable=False)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["stream", "seq"], name="one_notification_for_a_seq"),
            models.UniqueConstraint(
                fields=["stream", "external_id"], condition=~Q(external_id=""), name="one_external_id_in_a_stream"
            ),
            models.UniqueConstraint(
                fields=["stream", "dedup_key"], condition=~Q(dedup_key=""), name="one_dedup_key_in_a_stream"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at"], name="notification_newest"),
            models.Index(
                fields=["created_at"], condition=Q(published_at__isnull=True), name="notification_unpublished"
            ),
            models.Index(fields=["external_id"], condition=~Q(external_id=""), name="notification_external"),
        ]

    def __str__(self) -> str:
        return self.title


class MembershipQuerySet(models.QuerySet["Membership"]):
    def visible_to(self, user: Person) -> Self:
        """One's own."""
        return self.filter(user_id=user.pk)

    def is_open(self) -> Self:
        return self.filter(until_seq__isnull=True)


class Membership(CreatedModel):
    """The part of a stream that is addressed to a person: `after_seq < seq <= until_seq`, open while they belong."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="memberships")
    after_seq = models.PositiveBigIntegerField()
    until_seq = models.PositiveBigIntegerField(null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ["user", "stream", "after_seq"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "stream"], condition=Q(until_seq__isnull=True), name="one_open_membership"
            ),
            models.CheckConstraint(
                condition=Q(until_seq__isnull=True) | Q(until_seq__gte=F("after_seq")),
                name="membership_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.stream} after {self.after_seq}"


class ReadingStateQuerySet(models.QuerySet["ReadingState"]):
    def visible_to(self, user: Person) -> Self:
        """One's own."""
        return self.filter(user_id=user.pk)


class ReadingState(CreatedModel):
    """What a person did with a notification; there is no row until they do something."""

    # The index of the constraint below begins with the user.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reading_states", db_index=False
    )
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="states")
    read_at = models.DateTimeField(null=True, blank=True)
    response = models.CharField(max_length=200, null=True, blank=True)
    note = models.TextField(max_length=2_000, blank=True)
    responded_at = models.DateTimeField(null=True, blank=True)
    hidden = models.BooleanField(default=False)

    objects = ReadingStateQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "notification"], name="one_state_for_a_reader")]

    def __str__(self) -> str:
        return f"{self.user}: {self.notification}"


def status_of(read_at: datetime | None, responded_at: datetime | None) -> str:
    """`unread`, `read` or `responded`, the last word counting."""
    if responded_at:
        return "responded"
    return "read" if read_at else "unread"
