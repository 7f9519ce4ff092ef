"""Reading accounts: whose token this is, where somebody is signed in."""

import hmac

from django.db.models import QuerySet

from accounts.errors import InvalidToken
from accounts.models import Session, User
from accounts.tokens import AccessToken, Claims, claims_of, password_mark, read_access_token


def session_of(claims: Claims) -> Session:
    """The live session that `claims` name, with its user and company, in one query; else raises `InvalidToken`."""
    session = (
        Session.objects.select_related("user__company").filter(pk=claims.session_id, user_id=claims.user_id).first()
    )
    if session is None or not session.is_live or not session.user.is_active:
        raise InvalidToken
    if not hmac.compare_digest(claims.password_hash, password_mark(session.user.password)):
        raise InvalidToken
    return session


def authenticate_token(text: str | bytes) -> AccessToken:
    """The access token in `text` with its live `session`; raises `InvalidToken` for any other."""
    token = read_access_token(text)
    token.session = session_of(claims_of(token))
    return token


def open_sessions(user: User) -> QuerySet[Session]:
    """Where `user` is signed in, the most recently used first."""
    return Session.objects.filter(user=user).live()
