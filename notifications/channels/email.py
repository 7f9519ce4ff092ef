"""E-mail, through whatever backend Django is set up with: SMTP, or a provider's API by way of anymail."""

from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused

from anymail.exceptions import AnymailAPIError, AnymailError
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email

from notifications.channels.base import DeliveryFailed, Field, Letter, Transport, Values, refuse, shortened

LONGEST_ADDRESS = 254
PERMANENT = 500


class Email(Transport):
    key = "email"
    label = "E-mail"
    reaches_one_person = True
    fields = (Field("address", "Address", "where the mails go"),)

    def check(self, values: Values) -> None:
        try:
            validate_email(values["address"])
        except ValidationError:
            raise refuse("address", "This is not a valid address.") from None
        if len(values["address"]) > LONGEST_ADDRESS:
            raise refuse("address", "This address is too long.")

    def address(self, values: Values) -> str:
        return values["address"]

    def identity(self, values: Values) -> str:
        return values["address"].lower()

    def send(self, values: Values, letter: Letter) -> None:
        message = EmailMessage(
            shortened(letter.line, 200), _body(letter), to=[values["address"]], headers=_headers(letter)
        )
        try:
            message.send()
        except SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            is_permanent = bool(codes) and min(codes) >= PERMANENT
            raise DeliveryFailed("The mail server refuses the address.", is_permanent=is_permanent) from None
        except SMTPDataError as error:
            is_permanent = error.smtp_code >= PERMANENT
            raise DeliveryFailed("The mail server refuses the message.", is_permanent=is_permanent) from None
        except AnymailAPIError as error:
            raise DeliveryFailed(f"The mail service answered {error.status_code}.") from None
        except (SMTPException, OSError, AnymailError) as error:
            raise DeliveryFailed(f"The mail server cannot be used ({type(error).__name__}).") from None


def _headers(letter: Letter) -> dict[str, str]:
    """The same `Message-ID` on every try, by which a mailbox knows a repeat."""
    site = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ")
    return {"Message-ID": f"<{letter.id}@{site}>", "Auto-Submitted": "auto-generated"}


def _body(letter: Letter) -> str:
    answer = f"Answer within a day:\n{letter.answer_url}" if letter.answer_url else ""
    parts = [letter.text or letter.line, answer, f"-- \nSignalbox, {settings.PUBLIC_BASE_URL}"]
    return "\n\n".join(part for part in parts if part) + "\n"
