"""The tables of what is on its way to channels: notifications to be shared out, deliveries, and links that answer."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from kernel import clock
from kernel.models import CreatedModel
from kernel.permissions import Person
from notifications.channels import kind_choices
from notifications.models.channels import Channel
from notifications.models.log import Notification


class FanOut(CreatedModel):
    """A notification that has yet to be shared out to its readers' channels, which are done up to `after_channel`.

    Written with the notification and deleted when all are done, so a crash in between forgets nobody.
    """

    notification = models.OneToOneField(
        Notification, primary_key=True, on_delete=models.CASCADE, related_name="fan_out"
    )
    after_channel = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    run_after = models.DateTimeField(default=clock.now)
    is_dead = models.BooleanField(default=False, help_text="put aside after too many failures")
    last_error = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["run_after"], condition=Q(is_dead=False), name="fan_out_due")]

    def __str__(self) -> str:
        return f"{self.notification_id} after {self.after_channel}"


class DeliveryState(models.TextChoices):
    """`sent` is in a service's hands, `delivered` in the receiver's; `failed` was refused for good, `dead` given up."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    DEAD = "dead"


class DeliveryPurpose(models.TextChoices):
    NOTIFICATION = "notification"
    VERIFICATION = "verification"
    TEST = "test"


OPEN_STATES = (DeliveryState.QUEUED, DeliveryState.SENDING)


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: Person) -> Self:
        """One's own."""
        return self.filter(recipient_id=user.pk) if user.is_authenticated else self.none()

    def open(self) -> Self:
        """Those that are still to be sent, or whose worker may have been lost while it sent."""
        return self.filter(state__in=OPEN_STATES)


class Delivery(CreatedModel):
    """One message to one channel, through all its attempts; for a notification there is one for each channel.

    Those of a digest go out together: they share the `batch` that the first attempt gives them, under whose id the
    receiver sees them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notification = models.ForeignKey(
        Notification, null=True, blank=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    # The index of the queue below begins with the channel.
    channel = models.ForeignKey(
        Channel, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries", db_index=False
    )
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=20, choices=kind_choices)
    purpose = models.CharField(max_length=12, choices=DeliveryPurpose.choices, default=DeliveryPurpose.NOTIFICATION)
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.QUEUED)
    in_digest = models.BooleanField(default=False)
    batch = models.UUIDField(null=True, blank=True, editable=False)
    due_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=300, blank=True, help_text="Why the last attempt failed.")
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["notification", "channel"],
                condition=Q(notification__isnull=False, channel__isnull=False),
                name="one_delivery_to_a_channel",
            )
        ]
        indexes = [
            models.Index(fields=["channel", "due_at"], condition=Q(state__in=OPEN_STATES), name="delivery_queue"),
            models.Index(fields=["channel", "-created_at"], name="delivery_of_channel"),
            models.Index(fields=["state", "-created_at"], name="delivery_by_state"),
            models.Index(fields=["created_at"], name="delivery_old"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} by {self.kind} {self.pk}"


class AnswerLink(CreatedModel):
    """A link in a message that answers its notification: good once, for a day. Of the token a hash is kept."""

    delivery = models.OneToOneField(Delivery, primary_key=True, on_delete=models.CASCADE, related_name="answer_link")
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"answer to {self.delivery_id}"
