"""Reading a document: by its owner, or by a reviewer, of which is written down that they did."""

import logging
from collections.abc import Iterator
from itertools import chain
from uuid import UUID

from accounts.kyc import storage
from accounts.kyc.errors import DocumentUnreadable, OwnDocuments
from accounts.models import KycDocument, User
from kernel import audit
from kernel.crypto import NotReadable, open_sealed
from kernel.errors import NotFound

logger = logging.getLogger(__name__)


def open_document(
    *, reader: User, document_id: UUID | str, reviewing: bool = False
) -> tuple[KycDocument, Iterator[bytes]]:
    """The document and its content in pieces, for its owner or (audited) for whoever may review it.

    Raises `NotFound` for another's and for an unknown one alike, `OwnDocuments` to a reviewer who is `reviewing` and
    its owner, `StoreUnavailable`, and `DocumentUnreadable` where its first piece is not what was kept.
    """
    found = KycDocument.objects.visible_to(reader).select_related("submission").filter(pk=document_id).first()
    if found is None:
        raise NotFound
    owner_id = found.submission.user_id
    if owner_id == reader.pk and reviewing:
        raise OwnDocuments
    if owner_id != reader.pk:
        detail = {"user": owner_id, "submission": found.submission_id, "document_type": found.document_type}
        audit.record("kyc.document_viewed", actor=reader, target=f"kyc_document:{found.pk}", detail=detail)
    return found, _content(found)


def _content(document: KycDocument) -> Iterator[bytes]:
    try:
        key = open_sealed(document.wrapped_key, context=document.context)
        pieces = storage.read(document.storage_key, key=key, context=document.context)
        first = next(pieces, b"")  # so that a fault is an answer, not the broken end of one
    except NotReadable as error:
        logger.error("kyc document %s cannot be read: %s", document.pk, error)
        raise DocumentUnreadable from error
    return chain([first], pieces)
