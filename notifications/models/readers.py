"""The tables of those who read: what is addressed to them, what they have received, read, answered and hidden."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from kernel.models import CreatedModel
from kernel.permissions import Person


class MembershipQuerySet(models.QuerySet["Membership"]):
    def visible_to(self, user: Person) -> Self:
        """One's own."""
        return self.filter(user_id=user.pk)

    def is_open(self) -> Self:
        return self.filter(until_seq__isnull=True)

    def reaching(self, seq: int) -> Self:
        """Those of which the row `seq` of their stream is a part."""
        has_not_ended = Q(until_seq__isnull=True) | Q(until_seq__gte=seq)
        return self.filter(has_not_ended, after_seq__lt=seq)


class Membership(CreatedModel):
    """The part of a stream that is addressed to a person: `after_seq < seq <= until_seq`, open while they belong.

    Up to `read_seq` they have read it all, but for what they have taken back to unread; up to `hidden_seq` they have
    cleared it out of their inbox.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    stream = models.ForeignKey("notifications.Stream", on_delete=models.CASCADE, related_name="memberships")
    after_seq = models.PositiveBigIntegerField()
    until_seq = models.PositiveBigIntegerField(null=True, blank=True)
    read_seq = models.PositiveBigIntegerField(default=0)
    hidden_seq = models.PositiveBigIntegerField(default=0)

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


class ReadMark(models.Model):
    """When somebody read a stream as far as `through_seq` at once: tells when each row before it was read."""

    # The index of the constraint below begins with the user.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    stream = models.ForeignKey("notifications.Stream", on_delete=models.CASCADE, related_name="+")
    through_seq = models.PositiveBigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "stream", "through_seq"], name="one_read_mark_at_a_seq")]

    def __str__(self) -> str:
        return f"{self.user_id} read {self.stream_id} through {self.through_seq}"


class ReadingStateQuerySet(models.QuerySet["ReadingState"]):
    def visible_to(self, user: Person) -> Self:
        """One's own."""
        return self.filter(user_id=user.pk)

    def in_inbox_of(self, user: Person) -> Self:
        """Those of `user` on rows that are addressed to them and not cleared; hidden ones among them."""
        addressed = Q(
            stream__memberships__user_id=user.pk,
            stream__memberships__after_seq__lt=F("seq"),
            stream__memberships__hidden_seq__lt=F("seq"),
        )
        within = Q(stream__memberships__until_seq__isnull=True) | Q(stream__memberships__until_seq__gte=F("seq"))
        found = self.filter(addressed & within, user_id=user.pk, seq__gt=F("stream__floor"))
        return found.alias(read_seq=F("stream__memberships__read_seq"))


class ReadingState(CreatedModel):
    """What a person did with a notification; there is no row until they do something with this very one."""

    # The index of the constraint below begins with the user.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reading_states", db_index=False
    )
    notification = models.ForeignKey("notifications.Notification", on_delete=models.CASCADE, related_name="states")
    # Those of the notification, so that states are counted without it.
    stream = models.ForeignKey("notifications.Stream", on_delete=models.CASCADE, related_name="+", db_index=False)
    seq = models.PositiveBigIntegerField(editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    kept_unread = models.BooleanField(default=False, help_text="unread although everything around it was read")
    response = models.CharField(max_length=200, null=True, blank=True)
    note = models.TextField(max_length=2_000, blank=True)
    responded_at = models.DateTimeField(null=True, blank=True)
    hidden = models.BooleanField(default=False)

    objects = ReadingStateQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "notification"], name="one_state_for_a_reader")]
        indexes = [
            models.Index(fields=["user", "stream", "seq"], name="reading_state_place"),
            models.Index(fields=["stream", "seq"], name="reading_state_stream"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.notification}"


class Receipt(models.Model):
    """How far somebody's devices have said that they received a stream, and when they said so last."""

    # The index of the constraint below begins with the user.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    stream = models.ForeignKey("notifications.Stream", on_delete=models.CASCADE, related_name="receipts")
    delivered_seq = models.PositiveBigIntegerField()
    delivered_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "stream"], name="one_receipt_for_a_stream")]

    def __str__(self) -> str:
        return f"{self.user_id} has {self.stream_id} through {self.delivered_seq}"


def status_of(read_at: datetime | None, responded_at: datetime | None) -> str:
    """`unread`, `read` or `responded`, the last word counting."""
    if responded_at:
        return "responded"
    return "read" if read_at else "unread"
