"""The ways in which an identity check does not go on."""

from http import HTTPStatus
from typing import Any

from kernel.errors import Conflict, DomainError, Forbidden, Invalid, Unavailable


class FileRefused(Exception):
    """One file is not taken; the text says why, and whoever knows its place turns it into an answer."""


def refused_document(index: int, message: str) -> Invalid:
    """400 naming the document, counted from 0 as in the request."""
    return Invalid.field(f"documents.{index}", message)


class FileTooLarge(DomainError):
    code = "file_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    message = "A file is too large."


class QuotaExceeded(DomainError):
    code = "kyc_quota_exceeded"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    message = "You have handed in too much already. Have it erased first."


class ScannerUnavailable(Unavailable):
    code = "scanner_unavailable"
    message = "The virus scanner is not available at the moment. Nothing was kept."

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"Retry_After": "30", **options})


class StoreUnavailable(Unavailable):
    code = "storage_unavailable"
    message = "The file store is not available at the moment."

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"Retry_After": "30", **options})


class DocumentUnreadable(Unavailable):
    code = "document_unreadable"
    message = "This document was damaged or its key is gone."


class Superseded(Conflict):
    code = "kyc_superseded"
    message = "A newer submission, or its withdrawal, came in between. Nothing of this one was kept."


class NothingPending(Conflict):
    code = "kyc_nothing_pending"
    message = "No identity check is waiting for its decision."


class AlreadyDecided(Conflict):
    code = "kyc_already_decided"
    message = "This identity check is not waiting for a decision any more."


class SecondReviewerNeeded(Conflict):
    code = "kyc_second_reviewer_needed"
    message = "You have approved this already; a second reviewer has to agree."


class OwnDocuments(Forbidden):
    code = "kyc_own_documents"
    message = "Nobody reviews their own documents."


class KycRequired(Forbidden):
    code = "kyc_required"
    message = "This needs an approved identity check."
