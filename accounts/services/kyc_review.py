"""Deciding on identity checks: by reviewers, never on their own, once, and with two of them where that is asked."""

from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import letters
from accounts.events import KycReviewed
from accounts.kyc.errors import AlreadyDecided, OwnDocuments, SecondReviewerNeeded
from accounts.models import KycSubmission, SubmissionStatus, User
from accounts.models.kyc import DECIDED, LONGEST_REASON
from accounts.services.kyc import follow_submissions, lock_applicant, target_of
from kernel import audit, clock, jobs
from kernel.errors import Forbidden, Invalid
from kernel.events import publish
from kernel.permissions import REVIEWER, has_role

MAIL_REVIEW_JOB = "accounts.mail_review"


@transaction.atomic
def approve(*, submission: KycSubmission, reviewer: User) -> bool:
    """Approve; whether that decides it: with `KYC_TWO_EYES` the first of two approvals does not.

    Raises `Forbidden` and `OwnDocuments` to whoever may not, `AlreadyDecided` where another was quicker or a newer
    submission has come, and `SecondReviewerNeeded` to somebody who approves twice.
    """
    _check(submission, reviewer)
    if not settings.KYC_TWO_EYES:
        _decide(submission, reviewer, SubmissionStatus.APPROVED)
        return True
    if _update(submission, first=True, reviewer=reviewer):
        audit.record("kyc.approved_first", actor=reviewer, target=target_of(submission))
        return False
    if KycSubmission.objects.filter(pk=submission.pk, status=SubmissionStatus.PENDING, reviewer=reviewer).exists():
        raise SecondReviewerNeeded
    _decide(submission, reviewer, SubmissionStatus.APPROVED)
    return True


@transaction.atomic
def reject(*, submission: KycSubmission, reviewer: User, reason: str) -> None:
    """Reject with a `reason` that the applicant reads; one reviewer is enough.

    Raises `Invalid` naming a `reason` that is missing or too long, and as `approve` does.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Invalid.field("reason", f"A reason of at most {LONGEST_REASON} characters is needed.")
    _check(submission, reviewer)
    _decide(submission, reviewer, SubmissionStatus.REJECTED, reason=reason)


def _check(submission: KycSubmission, reviewer: User) -> None:
    if not has_role(reviewer, REVIEWER):
        raise Forbidden
    if submission.user_id == reviewer.pk:
        raise OwnDocuments
    lock_applicant(submission.user_id)


def _decide(submission: KycSubmission, reviewer: User, status: SubmissionStatus, reason: str = "") -> None:
    """One conditional update: of two reviewers at once, one decides. A first approval stays beside the second name."""
    fields: dict[str, Any] = {"status": status, "reviewed_at": clock.now(), "reason": reason}
    decided = _update(submission, first=False, second_reviewer=reviewer, **fields)
    if not decided and not _update(submission, first=True, reviewer=reviewer, **fields):
        raise AlreadyDecided
    submission.refresh_from_db()
    follow_submissions(submission.user)
    publish(KycReviewed(user_id=submission.user_id, submission_id=submission.pk, status=status))
    if letters.mail_is_configured():
        jobs.enqueue(kind=MAIL_REVIEW_JOB, submission_id=submission.pk)
    detail = {"user": submission.user_id, "version": submission.version}
    audit.record(f"kyc.{status}", actor=reviewer, target=target_of(submission), detail=detail)


def mail_review(*, submission: KycSubmission) -> bool:
    """Mail the applicant what was decided and why; the job's own work.

    False where the decision was erased, or its owner was shut out, since.
    """
    if submission.status not in DECIDED or not submission.user.is_active:
        return False
    letters.send(letters.identity_reviewed(submission), to=submission.user.email)
    return True


def _update(submission: KycSubmission, *, first: bool, **fields: Any) -> int:
    """Change the submission if it still waits and is, or is not, without a first reviewer."""
    waiting = KycSubmission.objects.filter(pk=submission.pk, status=SubmissionStatus.PENDING)
    return waiting.filter(reviewer__isnull=first).update(**fields)
