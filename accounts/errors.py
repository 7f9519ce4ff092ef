"""The ways in which signing in is refused."""

from http import HTTPStatus

from kernel.errors import Conflict, DomainError

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


class ScopeMissing(DomainError):
    """The API key was not made for this, or no API key may do it."""

    code = "scope_missing"
    status = HTTPStatus.FORBIDDEN
    message = "This API key does not allow that."


class TooManyApiKeys(Conflict):
    """Somebody has as many keys as anybody may have."""

    code = "too_many_api_keys"
    message = "Revoke a key before you make another."


class ReauthenticationRequired(DomainError):
    """The sign-in is too old for what is asked; `auth/reauthenticate` makes it fresh."""

    code = "reauth_required"
    status = HTTPStatus.FORBIDDEN
    message = "Prove your password or second factor again first."


class SecondFactorRequired(Unauthenticated):
    """The password is right; a `code` must come with it, or a passkey instead."""

    code = "mfa_required"
    message = "A code of your second factor is needed as well."


class WrongCode(Unauthenticated):
    """Neither a present, unused code of the authenticator nor a recovery code that is left."""

    code = "mfa_code_invalid"
    message = "The code is wrong or used up."


class PasskeyRefused(Unauthenticated):
    """Unknown, for another site, or in answer to another challenge."""

    code = "passkey_refused"
    message = "The passkey cannot be accepted."


class FactorExists(Conflict):
    """There is one already, and one is all there may be."""

    code = "mfa_exists"
    message = "You have an authenticator app already. Remove it first."


class NothingBegun(Conflict):
    """The first step of an enrolment was never taken, or too long ago."""

    code = "mfa_not_begun"
    message = "Begin the enrolment again."


class NoSecondFactor(Conflict):
    """Recovery codes stand in for a factor that is not there."""

    code = "mfa_not_enrolled"
    message = "Enrol an authenticator app or a passkey first."


class EnrolmentRequired(DomainError):
    """This role needs a second factor, and the caller has none yet."""

    code = "mfa_enrolment_required"
    status = HTTPStatus.FORBIDDEN
    message = "Your role needs a second factor. Enrol one first."


class EmailNotConfirmed(DomainError):
    """The password is right; the link in the mail has not been followed yet."""

    code = "email_not_confirmed"
    status = HTTPStatus.FORBIDDEN
    message = "Follow the link in the mail that we have sent you first. Registering again sends another."


class LinkNotValid(DomainError):
    """A token from a mail or an invitation that is unknown, used, too old, or whose time is over otherwise."""

    code = "link_not_valid"
    message = "This link is not valid any more. Ask for a new one."


class InvitedAnother(DomainError):
    """The invitation went to another address than that of the caller's account."""

    code = "invited_another"
    status = HTTPStatus.FORBIDDEN
    message = "This invitation is for another address. Sign in with the account that has it."


class InviteInstead(DomainError):
    """Only an administrator adds somebody unasked."""

    code = "invite_instead"
    status = HTTPStatus.FORBIDDEN
    message = "Invite people to your company: they join by accepting."


class TooManyInvitations(DomainError):
    """A company has sent as many invitations as it may, to one address or in all."""

    code = "too_many_invitations"
    status = HTTPStatus.TOO_MANY_REQUESTS
    message = "Too many invitations. Try again later."


class TooManyAttempts(DomainError):
    """Too many failures for one account or from one address; `Retry-After` says when to try again."""

    code = "too_many_attempts"
    status = HTTPStatus.TOO_MANY_REQUESTS
    message = "Too many failed attempts. Try again later."
