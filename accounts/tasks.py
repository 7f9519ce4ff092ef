"""What accounts do by themselves: clear away what broken uploads and failed removals have left behind."""

import logging
from datetime import timedelta

from django.db import transaction

from accounts.kyc import storage
from accounts.models import KycDocument, KycSubmission, SubmissionStatus
from accounts.services.kyc import forget_submissions
from kernel import clock
from kernel.background import report

logger = logging.getLogger(__name__)

UPLOADING_AT_MOST = timedelta(hours=1)


def sweep_kyc() -> int:
    """Forget submissions that never arrived, and files that no row tells of; how many those were.

    A row is written before its file: a file is listed first, its row looked for afterwards, so that none which is
    just being written is taken for an orphan. Raises `StoreUnavailable`.
    """
    left = _forget_unfinished()
    orphans = storage.names()
    orphans -= set(KycDocument.objects.filter(storage_key__in=orphans).values_list("storage_key", flat=True))
    for name in orphans:
        storage.remove(name)
    if left or orphans:
        logger.info("swept %d unfinished submissions and %d files without a row", left, len(orphans))
    report("kyc", "ok")
    return left + len(orphans)


@transaction.atomic
def _forget_unfinished() -> int:
    stale = KycSubmission.objects.select_for_update().filter(
        status=SubmissionStatus.UPLOADING, created_at__lt=clock.now() - UPLOADING_AT_MOST
    )
    return forget_submissions(stale)
