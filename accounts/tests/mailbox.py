"""The mails that jobs have sent, and the tokens in them."""

import re

from django.core import mail

from kernel import jobs

LINK = re.compile(r"(\S+)/#(confirm-email|reset-password|invitation)=([A-Za-z0-9_-]+)")


def run_jobs() -> None:
    """What the server's runner does beside answering."""
    for job_id in jobs.due_jobs():
        jobs.run_job(job_id)


def sent() -> list[mail.EmailMessage]:
    """The mails since the last look."""
    run_jobs()
    found = list(mail.outbox)
    mail.outbox.clear()
    return found


def token_in(message: mail.EmailMessage) -> str:
    found = LINK.search(str(message.body))
    assert found, message.body
    return found.group(3)
