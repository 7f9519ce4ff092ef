"""Characters and numbers that no field means, in every field of every operation; bodies where none is read."""

from typing import Any

import msgspec
import pytest

from tests.sender import JSON, Sender, Shares
from tests.surface import fault_of, operations, with_body
from tests.world import World

pytestmark = pytest.mark.django_db

# Each is JSON by the letter; the field it stands in is named.
MEANINGLESS = {
    "NUL": rb'"a\u0000b"',
    "an escape": rb'"\u001b[31m"',
    "delete": rb'"\u007f"',
    "a vertical tab in a list": rb'["\u000b"]',
    "NUL in a key": rb'{"\u0000": 1}',
    "2 ** 63": b"9223372036854775808",
    "-(2 ** 63) - 1": b"-9223372036854775809",
    "19 digits in a list": b"[[9999999999999999999]]",
}
# None of these is JSON.
BROKEN = {
    "a lone surrogate": rb'"\ud800"',
    "a lone surrogate in a key": rb'{"\udfff": 1}',
    "a raw control character": b'"\x01"',
    "1e400": b"1e400",
    "10 ** 400": b"1" + b"0" * 400,
    "NaN": b"NaN",
    "a hexadecimal number": b"0x10",
    "a number with a plus": b"+1",
    "a number that begins with 0": b"007",
}


def with_literal(sample: dict[str, Any], field: str, literal: bytes) -> bytes:
    rest = msgspec.json.encode({name: value for name, value in sample.items() if name != field})
    return b'{"%b":%b%b' % (field.encode(), literal, b"," + rest[1:] if len(rest) > 2 else b"}")


def test_what_no_field_means_is_refused_by_name_in_every_field(world: World) -> None:
    faults, shares = [], Shares(3)
    for operation in with_body():
        sender, sample = Sender(world, world.who(operation)), world.body(operation) or {}
        for field in operation.properties:
            for what, literal in shares.deal(MEANINGLESS.items()):
                response = sender.send(operation, what, with_literal(sample, field, literal))
                fault = fault_of(response, 400) or ("" if list(response.json()["errors"]) == [field] else "not named")
                sender.note(operation, f"{what} as {field}", fault)
        faults += sender.faults
    assert faults == []


def test_what_is_no_value_is_refused_in_every_field(world: World) -> None:
    faults, shares = [], Shares(5)
    for operation in with_body():
        sender, sample = Sender(world, world.who(operation)), world.body(operation) or {}
        for field in operation.properties:
            for what, literal in shares.deal(BROKEN.items()):
                sender.expect(operation, f"{what} as {field}", with_literal(sample, field, literal), 400)
        faults += sender.faults
    assert faults == []


ANYTHING = [b"{", b"[" * 100_000, b"\xff\xfe", b'{"a": "\\ud800"}', b'{"a": 1e400}', b"[]", b'{"\\u0000": 1}']


def test_a_body_where_none_is_read_breaks_nothing(world: World) -> None:
    taken = {one.name for one in with_body()}
    faults, shares = [], Shares(3)
    for operation in operations():
        if operation.name in taken or operation.name == "GET /auth/kyc/documents/{document_id}":
            continue  # the document of the world has no file
        sender = Sender(world, world.who(operation))
        for number, body in shares.deal(enumerate(ANYTHING)):
            response = sender.send(operation, f"body {number}", body, kind=(JSON, "text/plain")[number % 2])
            if response.status_code >= 400:
                sender.note(operation, f"body {number}", fault_of(response, 400, 401, 403, 404, 409, 415))
        faults += sender.faults
    assert faults == []
