"""Reading accounts: whose token this is, where somebody is signed in."""

import hashlib
import hmac
import uuid
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import models
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.errors import InvalidToken
from accounts.kyc.errors import KycRequired
from accounts.models import ApiKey, Company, Invitation, KycDocument, KycStatus, KycSubmission, Role, Session, User
from accounts.tokens import AccessToken, Claims, claims_of, password_mark, read_access_token
from kernel import clock
from kernel.statements import Given, Statement

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
KEY_LABEL = "sbx"
LONGEST_KEY = 128


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever makes a request, as far as its answer hangs on them; the database's word, as everywhere."""

    pk: int
    role: str
    is_admin: bool
    is_staff: bool
    is_authenticated: bool = True


_SESSION = Statement(
    lambda: Session.objects.filter(pk=Given("id", models.UUIDField())).order_by(),
    "user_id", "revoked_at", "expires_at", "user__is_active", "user__password",
    "user__role", "user__is_superuser", "user__is_staff",
)  # fmt: skip


def authenticate_caller(text: str | bytes) -> Caller:
    """Whose access token `text` is, by the rules of `authenticate_token`; raises `InvalidToken` for any other.

    It costs a tenth, and knows no more than a short way needs.
    """
    claims = claims_of(read_access_token(text))
    row = _SESSION.first(id=claims.session_id)
    if row is None:
        raise InvalidToken
    user_id, revoked_at, expires_at, is_active, password, role, is_superuser, is_staff = row
    is_live = revoked_at is None and expires_at > clock.now()
    if user_id != claims.user_id or not is_live or not is_active:
        raise InvalidToken
    if not hmac.compare_digest(claims.password_hash, password_mark(password)):
        raise InvalidToken
    return Caller(user_id, role, is_superuser or role == Role.ADMIN, is_staff)


def session_of(claims: Claims) -> Session:
    """The live session that `claims` name, with its user and company, in one query; else raises `InvalidToken`."""
    return _checked(claims, _sessions_of([claims]).get(claims.session_id))


def _sessions_of(claims: Collection[Claims]) -> dict[uuid.UUID, Session]:
    return Session.objects.select_related("user__company").in_bulk([one.session_id for one in claims])


def _checked(claims: Claims, session: Session | None) -> Session:
    if session is None or session.user_id != claims.user_id or not session.is_live or not session.user.is_active:
        raise InvalidToken
    if not hmac.compare_digest(claims.password_hash, password_mark(session.user.password)):
        raise InvalidToken
    return session


def authenticate_token(text: str | bytes) -> AccessToken:
    """The access token in `text` with its live `session`; raises `InvalidToken` for any other."""
    token = read_access_token(text)
    token.session = session_of(claims_of(token))
    return token


def authenticate_tokens(texts: Iterable[str]) -> dict[str, AccessToken]:
    """The good access tokens among `texts`, each with its live `session`, in one query."""
    tokens: dict[str, AccessToken] = {}
    claims: dict[str, Claims] = {}
    for text in texts:
        with suppress(InvalidToken):
            tokens[text] = read_access_token(text)
            claims[text] = claims_of(tokens[text])
    sessions = _sessions_of(claims.values())
    for text, claim in claims.items():
        try:
            tokens[text].session = _checked(claim, sessions.get(claim.session_id))
        except InvalidToken:
            del tokens[text]
    return {text: tokens[text] for text in claims if text in tokens}


def administered_companies(user: User) -> QuerySet[Company]:
    """The companies whose members `user` may see and change: one's own as its administrator, all for an admin."""
    if not user.is_admin and user.role != Role.COMPANY_ADMIN:
        return Company.objects.none()
    # Counted from the table as a whole: what one's own row leads to counts oneself alone.
    visible = Company.objects.visible_to(user).values("pk")
    return Company.objects.filter(pk__in=visible).annotate(member_count=Count("members"))


def open_invitations(company: Company) -> QuerySet[Invitation]:
    """The invitations to `company` that can still be accepted, the newest first."""
    return Invitation.objects.filter(company=company).good().select_related("company")


def open_sessions(user: User) -> QuerySet[Session]:
    """Where `user` is signed in, the most recently used first."""
    return Session.objects.filter(user=user).live()


def authenticate_key(text: str) -> ApiKey:
    """The live API key that `text` is, with its user and company, in one query; else raises `InvalidToken`."""
    label, _, rest = text[:LONGEST_KEY].partition("_")
    prefix, _, secret = rest.partition("_")
    if label != KEY_LABEL or not prefix.isascii() or not prefix.isalnum():
        raise InvalidToken
    key = ApiKey.objects.select_related("user__company").filter(prefix=prefix).first()
    if key is None or not hmac.compare_digest(key.secret_hash, hash_of_secret(secret)):
        raise InvalidToken
    if not key.is_live or not key.user.is_active:
        raise InvalidToken
    return key


def hash_of_secret(secret: str) -> str:
    """What is kept of a key's secret.

    A plain SHA-256, because the secret is 256 random bits: there is nothing to guess that a slow hash would protect,
    and a machine's every request would pay for it.
    """
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def panel_session(session_key: str) -> tuple[User, datetime]:
    """Whoever is signed in to the control panel with this session, and until when; raises `InvalidToken`."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        raise InvalidToken
    return user, request.session.get_expiry_date()


class Enrollable(Protocol):
    """A `User`, or the `Caller` that stands for one."""

    @property
    def pk(self) -> Any: ...

    @property
    def is_staff(self) -> bool: ...


def has_second_factor(user: Enrollable) -> bool:
    """Whether `user` has an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists())


def must_enrol(user: Enrollable) -> bool:
    """Whether the role of `user` demands a second factor that they do not have."""
    return settings.MFA_REQUIRED_FOR_STAFF and user.is_staff and not has_second_factor(user)


def second_factors(user: User) -> QuerySet[Authenticator]:
    """Everything `user` can prove themselves with beside the password, recovery codes included, the oldest first."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user=user).order_by("created_at", "pk")
    return found


def api_keys(user: User) -> QuerySet[ApiKey]:
    """The keys of `user` that have not been revoked, the newest first; expired ones are shown as such."""
    return ApiKey.objects.filter(user=user, revoked_at__isnull=True)


def kyc_standing(user: User) -> dict[str, Any]:
    """How the identity check of `user` stands: `status, submitted_at, reviewed_at, reason, documents`."""
    newest = KycSubmission.objects.filter(user=user).standing().order_by("-version").first()
    return {
        "status": newest.status if newest else KycStatus.NOT_SUBMITTED,
        "submitted_at": newest.submitted_at if newest else None,
        "reviewed_at": newest.reviewed_at if newest else None,
        "reason": newest.reason or None if newest else None,
        "documents": newest.documents.all() if newest else KycDocument.objects.none(),
    }


def require_kyc(user: User, purpose: str) -> None:
    """Raise `KycRequired` where `purpose` needs an approved identity (`KYC_REQUIRED_FOR`) that `user` has not."""
    if purpose in settings.KYC_REQUIRED_FOR and user.kyc_status != KycStatus.APPROVED:
        raise KycRequired
