"""Virus scanners by name, as `KYC_SCANNER` chooses: none, or ClamAV's daemon."""

import logging
from collections.abc import Callable
from typing import BinaryIO

from clamav_client.clamd import ClamdError, ClamdNetworkSocket
from django.conf import settings

from accounts.kyc.errors import FileRefused, ScannerUnavailable
from accounts.models import Verdict

logger = logging.getLogger(__name__)


def scan(file: BinaryIO) -> Verdict:
    """What the configured scanner says of `file`; raises `FileRefused` for an infected one, `ScannerUnavailable`."""
    file.seek(0)
    verdict = SCANNERS[settings.KYC_SCANNER](file)
    file.seek(0)
    return verdict


def _no_scan(file: BinaryIO) -> Verdict:
    return Verdict.UNSCANNED


def _ask_clamav(file: BinaryIO) -> Verdict:
    daemon = ClamdNetworkSocket(settings.CLAMAV_HOST, settings.CLAMAV_PORT, timeout=settings.CLAMAV_TIMEOUT)
    try:
        status, name = daemon.instream(file).get("stream", ("", None))
    except (ClamdError, OSError, ValueError) as error:  # down, silent, cut off, or talking nonsense
        logger.warning("the virus scanner gave no verdict: %r", error)
        raise ScannerUnavailable from error
    if status == "FOUND":
        logger.warning("an uploaded document was infected: %s", name)
        raise FileRefused("The virus scanner refuses this file.")
    if status != "OK":
        raise ScannerUnavailable
    return Verdict.CLEAN


SCANNERS: dict[str, Callable[[BinaryIO], Verdict]] = {"none": _no_scan, "clamav": _ask_clamav}
