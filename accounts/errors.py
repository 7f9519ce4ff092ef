"""The ways in which signing in is refused."""

from http import HTTPStatus

from kernel.errors import DomainError

CHALLENGE = "Bearer"


class Unauthenticated(DomainError):
    """401 with the challenge that HTTP asks for."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, message: str = "") -> None:
        super().__init__(message, WWW_Authenticate=CHALLENGE)


class InvalidCredentials(Unauthenticated):
    """The same for an unknown name, a wrong password and a deactivated account."""

    code = "invalid_credentials"
    message = "The name or the password is wrong."


class InvalidToken(Unauthenticated):
    """Forged, expired, revoked, of the wrong kind, or its owner may not sign in any more."""

    code = "token_not_valid"
    message = "The token is not valid."


class SessionNeeded(DomainError):
    """The caller's credential does not belong to a sign-in."""

    code = "session_needed"
    status = HTTPStatus.FORBIDDEN
    message = "This needs an access token from signing in."


class TooManyAttempts(DomainError):
    """Too many failures for one account or from one address; `Retry-After` says when to try again."""

    code = "too_many_attempts"
    status = HTTPStatus.TOO_MANY_REQUESTS
    message = "Too many failed attempts. Try again later."
