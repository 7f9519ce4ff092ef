"""The mails that jobs send, so that no request waits for a mail server; importing this registers the jobs."""

from typing import Any

from accounts import services
from accounts.models import Invitation, KycSubmission, MailKind, User
from accounts.services.companies import MAIL_INVITATION_JOB
from accounts.services.kyc_review import MAIL_REVIEW_JOB
from accounts.services.links import MAIL_LINK_JOB
from kernel.jobs import JobRun, job


@job(MAIL_LINK_JOB)
def mail_link(run: JobRun, user_id: int | None, mail: str) -> dict[str, Any]:
    """Mail the owner of an account a link; to nobody it is over at once."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    return {"sent": user is not None and services.mail_link(user=user, kind=MailKind(mail))}


@job(MAIL_INVITATION_JOB)
def mail_invitation(run: JobRun, invitation_id: int) -> dict[str, Any]:
    """Mail an invitation while it counts."""
    invitation = Invitation.objects.select_related("company").filter(pk=invitation_id).good().first()
    if invitation is None:
        return {"sent": False}
    services.mail_invitation(invitation=invitation)
    return {"sent": True}


@job(MAIL_REVIEW_JOB)
def mail_review(run: JobRun, submission_id: int) -> dict[str, Any]:
    """Mail an applicant the decision, unless it was erased since."""
    submission = KycSubmission.objects.select_related("user").filter(pk=submission_id).first()
    return {"sent": submission is not None and services.mail_review(submission=submission)}
