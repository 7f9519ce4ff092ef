"""Handing in identity documents, taking them back, having them erased."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Sum

from accounts.events import KycErased
from accounts.kyc import cleaning, scanning, storage
from accounts.kyc.errors import (
    FileRefused,
    NothingPending,
    QuotaExceeded,
    StoreUnavailable,
    Superseded,
    refused_document,
)
from accounts.kyc.filenames import shown_filename
from accounts.models import KycDocument, KycStatus, KycSubmission, SubmissionStatus, User, Verdict
from accounts.models.kyc import new_storage_key
from kernel import audit, clock, crypto
from kernel.errors import NotFound
from kernel.events import publish

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HandedIn:
    """One file as it came: `filename` is what its owner calls it, `sha256` in hex, `size` in bytes."""

    document_type: str
    filename: str
    file: BinaryIO
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A file that was scanned and cleaned, with the row it is going to be."""

    row: KycDocument
    file: BinaryIO
    key: bytes


def submit_documents(*, user: User, documents: Sequence[HandedIn]) -> KycSubmission:
    """Keep `documents` as the user's newest submission, which then waits for a reviewer.

    The very documents that wait already are that submission: somebody whose connection broke may ask again.
    Raises `Invalid` naming the document that is not taken, `QuotaExceeded`, `Superseded` where a newer one came in
    between, and `Unavailable` where scanner or store do not answer; of a submission that fails nothing is kept.
    """
    if told := _same_as_waiting(user, documents):
        return told
    _check_quota(user, documents)
    with ExitStack() as files:
        prepared = [_prepare(index, one, files) for index, one in enumerate(documents)]
        submission = _begin(user, prepared)
        try:
            for one in prepared:
                storage.put(one.row.storage_key, one.file, key=one.key, context=one.row.context)
            return _finish(user, submission)
        except BaseException:
            _abandon(submission, prepared)
            raise


def _same_as_waiting(user: User, documents: Sequence[HandedIn]) -> KycSubmission | None:
    waiting = KycSubmission.objects.filter(user=user, status=SubmissionStatus.PENDING).first()
    if waiting is None:
        return None
    kept = waiting.documents.values_list("document_type", "sha256")
    return waiting if sorted(kept) == sorted((one.document_type, one.sha256) for one in documents) else None


def _check_quota(user: User, documents: Sequence[HandedIn]) -> None:
    kept = KycDocument.objects.filter(submission__user=user).aggregate(bytes=Sum("kept_size"))["bytes"] or 0
    if kept + sum(document.size for document in documents) > settings.KYC_QUOTA:
        raise QuotaExceeded


def _prepare(index: int, document: HandedIn, files: ExitStack) -> _Prepared:
    try:
        verdict = scanning.scan(document.file)
        cleaned = cleaning.clean(document.file)
    except FileRefused as refusal:
        raise refused_document(index, str(refusal)) from None
    files.enter_context(cleaned.file)
    return _new_row(document, cleaned, verdict)


def _new_row(document: HandedIn, cleaned: cleaning.Cleaned, verdict: Verdict) -> _Prepared:
    key = crypto.new_data_key()
    row = KycDocument(
        document_type=document.document_type,
        filename=shown_filename(document.filename, cleaned.content_type),
        content_type=cleaned.content_type,
        size=document.size,
        sha256=document.sha256,
        kept_size=cleaned.size,
        storage_key=new_storage_key(),
        verdict=verdict,
    )
    row.wrapped_key = crypto.seal(key, context=row.context)
    return _Prepared(row, cleaned.file, key)


@transaction.atomic
def _begin(user: User, prepared: Iterable[_Prepared]) -> KycSubmission:
    """Write the rows before the files: whatever is in the store has a row that tells of it."""
    lock_applicant(user.pk)
    forget_submissions(KycSubmission.objects.filter(user=user, status=SubmissionStatus.UPLOADING))
    newest = KycSubmission.objects.filter(user=user).aggregate(version=Max("version"))["version"] or 0
    submission = KycSubmission.objects.create(user=user, version=newest + 1)
    for one in prepared:
        one.row.submission = submission
    KycDocument.objects.bulk_create([one.row for one in prepared])
    return submission


