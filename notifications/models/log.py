"""The tables of the log: streams, what is in them, and what was held back."""

import uuid
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, DateTimeField, F, FilteredRelation, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Upper

from kernel.models import CreatedModel
from kernel.permissions import Person
from notifications.models.readers import ReadMark


class Stream(CreatedModel):
    """An audience with a history: `user:7`, `formula:12`, `company:acme/role:user`, `all`.

    `head` is the last `seq` given out; whoever adds a row holds this one locked, so numbers have no gap and rise
    in commit order. What is not after `floor` is too old to be kept. Another `epoch` means another history: positions
    in the old one are void.
    """

    name = models.CharField(max_length=200, unique=True)
    epoch = models.CharField(max_length=32, editable=False, help_text="random hexadecimal digits")
    head = models.PositiveBigIntegerField(default=0, editable=False)
    floor = models.PositiveBigIntegerField(default=0, editable=False)
    told_at = models.DateTimeField(null=True, editable=False, help_text="when its last notification was made")

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
        addressed = Q(
            stream__memberships__user_id=user.pk,
            stream__memberships__after_seq__lt=F("seq"),
            stream__memberships__hidden_seq__lt=F("seq"),
        )
        within = Q(stream__memberships__until_seq__isnull=True) | Q(stream__memberships__until_seq__gte=F("seq"))
        rows = self.filter(addressed & within).alias(read_seq=F("stream__memberships__read_seq"))
        return rows.touched_by(user).not_hidden()

    def touched_by(self, user: Person) -> Self:
        """The same rows, each with the state that `user` gave it as `mine`."""
        return self.annotate(mine=FilteredRelation("states", condition=Q(states__user_id=user.pk)))

    def not_hidden(self) -> Self:
        """Of rows `touched_by` somebody, those they have not taken out of their inbox one by one."""
        return self.filter(Q(mine__isnull=True) | Q(mine__hidden=False))

    def with_state(self, user: Person) -> Self:
        """`read_at`, `response`, `note` and `responded_at` of rows `touched_by` `user`, in the same query."""
        marks = ReadMark.objects.filter(
            user_id=user.pk, stream_id=OuterRef("stream_id"), through_seq__gte=OuterRef("seq")
        )
        first = Subquery(marks.order_by("through_seq").values("at")[:1])
        marked_at = Case(When(mine__kept_unread=True, then=Value(None)), default=first, output_field=DateTimeField())
        own = {field: F(f"mine__{field}") for field in ("response", "note", "responded_at")}
        return self.annotate(read_at=Coalesce("mine__read_at", marked_at), **own)

    def unread(self) -> Self:
        """Of rows made `visible_to` somebody, those they have not read."""
        return self.untouched().filter(Q(seq__gt=F("read_seq")) | Q(mine__kept_unread=True))

    def untouched(self) -> Self:
        """Of rows `touched_by` somebody, those they have not read one by one."""
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
    an outbox entry that has not been pushed yet. Within a stream `created_at` rises with `seq`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # What is looked up by stream is looked up by (stream, seq), which has an index of its own.
    stream = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="notifications", db_index=False)
    seq = models.PositiveBigIntegerField(editable=False)
    kind_seq = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="its number among those of its type and priority in the stream"
    )
    external_id = models.CharField(max_length=100, blank=True, help_text="the sender's own id")
    dedup_key = models.CharField(max_length=100, blank=True, help_text="what it tells of: a stream tells it once")
    # What is looked up by type is looked up within a stream: see the indexes.
    type = models.SlugField(max_length=50, db_index=False)
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
            models.Index(fields=["stream", "type", "priority", "seq"], name="notification_kind"),
            models.Index(
                fields=["stream", "topic", "seq"], condition=Q(topic__isnull=False), name="notification_topic"
            ),
            models.Index(
                "stream", Upper("symbol"), "seq", condition=Q(symbol__isnull=False), name="notification_symbol"
            ),
            models.Index(
                fields=["created_at"], condition=Q(published_at__isnull=True), name="notification_unpublished"
            ),
            models.Index(fields=["external_id"], condition=~Q(external_id=""), name="notification_external"),
        ]

    def __str__(self) -> str:
        return self.title


class Kind(models.Model):
    """A type and priority of which a stream has told at least once."""

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="kinds", db_index=False)
    type = models.SlugField(max_length=50, db_index=False)
    priority = models.CharField(max_length=10, choices=Priority.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "type", "priority"], name="one_kind_of_a_stream")]

    def __str__(self) -> str:
        return f"{self.stream_id}: {self.type}, {self.priority}"


class HeldBack(CreatedModel):
    """Something a stream did not tell because it had told too much in a short time; `summary` tells how many."""

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="held_back", db_index=False)
    dedup_key = models.CharField(max_length=100)
    summary = models.ForeignKey(Notification, null=True, on_delete=models.CASCADE, related_name="held_back")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "dedup_key"], name="held_back_once")]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(summary__isnull=True), name="held_back_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.stream_id}: {self.dedup_key}"
