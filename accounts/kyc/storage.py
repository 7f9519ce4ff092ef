"""Keeping documents: encrypted here, whole or not at all, wherever `default_storage` is."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from django.core.files import File
from django.core.files.storage import default_storage

from accounts.kyc.errors import StoreUnavailable
from kernel.crypto import decrypt_file, encrypt_file

logger = logging.getLogger(__name__)

FOLDER = "kyc"


@contextmanager
def _at_the_store(doing: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the store is another process, and each back end has its own names for its faults
        logger.exception("the file store failed while %s", doing)
        raise StoreUnavailable from error


def put(name: str, source: BinaryIO, *, key: bytes, context: str) -> None:
    """Keep `source` encrypted under `name`; raises `StoreUnavailable`, and then nothing is kept."""
    with tempfile.TemporaryFile() as sealed:
        for piece in encrypt_file(source, key=key, context=context):
            sealed.write(piece)
        sealed.seek(0)
        with _at_the_store("keeping a document"):
            kept = default_storage.save(name, File(sealed, name))
            if kept != name:
                default_storage.delete(kept)
                raise FileExistsError(name)


def read(name: str, *, key: bytes, context: str) -> Iterator[bytes]:
    """What is kept under `name`, decrypted piece by piece; raises `StoreUnavailable` and `NotReadable`."""
    with _at_the_store("opening a document"):
        sealed = default_storage.open(name)
        sealed.seek(0)  # some back ends fetch only now
    with sealed:
        yield from decrypt_file(sealed, key=key, context=context)


def remove(name: str) -> None:
    """Forget what is kept under `name`, if anything is; raises `StoreUnavailable`."""
    with _at_the_store("removing a document"):
        default_storage.delete(name)


def names() -> set[str]:
    """Everything that is kept; raises `StoreUnavailable`."""
    with _at_the_store("listing the documents"):
        try:
            _, files = default_storage.listdir(FOLDER)
        except FileNotFoundError:
            return set()  # nothing has been kept yet
    return {f"{FOLDER}/{name}" for name in files}
