"""The tables of what is sent out to be brought back once: links in mails, and invitations to a company."""

from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models.people import Company, Role, User
from kernel import clock
from kernel.models import CreatedModel
from kernel.permissions import ADMIN, Person, has_role


class MailKind(models.TextChoices):
    """What a mail to the owner of an account is for."""

    CONFIRM = "confirm", "to confirm the address"
    RESET = "reset", "to reset the password"
    TAKEN = "taken", "to tell that the address has an account already"


class MailedLinkQuerySet(models.QuerySet["MailedLink"]):
    def good(self) -> Self:
        """Those that still open something."""
        return self.filter(used_at__isnull=True, expires_at__gt=clock.now(), user__is_active=True)


class MailedLink(CreatedModel):
    """A mail that was sent to the owner of an account, and the hash of the token in it, good once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mailed_links")
    kind = models.CharField(max_length=10, choices=MailKind.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    objects = MailedLinkQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["user", "kind", "-created_at"], name="mailed_link_of_user"),
            models.Index(fields=["created_at"], name="mailed_link_old"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.user_id}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, user: Person) -> Self:
        """Those of the company that one administers; administrators see all."""
        if has_role(user, ADMIN):
            return self
        if not has_role(user, Role.COMPANY_ADMIN):
            return self.none()
        return self.filter(company__members=user.pk)

    def good(self) -> Self:
        """Those that can still be accepted: their maker must still be one who could make them."""
        may_invite = Q(invited_by__role=Role.ADMIN) | Q(invited_by__is_superuser=True)
        may_invite |= Q(invited_by__role=Role.COMPANY_ADMIN, invited_by__company=models.F("company"))
        return self.filter(may_invite, invited_by__is_active=True, accepted_at__isnull=True, expires_at__gt=clock.now())


class Invitation(CreatedModel):
    """Somebody is asked to join a company; whoever has the account of the address and brings the token may."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.USER)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    token_hash = models.CharField(
        max_length=64, unique=True, null=True, editable=False, help_text="None until the mail with the token is sent."
    )
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["company", "-created_at"], name="invitation_of_company")]

    def __str__(self) -> str:
        return f"{self.email} to {self.company_id}"
