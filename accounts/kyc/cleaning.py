"""What an uploaded file is, by its bytes, and a copy of it that holds nothing but what is seen."""

import logging
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from accounts.kyc import cleaner
from accounts.kyc.errors import FileRefused
from kernel.errors import Unavailable

logger = logging.getLogger(__name__)

TIME_LIMIT = 30.0
AT_ONCE, WAIT_FOR_TURN = 2, 30.0
_turns = threading.BoundedSemaphore(AT_ONCE)

# How each kind begins; only at the very first byte, where a file that is two things at once rarely is this one.
SIGNATURES = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png", b"%PDF-": "pdf"}
CONTENT_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "pdf": "application/pdf"}
EXTENSIONS = {"image/jpeg": ".jpg", "image/png": ".png", "application/pdf": ".pdf"}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean copy, at its beginning, and what it is. Close it."""

    file: BinaryIO
    content_type: str
    size: int


def clean(source: BinaryIO) -> Cleaned:
    """A clean copy of the JPEG, PNG or PDF in `source`, a file on disk; raises `FileRefused` for anything else.

    Decoding happens in a process of its own that has limits on memory and time; only so many at once.
    """
    kind = _kind_of(source)
    output = tempfile.TemporaryFile()  # noqa: SIM115  whoever asked closes it
    try:
        _run(kind, source, output)
        size = output.seek(0, 2)
        output.seek(0)
    except BaseException:
        output.close()
        raise
    return Cleaned(output, CONTENT_TYPES[kind], size)


def _kind_of(source: BinaryIO) -> str:
    source.seek(0)
    start = source.read(max(map(len, SIGNATURES)))
    source.seek(0)
    for signature, kind in SIGNATURES.items():
        if start.startswith(signature):
            return kind
    raise FileRefused("Only JPEG, PNG and PDF files are taken." if start else "This file is empty.")


def _run(kind: str, source: BinaryIO, output: BinaryIO) -> None:
    if not _turns.acquire(timeout=WAIT_FOR_TURN):
        raise Unavailable("Too many documents are being read at the moment.", Retry_After="10")
    try:
        done = subprocess.run(  # noqa: S603  our own program, and nothing of the request among its arguments
            [sys.executable, "-I", str(Path(cleaner.__file__)), kind],
            stdin=source,
            stdout=output,
            stderr=subprocess.PIPE,
            env={},
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FileRefused("This file takes too long to read.") from None
    finally:
        _turns.release()
    if done.returncode == cleaner.REFUSED:
        raise FileRefused(done.stderr.decode(errors="replace")[:200])
    if done.returncode:
        logger.warning("the cleaner ended with %s: %s", done.returncode, done.stderr[-500:].decode(errors="replace"))
        raise FileRefused("This file cannot be read.")
