"""Registering oneself: at once where no mail can be sent, else by proving the address first."""

from django.db import transaction

from accounts.letters import mail_is_configured
from accounts.models import MailKind, User, normal_email
from accounts.services.links import end_links, enqueue_mail
from accounts.services.passwords import check_password_strength
from accounts.services.people import check_fields, register_user, store_user
from kernel import audit
from kernel.errors import Invalid


def sign_up(*, email: str, username: str, password: str) -> User:
    """Register a stranger; raises `Invalid` naming each field that is malformed, too weak or, a username, taken.

    Where mail is configured the answer is a user that is not stored, the same whether the address had an account or
    not: its owner learns the rest by mail. An account whose owner has not confirmed yet begins anew, so that nobody
    can lie in wait with another's address and a password of their own.
    """
    if not mail_is_configured():
        return register_user(email=email, username=username, password=password)
    owner: User | None = User.objects.select_related("company").called(email).first()
    if owner is None or owner.awaits_confirmation:
        _register(owner or User(email=email, awaits_confirmation=True), username, password)
    else:
        _tell_owner(owner, User(email=email, username=username), password)
    return User(email=normal_email(email), username=username)


def _register(user: User, username: str, password: str) -> None:
    user.username = username
    check_fields(user)
    check_password_strength(password, user)
    user.set_password(password)
    with transaction.atomic():
        if user.pk and not User.objects.select_for_update().filter(pk=user.pk, awaits_confirmation=True).exists():
            # Confirmed in this very moment: it is its owner's now.
            _refuse(user)
            return
        store_user(user)
        end_links(user=user, kind=MailKind.CONFIRM)
        enqueue_mail(user=user, kind=MailKind.CONFIRM)
        audit.record("user.registered", target=f"user:{user.pk}", detail={"role": user.role})


def _tell_owner(owner: User, applicant: User, password: str) -> None:
    """As much work as a registration, to the same end for whoever asks."""
    try:
        check_fields(applicant)
    except Invalid as error:
        if others := {name: faults for name, faults in (error.errors or {}).items() if name != "email"}:
            raise Invalid(errors=others) from None
    check_password_strength(password, applicant)
    applicant.set_password(password)
    _refuse(owner)


@transaction.atomic
def _refuse(owner: User) -> None:
    enqueue_mail(user=owner, kind=MailKind.TAKEN)
    audit.record("user.registration_refused", target=f"user:{owner.pk}")
