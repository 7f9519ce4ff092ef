"""Signing in, staying signed in, and signing out."""

import ipaddress
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from accounts import selectors, throttling
from accounts.errors import (
    EmailNotConfirmed,
    InvalidCredentials,
    InvalidToken,
    PasskeyRefused,
    SecondFactorRequired,
    Unauthenticated,
    WrongCode,
)
from accounts.events import SessionRevoked, UserRegistered
from accounts.factors import codes, passkeys
from accounts.letters import mail_is_configured
from accounts.models import LONGEST_USER_AGENT, Session, User
from accounts.tokens import TokenPair, claims_of, new_refresh_token, read_refresh_token, token_pair
from kernel import audit, clock
from kernel.events import publish

LONGEST_PASSWORD = 128
KEEP_ENDED_SESSIONS = timedelta(days=30)


def verify_credentials(*, login: str, password: str, code: str = "", address: str | None = None) -> User:
    """The active user whose email address or username is `login`, whose password this is, and whose `code`.

    Raises `TooManyAttempts` after too many failures of late, and `InvalidCredentials` alike for an unknown name, a
    wrong password and a deactivated account; each of the three takes as long as the others. Somebody with a second
    factor meets `SecondFactorRequired` where they bring no code, and `WrongCode`, a failure like any other.
    """
    user: User | None = User.objects.select_related("company").called(login).first()
    attempt = throttling.attempt(login, user, address)
    attempt.begin()
    proven = _proven(user, password)
    if proven is None:
        raise _failed(InvalidCredentials(), user)
    if proven.awaits_confirmation:
        if mail_is_configured():
            attempt.withdraw()
            raise EmailNotConfirmed
        welcome(user=proven)
    if selectors.has_second_factor(proven):
        if not code:
            # Neither a failure nor forgiven: else whoever knows the password could reset the count of guessed codes.
            attempt.withdraw()
            raise SecondFactorRequired
        if not codes.use_code(proven, code):
            raise _failed(WrongCode(), proven)
    attempt.succeeded()
    return proven


@transaction.atomic
def welcome(*, user: User) -> bool:
    """Let an account begin to live that waited for its address to be confirmed; false where it did not wait."""
    waited = User.objects.filter(pk=user.pk, awaits_confirmation=True).update(awaits_confirmation=False)
    user.awaits_confirmation = False
    if waited:
        publish(UserRegistered(user_id=user.pk))
    return bool(waited)


def _failed(error: Unauthenticated, user: User | None) -> Unauthenticated:
    """`error`, written down. Not with the name as it was typed: a password may have slipped into the field."""
    target = f"user:{user.pk}" if user else ""
    audit.record("session.sign_in_failed", actor=AnonymousUser(), target=target, detail={"reason": error.code})
    return error


def _proven(user: User | None, password: str) -> User | None:
    if len(password) > LONGEST_PASSWORD:
        return None
    if user is None:
        make_password(password)  # as long as a check takes, so that time does not tell who exists
        return None
    return user if user.check_password(password) and user.is_active else None


def sign_in(
    *, login: str, password: str, code: str = "", user_agent: str = "", address: str | None = None
) -> TokenPair:
    """Begin a session; raises as `verify_credentials` does."""
    user = verify_credentials(login=login, password=password, code=code, address=address)
    return begin_session(user=user, user_agent=user_agent, address=address)


def sign_in_by_passkey(
    *, challenge: str, credential: dict[str, Any], user_agent: str = "", address: str | None = None
) -> TokenPair:
    """Begin a session for the owner of the passkey that has answered `challenge`; raises `PasskeyRefused`."""
    try:
        user, _ = passkeys.complete_authentication(challenge, credential)
    except PasskeyRefused as error:
        raise _failed(error, None) from None
    if not user.is_active:
        raise _failed(PasskeyRefused(), user)
    return begin_session(user=user, user_agent=user_agent, address=address)


@transaction.atomic
def begin_session(*, user: User, user_agent: str = "", address: str | None = None) -> TokenPair:
    """Sign in `user`, who has proved to be who they say."""
    now = clock.now()
    session = Session(
        user=user,
        created_at=now,
        authenticated_at=now,
        last_used_at=now,
        user_agent=user_agent[:LONGEST_USER_AGENT],
        address=_known_address(address),
    )
    token = new_refresh_token(session)
    session.refresh_jti, session.expires_at = token["jti"], clock.from_epoch(token["exp"])
    session.save(force_insert=True)
    user.last_login = now
    user.save(update_fields=["last_login"])
    audit.record("session.signed_in", actor=user, target=_target(session), detail={"user_agent": session.user_agent})
    return token_pair(token)


def _known_address(address: str | None) -> str | None:
    try:
        return str(ipaddress.ip_address(address or ""))
    except ValueError:
        return None  # a Unix socket, a test client: not an address


def refresh(*, refresh_token: str) -> TokenPair:
    """Exchange a refresh token for a new pair; the old one is dead.

    Raises `InvalidToken`. A token that has been exchanged before is a stolen one, or its thief has the newer: the
    whole session ends. Of two exchanges at once one wins, and the other is merely refused.
    """
    token = read_refresh_token(refresh_token)
    session = selectors.session_of(claims_of(token))
    if session.refresh_jti != token["jti"]:
        revoke_session(session=session, reason="a used refresh token was shown again")
        raise InvalidToken
    return rotate(session=session)


def rotate(*, session: Session) -> TokenPair:
    """Replace the refresh token that `session` was read with; raises `InvalidToken` if another was quicker."""
    token = new_refresh_token(session)
    moved = Session.objects.filter(pk=session.pk, refresh_jti=session.refresh_jti, revoked_at__isnull=True).update(
        refresh_jti=token["jti"], last_used_at=clock.now(), expires_at=clock.from_epoch(token["exp"])
    )
    if not moved:
        raise InvalidToken
    return token_pair(token)


@transaction.atomic
def sign_out(*, session: Session) -> None:
    """End `session` by its owner's wish: its tokens are refused from now on and its sockets close.

    Once is enough, twice is harmless.
    """
    for ended in _end([session]):
        audit.record("session.signed_out", actor=ended.user, target=_target(ended))


@transaction.atomic
def revoke_session(*, session: Session, reason: str) -> None:
    """End `session` for another reason than that it signs out itself."""
    _revoke([session], reason)


@transaction.atomic
def revoke_sessions(*, user: User, reason: str = "", keep: Session | None = None) -> int:
    """End every live session of `user` except `keep`; how many."""
    return _revoke([session for session in selectors.open_sessions(user) if session != keep], reason)


def _revoke(sessions: Iterable[Session], reason: str) -> int:
    ended = _end(sessions)
    for session in ended:
        audit.record("session.revoked", target=_target(session), detail={"user": session.user_id, "reason": reason})
    return len(ended)


def _end(sessions: Iterable[Session]) -> list[Session]:
    """End those that have not ended yet; which. All are ended before any is written down: see `kernel.audit`."""
    now = clock.now()
    live = Session.objects.filter(revoked_at__isnull=True)
    ended = [session for session in sessions if live.filter(pk=session.pk).update(revoked_at=now)]
    for session in ended:
        publish(SessionRevoked(session_id=str(session.pk), user_id=session.user_id))
    return ended


def _target(session: Session) -> str:
    return f"session:{session.pk}"


def forget_old_sessions() -> int:
    """Delete sessions that ended long ago; the number of rows."""
    return Session.objects.filter(expires_at__lt=clock.now() - KEEP_ENDED_SESSIONS).delete()[0]
