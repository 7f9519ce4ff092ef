"""A mail through a real socket: what an SMTP server is told, signed in as configured."""

import base64
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_string, policy
from typing import Any

import pytest

from accounts import services
from accounts.models import MailKind, User
from accounts.tests.mailbox import LINK
from kernel import jobs
from kernel.models import Job, JobStatus


class Conversation(socketserver.StreamRequestHandler):
    """The least of SMTP that a client needs to hand over one message."""

    server: Any

    def handle(self) -> None:
        self.say("220 test ready")
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            self.server.told.append(line)
            match verb.upper():
                case "EHLO":
                    self.say("250-test\r\n250 AUTH PLAIN")
                case "AUTH":
                    self.server.login = base64.b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")[1:]
                    self.say("235 in")
                case "RCPT" if self.server.refuses:
                    self.say("550 nobody here")
                case "DATA":
                    self.say("354 go on")
                    self.server.messages.append(self.until_dot())
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 fine")

    def until_dot(self) -> str:
        lines: list[str] = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        return "".join(lines)

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.told: list[str] = []
        self.messages: list[str] = []
        self.login: list[str] = []
        self.refuses = False


@pytest.fixture
def server(settings: Any, db: None) -> Iterator[MailServer]:
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "box", "s3cret-word"
        settings.EMAIL_USE_TLS = False
        settings.DEFAULT_FROM_EMAIL = "Signalbox <box@example.com>"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_reset_goes_from_the_request_through_the_server_to_a_new_password(server: MailServer, mia: User) -> None:
    services.request_password_reset(email="MIA@example.com")
    (job_id,) = jobs.due_jobs()
    jobs.run_job(job_id)
    assert Job.objects.get().status == JobStatus.SUCCEEDED, Job.objects.get().error
    assert server.login == ["box", "s3cret-word"]
    (raw,) = server.messages
    message = message_from_string(raw, policy=policy.default)
    assert (message["From"], message["To"]) == ("Signalbox <box@example.com>", "mia@example.com")
    found = LINK.search(message.get_content())
    assert found
    services.reset_password(token=found.group(3), password="another good one")
    mia.refresh_from_db()
    assert mia.check_password("another good one")


def test_what_the_server_refuses_is_seen_and_tried_again(server: MailServer, mia: User) -> None:
    server.refuses = True
    services.links.enqueue_mail(user=mia, kind=MailKind.RESET)
    (job_id,) = jobs.due_jobs()
    jobs.run_job(job_id)
    job = Job.objects.get()
    assert (job.status, "nobody here" in job.error) == (JobStatus.QUEUED, True)
    assert "s3cret-word" not in job.error
