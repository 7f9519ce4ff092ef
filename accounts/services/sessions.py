"""Signing in, staying signed in, and signing out."""

import ipaddress
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts import selectors, throttling
from accounts.errors import InvalidCredentials, InvalidToken
from accounts.events import SessionRevoked
from accounts.models import LONGEST_USER_AGENT, Session, User
from accounts.tokens import TokenPair, claims_of, new_refresh_token, read_refresh_token, token_pair
from kernel import clock
from kernel.events import publish

LONGEST_PASSWORD = 128
KEEP_ENDED_SESSIONS = timedelta(days=30)


def verify_credentials(*, login: str, password: str, address: str | None = None) -> User:
    """The active user whose email address or username is `login` and whose password this is.

    Raises `TooManyAttempts` after too many failures of late, and `InvalidCredentials` alike for an unknown name, a
    wrong password and a deactivated account; each of the three takes as long as the others.
    """
    user: User | None = User.objects.select_related("company").called(login).first()
    attempt = throttling.attempt(login, user, address)
    attempt.check()
    proven = _proven(user, password)
    if proven is None:
        attempt.failed()
        raise InvalidCredentials
    attempt.succeeded()
    return proven


def _proven(user: User | None, password: str) -> User | None:
    if len(password) > LONGEST_PASSWORD:
        return None
    if user is None:
        make_password(password)  # as long as a check takes, so that time does not tell who exists
        return None
    return user if user.check_password(password) and user.is_active else None


def sign_in(*, login: str, password: str, user_agent: str = "", address: str | None = None) -> TokenPair:
    """Begin a session; raises as `verify_credentials` does."""
    user = verify_credentials(login=login, password=password, address=address)
    return _begin_session(user, user_agent, address)


@transaction.atomic
def _begin_session(user: User, user_agent: str, address: str | None) -> TokenPair:
    now = clock.now()
    session = Session(
        user=user,
        created_at=now,
        last_used_at=now,
        user_agent=user_agent[:LONGEST_USER_AGENT],
        address=_known_address(address),
    )
    token = new_refresh_token(session)
    session.refresh_jti, session.expires_at = token["jti"], clock.from_epoch(token["exp"])
    session.save(force_insert=True)
    user.last_login = now
    user.save(update_fields=["last_login"])
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
        sign_out(session=session)
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
    """End `session`: its tokens are refused from now on and its sockets close. Once is enough, twice is harmless."""
    if Session.objects.filter(pk=session.pk, revoked_at__isnull=True).update(revoked_at=clock.now()):
        publish(SessionRevoked(session_id=str(session.pk), user_id=session.user_id))


@transaction.atomic
def revoke_sessions(*, user: User, keep: Session | None = None) -> int:
    """End every live session of `user` except `keep`; how many."""
    ended = [session for session in selectors.open_sessions(user) if session != keep]
    for session in ended:
        sign_out(session=session)
    return len(ended)


def forget_old_sessions() -> int:
    """Delete sessions that ended long ago; the number of rows."""
    return Session.objects.filter(expires_at__lt=clock.now() - KEEP_ENDED_SESSIONS).delete()[0]
