"""A server that sends mail to people who are there already, in a world that tests of the page can turn."""

from email import message_from_string, policy
from pathlib import Path

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page

from accounts.tests.mail_server import MailServer
from accounts.tests.mailbox import LINK
from kernel import clock
from tests.browser import wait_until
from tests.server import PASSWORD, LiveServer

OTP_PERIOD = 30  # seconds
PEOPLE = """
import json
from accounts.models import Company, Role
from accounts.services import register_user
acme = Company.objects.create(slug="acme", name="Acme")
for name in %(names)r:
    register_user(username=name, email=f"{name}@example.com", password=%(password)r)
boss = register_user(username="boss", email="boss@example.com", password=%(password)r)
boss.company, boss.role = acme, Role.COMPANY_ADMIN
boss.save()
print(json.dumps(boss.pk))
"""
AGE = """
import json
from datetime import timedelta
from accounts.models import Session
from kernel import clock
print(json.dumps(Session.objects.filter(user__username=%(name)r).update(
    authenticated_at=clock.now() - timedelta(hours=1))))
"""
REJECT = """
import json
from accounts.models import KycSubmission, User
from accounts.services import reject_kyc
submission = KycSubmission.objects.get(user__username=%(name)r, status="pending")
reject_kyc(submission=submission, reviewer=User.objects.get(username="reviewer"), reason=%(reason)r)
print(json.dumps(submission.pk))
"""


class PeopleServer(LiveServer):
    """Where staff need a second factor, and the page is at the host that passkeys are bound to."""

    def __init__(self, folder: Path, mail: MailServer, **environment: str) -> None:
        super().__init__(
            folder,
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=str(mail.server_address[1]),
            EMAIL_USE_TLS="off",
            MFA_REQUIRED_FOR_STAFF="on",
            **environment,
        )
        self.site = self.environment["PUBLIC_BASE_URL"] = f"http://localhost:{self.port}"
        self.mail = mail

    def populate(self, *names: str) -> None:
        """`names` have accounts, and `boss` administers the company `acme`."""
        self.shell(PEOPLE % {"names": names, "password": PASSWORD})

    def let_sign_ins_age(self, name: str) -> None:
        """What `name` has proved was an hour ago."""
        assert self.shell(AGE % {"name": name}) > 0

    def reject(self, name: str, reason: str) -> None:
        """A reviewer turns down the documents of `name`."""
        self.shell(REJECT % {"name": name, "reason": reason})

    def newest_link(self, address: str) -> str | None:
        """The link in the newest mail to `address`, if any has come."""
        for raw in reversed(self.mail.messages):
            message = message_from_string(raw, policy=policy.default)
            if message["To"] == address:
                link = LINK.search(message.get_content())
                return link.group(0) if link else None
        return None

    def newest_subject(self, address: str) -> str | None:
        """What the newest mail to `address` is about, if any has come."""
        parsed = (message_from_string(raw, policy=policy.default) for raw in reversed(self.mail.messages))
        return next((str(message["Subject"]) for message in parsed if message["To"] == address), None)


def mailed(page: Page, server: PeopleServer, address: str) -> str:
    """The link that comes by mail to `address`."""
    wait_until(page, lambda: server.newest_link(address) is not None, f"no link has come to {address}")
    return str(server.newest_link(address))


def code_of(secret: str, later: int = 0) -> str:
    """What an app shows for `secret`, `later` codes from now."""
    step = int(clock.now().timestamp()) // OTP_PERIOD + later
    return str(format_hotp_value(hotp_value(secret.replace(" ", ""), step)))
