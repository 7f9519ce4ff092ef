"""Access and refresh tokens: who, in which session, until when, signed."""

import uuid
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from rest_framework_simplejwt import tokens as jwt
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.utils import get_md5_hash_password

from accounts.errors import InvalidToken
from accounts.models import Session

LONGEST_TOKEN = 4_096
SESSION_CLAIM = "sid"
HASH_CLAIM = "hash_password"


class AccessToken(jwt.AccessToken):
    """A credential of minutes, for REST and sockets. `session` is set once it has been found in the database."""

    session: Session

    @property
    def expires_at(self) -> float:
        """Epoch seconds."""
        return float(self.payload["exp"])


class RefreshToken(jwt.RefreshToken):
    """A credential of days, good for one exchange."""

    access_token_class = AccessToken


@dataclass(frozen=True, slots=True, repr=False)
class TokenPair:
    """What signing in and refreshing answer; `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "bearer"  # noqa: S105  a word of the protocol


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token of ours says, before the database has confirmed it."""

    session_id: uuid.UUID
    user_id: int
    password_hash: str
    expires_at: float


def new_refresh_token(session: Session) -> RefreshToken:
    """A token for `session` that dies with its owner's present password."""
    token = cast(RefreshToken, RefreshToken.for_user(session.user))
    token[SESSION_CLAIM] = str(session.pk)
    return token


def token_pair(refresh: RefreshToken) -> TokenPair:
    lifetime = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]
    return TokenPair(str(refresh.access_token), str(refresh), int(lifetime.total_seconds()))


def read_access_token(text: str | bytes) -> AccessToken:
    """The token in `text`; raises `InvalidToken` unless it is a good access token of ours."""
    return cast(AccessToken, _read(AccessToken, text))


def read_refresh_token(text: str | bytes) -> RefreshToken:
    """The token in `text`; raises `InvalidToken` unless it is a good refresh token of ours."""
    return cast(RefreshToken, _read(RefreshToken, text))


def _read(kind: type[Any], text: str | bytes) -> Any:
    raw = text.encode("ascii", "replace") if isinstance(text, str) else text
    if len(raw) > LONGEST_TOKEN:
        raise InvalidToken
    try:
        return kind(raw)
    except TokenError:
        raise InvalidToken from None


def claims_of(token: jwt.Token) -> Claims:
    """What `token` says of its owner; raises `InvalidToken` where it does not say enough."""
    try:
        return Claims(
            session_id=uuid.UUID(str(token[SESSION_CLAIM])),
            user_id=int(token["user_id"]),
            password_hash=str(token[HASH_CLAIM]),
            expires_at=float(token["exp"]),
        )
    except (KeyError, ValueError, TypeError):
        raise InvalidToken from None


def password_mark(password: str) -> str:
    """What tokens carry of a stored password hash, so that they die when it changes."""
    return get_md5_hash_password(password)
