"""Sealed values and files: read where they belong, and nowhere else."""

import base64
import io
import os
from typing import Any

import pytest

from kernel import crypto
from kernel.crypto import CHUNK_BYTES, NotReadable

OLD, NEW = (base64.b64encode(bytes([start + number for number in range(32)])).decode() for start in (0, 100))
HERE, THERE = "app.Thing.secret:1", "app.Thing.secret:2"
CANARY = b"canary-4711"


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.FIELD_KEYS = f"old:{OLD}"


def test_what_is_sealed_opens_in_its_place_and_is_not_readable_meanwhile() -> None:
    sealed = crypto.seal(CANARY, context=HERE)
    assert CANARY not in sealed
    assert crypto.open_sealed(sealed, context=HERE) == CANARY
    assert crypto.open_sealed(memoryview(sealed), context=HERE) == CANARY  # as PostgreSQL gives it
    assert crypto.seal(CANARY, context=HERE) != sealed, "the same secret twice does not look the same"


def test_a_value_moved_to_another_row_is_refused() -> None:
    with pytest.raises(NotReadable):
        crypto.open_sealed(crypto.seal(CANARY, context=HERE), context=THERE)


def test_a_value_changed_in_any_byte_or_cut_short_is_refused() -> None:
    sealed = crypto.seal(CANARY, context=HERE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(NotReadable):
            crypto.open_sealed(bytes(changed), context=HERE)
        with pytest.raises(NotReadable):
            crypto.open_sealed(sealed[:place], context=HERE)


def test_plain_text_planted_in_the_database_is_never_taken_for_a_secret() -> None:
    for planted in (b"", b"plain", b"\x01", b"\x01\xffx", CANARY * 10):
        with pytest.raises(NotReadable):
            crypto.open_sealed(planted, context=HERE)


def test_old_keys_read_and_the_newest_writes(settings: Any) -> None:
    sealed = crypto.seal(CANARY, context=HERE)
    settings.FIELD_KEYS = f"new:{NEW},old:{OLD}"
    assert crypto.open_sealed(sealed, context=HERE) == CANARY
    assert not crypto.is_sealed_by_newest(sealed)
    moved = crypto.reseal(sealed, context=HERE)
    assert crypto.is_sealed_by_newest(moved)
    settings.FIELD_KEYS = f"new:{NEW}"
    assert crypto.open_sealed(moved, context=HERE) == CANARY
    with pytest.raises(NotReadable):
        crypto.open_sealed(sealed, context=HERE)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "at least one"),
        ("nokey", "id:base64"),
        ("a:short", "not base64"),
        ("a:" + base64.b64encode(b"x" * 32).decode(), "32 random bytes"),
        (f"a:{OLD},a:{NEW}", "two keys"),
        (f"an identifier:{OLD}", "id:base64"),
    ],
)
def test_a_faulty_key_is_named_and_never_repeated(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as refused:
        crypto.parse_keys(text)
    assert text.partition(":")[2] not in str(refused.value) or not text.partition(":")[2]


def test_a_ring_does_not_show_its_keys() -> None:
    assert "\\x" not in repr(crypto.ring())
    assert OLD not in repr(crypto.ring())


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_file_comes_back_whatever_its_size(size: int) -> None:
    content, key = os.urandom(size), crypto.new_data_key()
    sealed = b"".join(crypto.encrypt_file(io.BytesIO(content), key=key, context=HERE))
    assert content[:64] not in sealed or size < 8
    assert b"".join(crypto.decrypt_file(Dripping(sealed), key=key, context=HERE)) == content


def test_a_file_is_read_and_written_in_pieces() -> None:
    class Watched(io.BytesIO):
        most = 0

        def read(self, size: int | None = -1) -> bytes:
            Watched.most = max(Watched.most, size if size is not None and size >= 0 else 10**9)
            return super().read(size)

    key = crypto.new_data_key()
    pieces = list(crypto.encrypt_file(Watched(bytes(10 * CHUNK_BYTES)), key=key, context=HERE))
    assert Watched.most <= CHUNK_BYTES
    assert max(map(len, pieces)) <= CHUNK_BYTES + 16


def test_a_file_with_pieces_changed_moved_dropped_or_added_is_refused() -> None:
    key = crypto.new_data_key()
    start, *pieces = crypto.encrypt_file(io.BytesIO(os.urandom(3 * CHUNK_BYTES)), key=key, context=HERE)
    first, second, third = pieces
    broken = {
        "changed": [first, second[:100] + bytes([second[100] ^ 1]) + second[101:], third],
        "swapped": [second, first, third],
        "dropped": [first, third],
        "without its end": [first, second],
        "twice": [first, second, third, third],
        "empty": [],
    }
    for parts in broken.values():
        with pytest.raises(NotReadable):
            list(crypto.decrypt_file(io.BytesIO(start + b"".join(parts)), key=key, context=HERE))


def test_a_file_under_another_row_or_key_is_refused() -> None:
    key = crypto.new_data_key()
    sealed = b"".join(crypto.encrypt_file(io.BytesIO(CANARY), key=key, context=HERE))
    for other_key, context in ((key, THERE), (crypto.new_data_key(), HERE)):
        with pytest.raises(NotReadable):
            list(crypto.decrypt_file(io.BytesIO(sealed), key=other_key, context=context))


class Dripping(io.BytesIO):
    """Gives less than it is asked for, as a network does."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size, 10_000) if size is not None and size > 0 else size)
