"""The tables of how people want to be reached: their channels and their preferences."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from kernel.models import ChangedModel
from kernel.permissions import Person
from kernel.rotation import sealed_column
from notifications.channels import kind_choices


class ChannelStatus(models.TextChoices):
    """How a channel stands; its code proves an address, a failing receiver pauses it, one that is gone ends it."""

    UNVERIFIED = "unverified"
    ACTIVE = "active"
    PAUSED = "paused"
    OFF = "off"


class ChannelQuerySet(models.QuerySet["Channel"]):
    def visible_to(self, user: Person) -> Self:
        """One's own."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()

    def usable(self) -> Self:
        """Those that notifications go to."""
        return self.filter(is_enabled=True, verified_at__isnull=False, user__is_active=True)


class Channel(ChangedModel):
    """An address of a person's, and the head of the queue of what is to be sent there.

    One worker at a time holds it, by `lease_until`, of which `claims` is the number. `next_due_at` is when its
    queue has something to do; while it is paused nothing is, so one that is down delays nobody else.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=20, choices=kind_choices)
    name = models.CharField(max_length=100, blank=True, help_text="What its owner calls it.")
    address = models.CharField(max_length=300, help_text="What tells it from others, without any secret.")
    sealed = models.BinaryField(default=b"", editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    is_enabled = models.BooleanField(default=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    code_hash = models.CharField(max_length=64, blank=True, editable=False)
    code_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    code_tries = models.PositiveSmallIntegerField(default=0, editable=False)
    next_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    claims = models.PositiveBigIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(default=0, help_text="One after the other, since the last success.")
    last_error = models.CharField(max_length=300, blank=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "fingerprint"], name="one_channel_to_an_address")
        ]
        indexes = [
            models.Index(fields=["next_due_at"], condition=Q(next_due_at__isnull=False), name="channel_due"),
            models.Index(fields=["id"], condition=Q(is_enabled=True, verified_at__isnull=False), name="channel_usable"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.address}"

    @property
    def context(self) -> str:
        """What its secrets are sealed for."""
        return f"notifications.channel.sealed:{self.pk}"


sealed_column(Channel, "sealed", lambda channel: str(channel.context))


class PreferencesQuerySet(models.QuerySet["Preferences"]):
    def visible_to(self, user: Person) -> Self:
        """One's own."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()


class Preferences(ChangedModel):
    """Which notifications a person wants where; `notifications.rules` reads what is kept here."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="preferences"
    )
    rules = models.JSONField(default=dict)

    objects = PreferencesQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"preferences of {self.user}"
