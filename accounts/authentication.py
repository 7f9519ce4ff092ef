"""Bearer tokens on REST requests: each is checked against its session and its owner in the database."""

from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken as TokenRefused

from accounts import selectors
from accounts.errors import InvalidToken
from accounts.models import User
from accounts.tokens import AccessToken


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
        return token.session.user, token


class OptionalSessionTokenAuthentication(SessionTokenAuthentication):
    """For pages that tell who is signed in: whoever brings a bad token is nobody, not an error."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:  # type: ignore[override]
        try:
            return super().authenticate(request)
        except AuthenticationFailed:
            return None
