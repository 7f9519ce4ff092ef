"""Secrets at rest: a ring of keys, sealed values bound to their row, and sealed files read piece by piece.

The first key of `settings.FIELD_KEYS` seals, all of them open. Nothing is ever given back that was not sealed here
for the very place it is read from: damage, another row's value and an unknown key are all `NotReadable`.
"""

import base64
import binascii
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
VERSION = b"\x01"
FILE_MAGIC = b"SBF1"
PREFIX_BYTES = 7  # of a chunk's nonce; its number and whether it is the last are the other five
CHUNK_BYTES = 64 * 1024

Sealed = bytes | memoryview  # as binary columns come, from one database or another

_KEY = re.compile(r"([A-Za-z0-9_-]{1,16}):([A-Za-z0-9+/_-]+={0,2})")


class Readable(Protocol):
    """A file or whatever reads like one."""

    def read(self, size: int, /) -> bytes: ...


class NotReadable(Exception):
    """What is stored was damaged, belongs to another place, or was sealed with a key that is not on the ring."""


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """Keys by name, of which `newest` seals. Its repr shows no key."""

    newest: str
    keys: dict[str, bytes]


def parse_keys(text: str) -> KeyRing:
    """The ring that `id:base64,id:base64` describes, each key of 32 bytes; raises `ValueError` saying what is wrong."""
    keys: dict[str, bytes] = {}
    for part in filter(None, (word.strip() for word in text.split(","))):
        match = _KEY.fullmatch(part)
        if match is None:
            raise ValueError("each key is written as id:base64")
        name, encoded = match.groups()
        if name in keys:
            raise ValueError(f"two keys are called {name}")
        keys[name] = _key_of(name, encoded)
    if not keys:
        raise ValueError("at least one key is needed")
    return KeyRing(next(iter(keys)), keys)


def _key_of(name: str, encoded: str) -> bytes:
    plain = encoded.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise ValueError(f"key {name} is not base64") from None
    if len(key) != KEY_BYTES or len(set(key)) < KEY_BYTES // 4:
        raise ValueError(f"key {name} must be {KEY_BYTES} random bytes")
    return key


@lru_cache(maxsize=4)
def _parsed(text: str) -> KeyRing:
    return parse_keys(text)


def ring() -> KeyRing:
    """The keys of this installation."""
    return _parsed(settings.FIELD_KEYS)


def seal(plaintext: bytes, *, context: str) -> bytes:
    """`plaintext` encrypted and bound to `context`, which names its place for good: table, column and row."""
    keys = ring()
    name = keys.newest.encode()
    header = VERSION + bytes([len(name)]) + name
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(keys.keys[keys.newest]).encrypt(nonce, plaintext, header + context.encode())
    return header + nonce + sealed


def open_sealed(sealed: Sealed, *, context: str) -> bytes:
    """What was sealed for `context`; raises `NotReadable`."""
    sealed = bytes(sealed)
    name, start = _key_name(sealed)
    key = ring().keys.get(name)
    if key is None:
        raise NotReadable("its key is not on the ring")
    nonce, body = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
    if len(body) < TAG_BYTES:
        raise NotReadable("it is cut short")
    try:
        return AESGCM(key).decrypt(nonce, body, sealed[:start] + context.encode())
    except InvalidTag:
        raise NotReadable("it is damaged or belongs elsewhere") from None


def is_sealed_by_newest(sealed: Sealed) -> bool:
    """Whether `sealed` need not be sealed again after a change of keys."""
    return _key_name(bytes(sealed))[0] == ring().newest


def reseal(sealed: Sealed, *, context: str) -> bytes:
    """The same content under the newest key; raises `NotReadable`."""
    return seal(open_sealed(sealed, context=context), context=context)


def _key_name(sealed: bytes) -> tuple[str, int]:
    """The name of the key, and where the nonce begins."""
    if len(sealed) < 2 or sealed[:1] != VERSION:
        raise NotReadable("it was not sealed here")
    end = 2 + sealed[1]
    return sealed[2:end].decode("ascii", "replace"), end


def new_data_key() -> bytes:
    """A key for one file, to be kept sealed in the file's row."""
    return AESGCM.generate_key(bit_length=8 * KEY_BYTES)


def encrypt_file(source: Readable, *, key: bytes, context: str) -> Iterator[bytes]:
    """`source` in sealed pieces, holding two of them at a time.

    The scheme is STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, 2015): each piece of 64 KiB is sealed by AES-256-GCM
    under a nonce that holds its number and whether it is the last, so that none can be moved, dropped or added.
    """
    prefix = os.urandom(PREFIX_BYTES)
    yield FILE_MAGIC + prefix
    cipher = AESGCM(key)
    for number, piece, is_last in _numbered(source, CHUNK_BYTES):
        yield cipher.encrypt(_nonce(prefix, number, is_last), piece, context.encode())


def decrypt_file(source: Readable, *, key: bytes, context: str) -> Iterator[bytes]:
    """The content that `encrypt_file` sealed, in pieces of which each is proven; raises `NotReadable` at a faulty one.

    A file that was cut short is found out at its last piece: compare what came with the length you know.
    """
    start = _read_fully(source, len(FILE_MAGIC) + PREFIX_BYTES)
    prefix = start[len(FILE_MAGIC) :]
    if not start.startswith(FILE_MAGIC) or len(prefix) != PREFIX_BYTES:
        raise NotReadable("it was not sealed here")
    cipher = AESGCM(key)
    for number, piece, is_last in _numbered(source, CHUNK_BYTES + TAG_BYTES):
        try:
            yield cipher.decrypt(_nonce(prefix, number, is_last), piece, context.encode())
        except InvalidTag:
            raise NotReadable("it is damaged or belongs elsewhere") from None


def _numbered(source: Readable, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Pieces of `size` bytes, each with its number and whether none follows; an empty source has one empty piece."""
    number, piece = 0, _read_fully(source, size)
    while following := _read_fully(source, size):
        yield number, piece, False
        number, piece = number + 1, following
    yield number, piece, True


def _read_fully(source: Readable, size: int) -> bytes:
    """Exactly `size` bytes unless the source ends: a socket gives what it has."""
    parts: list[bytes] = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _nonce(prefix: bytes, number: int, is_last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, is_last)
