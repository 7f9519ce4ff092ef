"""Codes: six digits of an authenticator app, each good once, and the recovery codes for when it is lost."""

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import decrypt
from django.db import transaction

from accounts.factors.adapter import Adapter, secrets_of
from accounts.models import User
from kernel import clock

LONGEST_CODE = 20
_LAST_STEP = "last_step"


def new_secret() -> str:
    """160 random bits in base32, as RFC 4226 recommends."""
    return str(generate_totp_secret())


def otpauth_url(user: User, secret: str) -> str:
    """What a QR code for an authenticator app holds (Google's key URI format)."""
    return str(Adapter().build_totp_url(user, secret))


def qr_svg(url: str) -> str:
    return str(Adapter().build_totp_svg(url))


def step_of(secret: str, code: str, after: int = -1) -> int | None:
    """The time step (RFC 6238) that `code` belongs to, at most one away from now and later than `after`; or none."""
    present = int(clock.now().timestamp()) // app_settings.TOTP_PERIOD
    tolerance = app_settings.TOTP_TOLERANCE
    for step in range(max(after + 1, present - tolerance), present + tolerance + 1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            return step
    return None


def activate_totp(user: User, secret: str, step: int) -> Authenticator:
    """Keep `secret` as the app of `user`; the code of `step`, which has proved it, is used up."""
    with secrets_of(user.pk):
        found: Authenticator = TOTP.activate(user, secret).instance
    found.data[_LAST_STEP] = step
    found.save(update_fields=["data"])
    return found


@transaction.atomic
def use_code(user: User, code: str) -> bool:
    """Whether `code` is a present code of the app or a recovery code that is left; from now on it is neither.

    The step that was used is remembered in the row, under a lock: no cache can forget it, and of two who bring the
    same code at once one gets in.
    """
    if len(code) > LONGEST_CODE:
        return False
    rows = Authenticator.objects.select_for_update().filter(user=user)
    with secrets_of(user.pk):
        return any(_use(row, code) for row in rows)


def _use(row: Authenticator, code: str) -> bool:
    if row.type == Authenticator.Type.TOTP:
        step = step_of(decrypt(row.data["secret"]), code, after=row.data.get(_LAST_STEP, -1))
        if step is None:
            return False
        row.data[_LAST_STEP] = step
        row.last_used_at = clock.now()
        row.save(update_fields=["data", "last_used_at"])
        return True
    if row.type == Authenticator.Type.RECOVERY_CODES and RecoveryCodes(row).validate_code(code):
        Authenticator.objects.filter(pk=row.pk).update(last_used_at=clock.now())
        return True
    return False


def new_recovery_codes(user: User) -> list[str]:
    """Ten new codes, in place of those there were."""
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    with secrets_of(user.pk):
        return list(RecoveryCodes.activate(user).generate_codes())


def recovery_codes_left(row: Authenticator) -> int:
    """How many of the ten have not been used."""
    return int(app_settings.RECOVERY_CODE_COUNT) - int(row.data["used_mask"]).bit_count()
