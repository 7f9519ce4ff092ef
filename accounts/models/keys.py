"""The table of API keys: what machines bring instead of a sign-in."""

from typing import Self

from django.db import models

from accounts.models.people import User
from kernel import clock
from kernel.models import CreatedModel
from kernel.permissions import ADMIN, Person, has_role


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, user: Person) -> Self:
        """One's own; administrators see all."""
        if has_role(user, ADMIN):
            return self
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()

    def live(self) -> Self:
        """Those that still let their bearer in."""
        endless = models.Q(expires_at__isnull=True)
        return self.filter(endless | models.Q(expires_at__gt=clock.now()), revoked_at__isnull=True)


class ApiKey(CreatedModel):
    """A machine's credential: its owner's role, narrowed to some scopes. Of the secret only a hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, help_text="What its owner calls it.")
    prefix = models.CharField(max_length=16, unique=True, help_text="The part that finds the row; not a secret.")
    secret_hash = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["user", "-id"], name="api_key_of_user")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > clock.now())
