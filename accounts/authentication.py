"""Who makes a REST request: an access token of a person or an API key of a machine, checked in the database."""

from datetime import timedelta
from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken as TokenRefused

from accounts import selectors, services
from accounts.errors import (
    CHALLENGE,
    EnrolmentRequired,
    InvalidToken,
    ReauthenticationRequired,
    ScopeMissing,
    SessionNeeded,
)
from accounts.models import ApiKey, User
from accounts.scopes import required_scope
from accounts.tokens import AccessToken
from kernel import clock

API_KEY_SCHEME = b"api-key"
FRESH_FOR = timedelta(minutes=5)


class SessionTokenAuthentication(JWTAuthentication):
    """`Authorization: Bearer` with an access token, which becomes `request.auth` with its `session`.

    Tokens elsewhere, in the URL above all, are not looked at. Role and company are the database's, never the
    token's.
    """

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:  # type: ignore[override]
        header = self.get_header(request)
        raw_token = self.get_raw_token(header) if header else None
        if raw_token is None:
            return None
        try:
            token = selectors.authenticate_token(raw_token)
        except InvalidToken as error:
            raise TokenRefused(error.message) from None
        _check_enrolment(request, token.session.user, token)
        return token.session.user, token


class OptionalSessionTokenAuthentication(SessionTokenAuthentication):
    """For pages that tell who is signed in: whoever brings a bad token is nobody, not an error."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:  # type: ignore[override]
        try:
            return super().authenticate(request)
        except AuthenticationFailed:
            return None


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key` with a key, which becomes `request.auth`.

    Its scopes are checked here, so that no view can forget to: `accounts.scopes` says which one a view needs.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        scheme, _, credential = get_authorization_header(request).partition(b" ")
        if scheme.lower() != API_KEY_SCHEME:
            return None
        try:
            key = selectors.authenticate_key(credential.decode("ascii", "replace").strip())
        except InvalidToken as error:
            raise TokenRefused(error.message) from None
        _check_enrolment(request, key.user, key)
        scope = required_scope(_view_of(request), request.method or "")
        if scope not in key.scopes:
            _known(request, key.user, key)
            raise ScopeMissing(f"The scope {scope} is needed." if scope else "No API key may do this.")
        services.note_use(key=key)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def require_fresh(request: Request) -> None:
    """Raise `ReauthenticationRequired` unless the caller has proved a password or second factor of late.

    What an intruder with a stolen token must not do asks for this. A machine cannot prove either: `SessionNeeded`.
    """
    if not isinstance(request.auth, AccessToken):
        raise SessionNeeded
    if request.auth.session.authenticated_at < clock.now() - FRESH_FOR:
        raise ReauthenticationRequired


def _check_enrolment(request: Request, user: User, credential: Any) -> None:
    # Views say `open_to_unenrolled` where somebody who has no second factor yet must come through to get one.
    if not getattr(_view_of(request), "open_to_unenrolled", False) and selectors.must_enrol(user):
        _known(request, user, credential)
        raise EnrolmentRequired


def _known(request: Request, user: User, credential: Any) -> None:
    """Who is refused is known all the same, to the audit trail and to whatever handles the error."""
    request.user, request.auth = user, credential


def _view_of(request: Request) -> Any:
    return (request.parser_context or {}).get("view")
