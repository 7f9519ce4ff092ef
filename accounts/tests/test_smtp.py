"""A mail through a real socket: what an SMTP server is told, signed in as configured."""

from collections.abc import Iterator
from email import message_from_string, policy
from typing import Any

import pytest

from accounts import services
from accounts.kyc.errors import AlreadyDecided
from accounts.models import KycSubmission, MailKind, Role, User
from accounts.tests.conftest import MakePerson
from accounts.tests.mail_server import MailServer
from accounts.tests.mailbox import LINK, run_jobs
from kernel import clock, jobs
from kernel.models import Job, JobStatus


@pytest.fixture
def server(settings: Any, db: None) -> Iterator[MailServer]:
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "box", "s3cret-word"
        settings.EMAIL_USE_TLS = False
        settings.DEFAULT_FROM_EMAIL = "Signalbox <box@example.com>"
        server.begin()
        yield server
        server.shutdown()


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


def test_what_the_server_refuses_is_logged_and_tried_again(
    server: MailServer, mia: User, caplog: pytest.LogCaptureFixture
) -> None:
    server.recipient_answer = "550 nobody here"
    services.links.enqueue_mail(user=mia, kind=MailKind.RESET)
    (job_id,) = jobs.due_jobs()
    jobs.run_job(job_id)
    job = Job.objects.get()
    assert (job.status, job.error) == (JobStatus.QUEUED, jobs.FAULT)
    assert "nobody here" in caplog.text
    assert "s3cret-word" not in caplog.text


REASON = "The photo is blurred: .\nPlease take another."


@pytest.fixture
def waiting(mia: User) -> KycSubmission:
    mia.first_name, mia.last_name = "Mia", "Muster"
    mia.save()
    return KycSubmission.objects.create(user=mia, version=1, status="pending")


@pytest.fixture
def rea(make_person: MakePerson) -> User:
    return make_person("rea", role=Role.REVIEWER)


def test_an_applicant_is_mailed_the_decision_and_its_reason_and_nothing_else_of_theirs(
    server: MailServer, settings: Any, waiting: KycSubmission, rea: User
) -> None:
    settings.PUBLIC_BASE_URL = "https://box.example.com"
    services.reject_kyc(submission=waiting, reviewer=rea, reason=REASON)
    with pytest.raises(AlreadyDecided):
        services.approve_kyc(submission=waiting, reviewer=rea)
    run_jobs()
    run_jobs()
    (raw,) = server.messages
    message = message_from_string(raw, policy=policy.default)
    assert (message["To"], message["Subject"]) == ("mia@example.com", "Your documents were not accepted")
    assert message.get_content_type() == "text/plain"
    text = message.get_content().replace("\r\n", "\n")
    assert REASON in text
    assert "https://box.example.com/" in text
    assert not [word for word in ("mia", "Mia", "Muster", "rea@", "passport") if word in text]


def test_of_two_who_have_to_approve_the_second_ones_word_is_mailed(
    server: MailServer, settings: Any, waiting: KycSubmission, rea: User, make_person: MakePerson
) -> None:
    settings.KYC_TWO_EYES = True
    services.approve_kyc(submission=waiting, reviewer=rea)
    run_jobs()
    assert server.messages == []
    services.approve_kyc(submission=waiting, reviewer=make_person("rob", role=Role.REVIEWER))
    run_jobs()
    (raw,) = server.messages
    assert "Your documents were approved" in raw


def test_what_was_erased_before_its_mail_went_out_is_not_mailed(
    server: MailServer, waiting: KycSubmission, rea: User, mia: User
) -> None:
    services.reject_kyc(submission=waiting, reviewer=rea, reason=REASON)
    assert "blurred" not in repr(list(Job.objects.values()))
    services.erase_kyc(user=mia)
    run_jobs()
    assert server.messages == []
    assert Job.objects.get().result == {"sent": False}


def test_a_decision_whose_mail_is_refused_stands_and_is_mailed_later(
    server: MailServer, waiting: KycSubmission, rea: User
) -> None:
    server.recipient_answer = "550 nobody here"
    services.approve_kyc(submission=waiting, reviewer=rea)
    run_jobs()
    waiting.refresh_from_db()
    assert (waiting.status, Job.objects.get().status) == ("approved", JobStatus.QUEUED)
    server.recipient_answer = ""
    Job.objects.update(run_after=clock.now())
    run_jobs()
    assert len(server.messages) == 1


def test_without_mail_a_decision_queues_none(waiting: KycSubmission, rea: User, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    services.approve_kyc(submission=waiting, reviewer=rea)
    assert not Job.objects.exists()