@transaction.atomic
def _finish(user: User, submission: KycSubmission) -> KycSubmission:
    """Let the submission take the place of an older one that still waits; raises `Superseded`."""
    lock_applicant(user.pk)
    own = KycSubmission.objects.filter(user=user)
    own.filter(status=SubmissionStatus.PENDING).update(status=SubmissionStatus.WITHDRAWN)
    arrived = own.filter(pk=submission.pk, status=SubmissionStatus.UPLOADING)
    if not arrived.update(status=SubmissionStatus.PENDING, submitted_at=clock.now()):
        raise Superseded
    follow_submissions(user)
    submission.refresh_from_db()
    kinds = [document.document_type for document in submission.documents.all()]
    audit.record("kyc.submitted", actor=user, target=target_of(submission), detail={"documents": kinds})
    return submission


def _abandon(submission: KycSubmission, prepared: Iterable[_Prepared]) -> None:
    """Leave nothing of a submission that failed. What cannot be undone now the sweep finds later."""
    try:
        for one in prepared:
            storage.remove(one.row.storage_key)
        KycSubmission.objects.filter(pk=submission.pk, status=SubmissionStatus.UPLOADING).delete()
    except Exception:  # the first fault is the one to tell of
        logger.exception("a failed submission could not be undone; the sweep will")


@transaction.atomic
def withdraw(*, user: User) -> None:
    """Take back what waits for a decision; an older decision counts again. Raises `NothingPending`."""
    lock_applicant(user.pk)
    waiting = KycSubmission.objects.filter(user=user, status=SubmissionStatus.PENDING)
    found = waiting.first()
    if found is None:
        raise NothingPending
    waiting.update(status=SubmissionStatus.WITHDRAWN)
    follow_submissions(user)
    audit.record("kyc.withdrawn", actor=user, target=target_of(found))


@transaction.atomic
def erase(*, user: User) -> None:
    """Forget every document of `user` and what was said of them. That there were checks stays, for the audit."""
    lock_applicant(user.pk)
    own = KycSubmission.objects.filter(user=user)
    forget_submissions(own.filter(status=SubmissionStatus.UPLOADING))
    forget_documents(KycDocument.objects.filter(submission__user=user))
    erased = own.update(status=SubmissionStatus.WITHDRAWN, reason="")
    follow_submissions(user)
    if erased:
        publish(KycErased(user_id=user.pk))
        audit.record("kyc.erased", actor=user, target=f"user:{user.pk}", detail={"submissions": erased})


def lock_applicant(user_id: int) -> None:
    """Hold the person's row: what changes one person's submissions comes one after the other.

    Raises `NotFound` where the account was deleted meanwhile.
    """
    if User.objects.select_for_update(no_key=True).filter(pk=user_id).first() is None:
        raise NotFound


def follow_submissions(user: User) -> None:
    """Bring the user's own status in line with the newest submission that stands; inside a transaction."""
    newest = KycSubmission.objects.filter(user_id=user.pk).standing().order_by("-version").first()
    user.kyc_status = newest.status if newest else KycStatus.NOT_SUBMITTED
    user.save(update_fields=["kyc_status"])


def forget_submissions(submissions: Iterable[KycSubmission]) -> int:
    """Delete submissions with their documents, inside the transaction; how many those were."""
    forgotten = list(submissions)
    for submission in forgotten:
        forget_documents(submission.documents.all())
        submission.delete()
    return len(forgotten)


def forget_documents(documents: Iterable[KycDocument]) -> None:
    """Delete rows, and with each the only key to its file, inside the transaction; the files follow after it."""
    for document in list(documents):
        transaction.on_commit(partial(_remove_later, document.storage_key), robust=True)
        document.delete()


def _remove_later(name: str) -> None:
    try:
        storage.remove(name)
    except StoreUnavailable:
        logger.warning("a forgotten file is still in the store; the sweep removes it")


def target_of(submission: KycSubmission) -> str:
    return f"kyc_submission:{submission.pk}"
