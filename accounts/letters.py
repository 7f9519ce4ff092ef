"""The mails that accounts send: their words, and the links in them."""

from dataclasses import dataclass

from django.conf import settings
from django.core.mail import EmailMessage

from accounts.models import Company, KycSubmission, SubmissionStatus, User

LETTER = "{greeting},\n\n{text}\n\n-- \nSignalbox, {site}\n"


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str


def mail_is_configured() -> bool:
    """Whether this installation can send mail."""
    return bool(settings.EMAIL_HOST or settings.EMAIL_PROVIDER)


def send(letter: Letter, *, to: str, name: str = "") -> None:
    """Send `letter` now. Blocking: for jobs alone. Raises `OSError` or `SMTPException` where it is not accepted."""
    greeting = f"Hello {name}" if name else "Hello"
    text = LETTER.format(greeting=greeting, text=letter.text, site=settings.PUBLIC_BASE_URL)
    headers = {"Auto-Submitted": "auto-generated"}
    EmailMessage(letter.subject, text, to=[to], headers=headers).send()


def link(action: str, token: str) -> str:
    """Where the page takes `token`: behind the #, which no server or proxy is told and no log holds."""
    return f"{settings.PUBLIC_BASE_URL}/#{action}={token}"


def confirmation(user: User, token: str) -> Letter:
    return Letter(
        "Confirm your address",
        f'Somebody has registered as "{user.username}" with this address. If it was you, follow this link within an '
        f"hour:\n\n{link('confirm-email', token)}\n\nIf it was not, do nothing: nobody can sign in with that account.",
    )


def password_reset(user: User, token: str) -> Letter:
    return Letter(
        "Choose a new password",
        f'Somebody has asked to set a new password for "{user.username}". If it was you, follow this link within an '
        f"hour:\n\n{link('reset-password', token)}\n\nIf it was not, do nothing: your password stays as it is.",
    )


def address_taken(user: User) -> Letter:
    return Letter(
        "You have an account already",
        f'Somebody has tried to register with this address, which belongs to your account "{user.username}". If it was '
        "you, sign in, or ask for a new password if you have forgotten it. If it was not, do nothing.",
    )


def invitation(company: Company, token: str) -> Letter:
    return Letter(
        "You are invited",
        f"You are invited to join {company.name}. Sign in with the account of this address, or register with it, and "
        f"follow this link within an hour:\n\n{link('invitation', token)}",
    )


def identity_reviewed(submission: KycSubmission) -> Letter:
    """Says what was decided and why, and nothing of who it was decided on."""
    if submission.status == SubmissionStatus.APPROVED:
        return Letter(
            "Your identity is confirmed", f"Your documents were approved. Go on at {settings.PUBLIC_BASE_URL}/"
        )
    return Letter(
        "Your documents were not accepted",
        f"The reviewer's reason:\n\n{submission.reason}\n\nYou can hand in new ones: {settings.PUBLIC_BASE_URL}/",
    )
