"""Choosing passwords: what is good enough, and what else ends when one changes."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import throttling
from accounts.models import Session, User
from accounts.services.keys import revoke_api_keys
from accounts.services.sessions import LONGEST_PASSWORD, revoke_sessions, rotate
from accounts.tokens import TokenPair
from kernel import audit
from kernel.errors import Invalid


def check_password_strength(password: str, user: User, field: str = "password") -> None:
    """Raise `Invalid` naming `field` unless `password` is long enough, uncommon and unlike its owner's names."""
    if len(password) > LONGEST_PASSWORD:
        # Before anything reads or hashes it.
        raise Invalid.field(field, f"A password may have {LONGEST_PASSWORD} characters.")
    if "\x00" in password:
        raise Invalid.field(field, "A password cannot hold a null character.")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid.field(field, *error.messages) from None


def change_password(
    *, session: Session, current_password: str, new_password: str, address: str | None = None
) -> TokenPair:
    """Give the session's owner a new password; every other session ends, and this one goes on with new tokens.

    Raises `Invalid` naming `current_password` or `new_password`, and `TooManyAttempts` to those who guess.
    """
    user = session.user
    attempt = throttling.attempt(user.username, user, address)
    attempt.begin()
    if len(current_password) > LONGEST_PASSWORD or not user.check_password(current_password):
        raise Invalid.field("current_password", "This is not your password.")
    attempt.succeeded()
    check_password_strength(new_password, user, field="new_password")
    with transaction.atomic():
        _store(user, new_password)
        pair = rotate(session=session)
        revoke_sessions(user=user, keep=session, reason="password changed")
        audit.record("password.changed", actor=user, target=f"user:{user.pk}")
        return pair


@transaction.atomic
def set_password(*, user: User, password: str | None) -> None:
    """Set another's password, or none that could ever fit, and end all their sessions."""
    _store(user, password)
    revoke_sessions(user=user, reason="password changed")
    audit.record("password.reset", target=f"user:{user.pk}", detail={"is_usable": password is not None})


def _store(user: User, password: str | None) -> None:
    """Whoever knew the old password may have made keys with it: they end with it."""
    user.set_password(password)
    user.save(update_fields=["password"])
    revoke_api_keys(user=user, reason="password changed")
