"""Who belongs to a company: invited by its administrator, added by the platform's, and removed by either."""

from datetime import timedelta

from django.db import transaction

from accounts import letters
from accounts.errors import InvitedAnother, LinkNotValid, TooManyInvitations
from accounts.models import Company, Invitation, Role, User, normal_email
from accounts.services.links import LINK_LIFETIME, hash_of_token, new_token
from accounts.services.people import change_user
from kernel import audit, clock, jobs

INVITATIONS_A_DAY = 100  # of one company
INVITATIONS_AN_HOUR = 3  # of one company to one address
KEEP_INVITATIONS = timedelta(days=90)
MAIL_INVITATION_JOB = "accounts.mail_invitation"
ROLES_WITHIN = frozenset({Role.USER, Role.COMPANY_ADMIN})


@transaction.atomic
def invite(*, company: Company, email: str, role: Role = Role.USER, invited_by: User) -> tuple[Invitation, str | None]:
    """Ask the owner of `email` to join `company`; the newest invitation to an address is the one that counts.

    It goes out by mail. Where none is configured its token is answered instead, to be handed over by hand: it is not
    kept and cannot be asked for again. Raises `TooManyInvitations`.
    """
    email = normal_email(email)
    _check_limits(company, email)
    now = clock.now()
    Invitation.objects.filter(company=company, email=email).good().update(expires_at=now)
    token, token_hash = (None, None) if letters.mail_is_configured() else new_token()
    invitation = Invitation.objects.create(
        company=company,
        email=email,
        role=role,
        invited_by=invited_by,
        token_hash=token_hash,
        expires_at=now + LINK_LIFETIME,
    )
    if token is None:
        jobs.enqueue(kind=MAIL_INVITATION_JOB, invitation_id=invitation.pk)
    detail = {"company": company.slug, "email": email, "role": role}
    audit.record("user.invited", actor=invited_by, target=f"invitation:{invitation.pk}", detail=detail)
    return invitation, token


def _check_limits(company: Company, email: str) -> None:
    # One at a time for each company, so that the limits hold.
    Company.objects.select_for_update().get(pk=company.pk)
    now, sent = clock.now(), Invitation.objects.filter(company=company)
    if sent.filter(email=email, created_at__gt=now - timedelta(hours=1)).count() >= INVITATIONS_AN_HOUR:
        raise TooManyInvitations(Retry_After="3600")
    if sent.filter(created_at__gt=now - timedelta(days=1)).count() >= INVITATIONS_A_DAY:
        raise TooManyInvitations(Retry_After="3600")


def mail_invitation(*, invitation: Invitation) -> None:
    """Make the token of `invitation` and send it; the job's own work. A repeat makes another, the newest is good."""
    token, token_hash = new_token()
    Invitation.objects.filter(pk=invitation.pk).update(token_hash=token_hash)
    letters.send(letters.invitation(invitation.company, token), to=invitation.email, name=invitation.email)


@transaction.atomic
def withdraw_invitation(*, invitation: Invitation) -> None:
    """Let `invitation` count no more; one that is over already stays as it is."""
    if Invitation.objects.filter(pk=invitation.pk).good().update(expires_at=clock.now()):
        audit.record("invitation.withdrawn", target=f"invitation:{invitation.pk}")


@transaction.atomic
def accept_invitation(*, user: User, token: str) -> Company:
    """Make `user` a member, in the role of the invitation; staff keep the role they have.

    Raises `LinkNotValid`, also where its maker may not invite any more, and `InvitedAnother`.
    """
    found = Invitation.objects.select_related("company").filter(token_hash=hash_of_token(token)).good().first()
    if found is None:
        raise LinkNotValid
    if found.email != user.email:
        raise InvitedAnother
    if not Invitation.objects.filter(pk=found.pk, accepted_at__isnull=True).update(
        accepted_at=clock.now(), accepted_by=user
    ):
        raise LinkNotValid
    add_member(company=found.company, user=user, role=Role(found.role))
    audit.record("invitation.accepted", actor=user, target=f"invitation:{found.pk}")
    return found.company


def add_member(*, company: Company, user: User, role: Role = Role.USER) -> None:
    """Move `user` to `company` in `role`, without asking them; staff keep the role they have."""
    user.company = company
    if user.role in ROLES_WITHIN:
        user.role = role
    change_user(user=user, changed=["company", "role"])


def remove_member(*, user: User) -> None:
    """Take `user` out of their company; its administrator becomes a user like any other."""
    user.company = None
    if user.role == Role.COMPANY_ADMIN:
        user.role = Role.USER
    change_user(user=user, changed=["company", "role"])


def forget_old_invitations() -> int:
    """Delete invitations that are over for long; the number of rows."""
    return Invitation.objects.filter(created_at__lt=clock.now() - KEEP_INVITATIONS).delete()[0]
