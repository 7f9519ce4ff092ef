"""Second factors: enrolled in two steps, removed, and used to make a sign-in fresh."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db import IntegrityError, transaction

from accounts import selectors, throttling
from accounts.errors import FactorExists, NoSecondFactor, NothingBegun, PasskeyRefused
from accounts.factors import codes, passkeys
from accounts.models import Session, User
from accounts.services.sessions import LONGEST_PASSWORD, revoke_sessions
from kernel import audit, clock
from kernel.crypto import open_sealed, seal
from kernel.errors import Invalid

ENROLMENT_LIFETIME = 10 * 60  # seconds between the two steps
MOST_PASSKEYS = 20


@dataclass(frozen=True, slots=True, repr=False)
class TotpEnrolment:
    """What an authenticator app is given: the secret in base32, the same as a URL, and that as a QR code in SVG."""

    secret: str
    otpauth_url: str
    qr_svg: str


def enrol_totp(*, session: Session) -> TotpEnrolment:
    """Begin to enrol an authenticator app; it counts once `confirm_totp` has seen a code of it.

    Raises `FactorExists` where there is one already.
    """
    user = session.user
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        raise FactorExists
    secret = codes.new_secret()
    context = _context(session)
    cache.set(context, seal(secret.encode(), context=context), ENROLMENT_LIFETIME)
    url = codes.otpauth_url(user, secret)
    return TotpEnrolment(secret, url, codes.qr_svg(url))


def confirm_totp(*, session: Session, code: str) -> list[str]:
    """Finish the enrolment that `session` has begun; the recovery codes, where this is the first factor.

    Raises `NothingBegun`, `FactorExists`, and `Invalid` naming a wrong `code`.
    """
    context, user = _context(session), session.user
    sealed = cache.get(context)
    if sealed is None:
        raise NothingBegun
    secret = open_sealed(sealed, context=context).decode()
    step = codes.step_of(secret, code)
    if step is None:
        raise Invalid.field("code", "This is not the present code of the app.")
    try:
        with transaction.atomic():
            factor = codes.activate_totp(user, secret, step)
            recovery = _enrolled(session, factor)
    except IntegrityError:
        raise FactorExists from None
    cache.delete(context)
    return recovery


def begin_passkey(*, user: User) -> tuple[str, dict[str, Any]]:
    """A challenge token and the options for a browser to make a passkey; raises `FactorExists` at the limit."""
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).count() >= MOST_PASSKEYS:
        raise FactorExists("You have as many passkeys as anybody may have.")
    return passkeys.begin_registration(user)


@transaction.atomic
def confirm_passkey(
    *, session: Session, challenge: str, credential: dict[str, Any], name: str
) -> tuple[Authenticator, list[str]]:
    """Keep the passkey that has answered `challenge`, and the recovery codes, where it is the first factor.

    Raises `Invalid` naming a faulty `credential`.
    """
    try:
        factor = passkeys.complete_registration(session.user, challenge, credential, name)
    except PasskeyRefused as error:
        raise Invalid.field("credential", error.message) from None
    return factor, _enrolled(session, factor)


def _enrolled(session: Session, factor: Authenticator) -> list[str]:
    """With the first factor come recovery codes, and sign-ins that were made without one end."""
    user = session.user
    is_first = selectors.second_factors(user).count() == 1
    recovery = codes.new_recovery_codes(user) if is_first else []
    if is_first:
        revoke_sessions(user=user, keep=session)
    audit.record("mfa.enrolled", actor=user, target=_target(factor), detail={"type": factor.type})
    return recovery


@transaction.atomic
def replace_recovery_codes(*, user: User) -> list[str]:
    """Ten new recovery codes, the old ones being worth nothing; raises `NoSecondFactor` where there is no other."""
    if not selectors.has_second_factor(user):
        raise NoSecondFactor
    new = codes.new_recovery_codes(user)
    audit.record("mfa.recovery_codes_replaced", actor=user, target=f"user:{user.pk}")
    return new


@transaction.atomic
def remove_factor(*, factor: Authenticator) -> None:
    """Forget `factor`, and the recovery codes with the last one."""
    user, target, detail = factor.user, _target(factor), {"type": factor.type}
    factor.delete()
    if not selectors.has_second_factor(user):
        selectors.second_factors(user).delete()
    audit.record("mfa.removed", target=target, detail=detail)


def reauthenticate(
    *,
    session: Session,
    password: str = "",
    code: str = "",
    challenge: str = "",
    credential: dict[str, Any] | None = None,
    address: str | None = None,
) -> datetime:
    """Make `session` fresh by one proof: the password, a code, or a passkey's answer; since when it is fresh.

    Raises `Invalid` naming what was wrong, and `TooManyAttempts` to those who guess.
    """
    user = session.user
    attempt = throttling.attempt(user.username, user, address)
    attempt.begin()
    if password:
        field, is_proven = "password", len(password) <= LONGEST_PASSWORD and user.check_password(password)
    elif code:
        field, is_proven = "code", codes.use_code(user, code)
    else:
        field, is_proven = "credential", _is_own_passkey(user, challenge, credential or {})
    if not is_proven:
        raise Invalid.field(field, "This does not prove that it is you.")
    attempt.succeeded()
    session.authenticated_at = clock.now()
    session.save(update_fields=["authenticated_at"])
    return session.authenticated_at


def _is_own_passkey(user: User, challenge: str, credential: dict[str, Any]) -> bool:
    try:
        return passkeys.complete_authentication(challenge, credential)[0] == user
    except PasskeyRefused:
        return False


def _context(session: Session) -> str:
    return f"mfa.enrolment:{session.pk}"


def _target(factor: Authenticator) -> str:
    return f"mfa:{factor.pk}"
