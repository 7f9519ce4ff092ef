"""Bodies and parameters that nobody would send by mistake: refused in time, by name, and never a fault of ours."""

import re
import time
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from django.db import transaction

from tests.sender import JSON, WITHIN, Sender, Shares
from tests.surface import V1, fault_of, operations, with_body, with_path_parameter
from tests.world import NEEDS_MORE, World

pytestmark = pytest.mark.django_db

REFUSED = {400, 403, 404, 409, 412, 413, 415, 422, 429}

# Never a JSON document of ours, whatever the operation.
BROKEN = {
    "nothing but a brace": b"{",
    "trailing comma": b'{"a": 1,}',
    "two documents": b"{} {}",
    "single quotes": b"{'a': 1}",
    "a word": b"nothing",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": [Infinity, -Infinity]}',
    "invalid UTF-8": b'{"a": "\xff\xfe"}',
    "overlong UTF-8": b'{"a": "\xc0\xaf"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32": '{"a": 1}'.encode("utf-32-be"),
    "UTF-8 with a byte order mark": b"\xef\xbb\xbf{}",
    "lone surrogate": b'{"a": "\\ud800"}',
    "a surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "surrogates in the wrong order": b'{"a": "\\udc00\\ud800"}',
    "lone surrogate as a key": b'{"\\udfff": 1}',
    "NUL": b'{"a": "\\u0000"}',
    "NUL as a key": b'{"\\u0000": 1}',
    "raw control character": b'{"a": "\x01"}',
    "control character": b'{"a": "\\u001b[31m"}',
    "delete": b'{"a": "\\u007f"}',
    "nested arrays": b"[" * 100_000,
    "nested closed arrays": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a little too deep": b'{"a":' * 40 + b"1" + b"}" * 40,
    "a number of 400 digits": b'{"a": 1' + b"0" * 400 + b"}",
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "2 ** 63": b'{"a": %d}' % 2**63,
    "1e400": b'{"a": 1e400}',
    "1e1000000": b'{"a": -1e1000000}',
    "-(2 ** 63) - 1": b'{"a": [%d]}' % (-(2**63) - 1),
    "too many keys": msgspec.json.encode({str(number): 1 for number in range(2_000)}),
}
# JSON, but no object.
NO_OBJECT = {
    "null": b"null",
    "a list": b"[]",
    "a list of objects": b"[{}]",
    "a text": b'"x"',
    "a number": b"1",
    "true": b"true",
}
OTHER_TYPES = {
    "text/plain": b'{"a": 1}',
    "application/xml": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "application/x-yaml": b"!!python/object/apply:os.system [id]",
    "application/yaml": b"a: 1",
    "application/x-www-form-urlencoded": b"a=1",
    "multipart/form-data; boundary=x": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
    "application/octet-stream": b"\x80\x04N.",
    "application/json-patch+json": b"[]",
    "text/json": b"{}",
    "garbage": b"{}",
    "": b"{}",
}
UPLOADS = {"POST /auth/kyc/upload"}
# What each declared type does not take.
WRONG: dict[str, list[Any]] = {
    "string": [{}, [], True, ["x"], {"a": 1}],
    "integer": ["x", {}, [], True, 1.5, "1" * 5_000, 2**62, -1, "9223372036854775808", "1e1000000", "٣x"],
    "number": ["x", {}, [], "NaN", "Infinity", "-Infinity", "1e400", "9" * 5_000, "1e1000000", 1e300, -1e300],
    "boolean": ["maybe", {}, [], 5, "x" * 5_000],
    "array": ["x", {}, 5, True, [{}], [[]], [True], [None], ["x" * 5_000]],
    "object": ["x", [], 5, True],
}
# Odd values that some fields may well take.
ODD: list[Any] = [
    None, "", 0, -0.0, 1e-400, 2**63 - 1, "x" * 5_000, "😀" * 500, "٣\u202e\u2028", "1e-1000000", ["a"] * 900,
    {"a": {"b": {"c": [1, 2]}}, "x" * 5_000: 1}, "9999-12-31T23:59:59-12:00", "../%00'; DROP TABLE x; --\r\nX: y",
]  # fmt: skip


def test_each_sample_body_is_accepted_so_that_a_refusal_has_one_cause(world: World) -> None:
    for operation in with_body():
        sender = Sender(world, world.who(operation))
        response = sender.send(operation, "the sample", msgspec.json.encode(world.body(operation)))
        if operation.name in NEEDS_MORE:
            assert fault_of(response, 400, 401, 409) == "", operation
            continue
        assert response.status_code in {200, 201, 202}, (operation, response.content)
        declared, sent = set(operation.properties), set(world.body(operation) or {})
        # One proof at a time.
        assert declared - sent <= {"fast_symbols", "challenge", "code", "credential"}, operation


def test_what_is_no_json_object_is_refused_by_every_operation(world: World) -> None:
    # They share one parser: a quarter of the bodies for each is enough to notice one that does not use it.
    shares = Shares(4)
    for operation in with_body():
        sender = Sender(world, world.who(operation))
        for what, body in shares.deal((BROKEN | NO_OBJECT).items()):
            sender.expect(operation, what, body, 400)
        assert sender.faults == []


@pytest.mark.parametrize("name", ["ben", "operator", "admin"])
def test_what_is_no_json_object_is_refused_whoever_sends_it(world: World, name: str) -> None:
    for operation in with_body():
        sender = Sender(world, name)
        for what in ("UTF-16", "lone surrogate", "nested arrays", "2 ** 63", "NUL as a key"):
            sender.expect(operation, what, BROKEN[what], 400, 403, 404)
        assert sender.faults == []


def test_bodies_of_other_kinds_are_refused_unread(world: World) -> None:
    for operation in with_body():
        sender = Sender(world, world.who(operation))
        for kind, body in OTHER_TYPES.items():
            if kind.startswith("multipart") and operation.name in UPLOADS:
                continue
            sender.expect(operation, f"Content-Type {kind!r}", body, 415, kind=kind)
        assert sender.faults == []


def test_a_body_over_the_limit_is_refused(world: World, settings: Any) -> None:
    for operation in with_body():
        if operation.name in UPLOADS:
            continue  # these have a limit of their own
        sender = Sender(world, world.who(operation))
        sender.expect(operation, "a body one byte too long", b" " * (settings.REQUEST_BODY_LIMIT - 1) + b"{}", 413)
        response = sender.send(operation, "a body as long as allowed", b" " * (settings.REQUEST_BODY_LIMIT - 2) + b"{}")
        assert response.status_code != 413
        assert sender.faults == []


def test_a_value_of_the_wrong_type_is_refused_by_the_name_of_its_field(world: World) -> None:
    faults, shares = [], Shares(3)
    for operation in with_body():
        sender, sample = Sender(world, world.who(operation)), world.body(operation) or {}
        for field, schema in operation.properties.items():
            for value in shares.deal(WRONG[schema.get("type", "string" if "enum" in schema else "object")]):
                body = msgspec.json.encode({**sample, field: value})
                response = sender.send(operation, f"{field}={value!r}"[:60], body)
                # Whom else to tell is refused to Ann whoever it is.
                others = (403,) if field == "user_id" else ()
                if response.status_code in others:
                    continue
                fault = fault_of(response, 400, 404) or (
                    "" if names(response, field) else f"does not name it: {response.content[:200]!r}"
                )
                sender.note(operation, f"{field}={value!r}"[:60], fault)
        faults += sender.faults
    assert faults == []


def names(response: Any, field: str) -> bool:
    return field in response.json().get("errors", {})


def test_odd_values_are_taken_or_refused_by_name_and_never_break_anything(world: World) -> None:
    faults, shares = [], Shares(4)
    for operation in with_body():
        sender, sample = Sender(world, world.who(operation)), world.body(operation) or {}
        for field in operation.properties:
            for value in shares.deal(ODD):
                what = f"{field}={value!r}"[:60]
                response = sender.send(operation, what, msgspec.json.encode({**sample, field: value}))
                if response.status_code >= 300:
                    sender.note(operation, what, fault_of(response, *REFUSED, 401))
                if (
                    response.status_code == 400
                    and not response.json().get("errors")
                    and operation.name not in NEEDS_MORE
                ):
                    sender.note(operation, what, "names no field")
        faults += sender.faults
    assert faults == []


IDS = [
    "0", "-0", "-0.0", "1e400", "1e1000000", "1" + "0" * 400, "%ED%A0%80", "1%7f", "-1", "007", "1e3", "1.0",
    "+1", str(2**63 - 1), str(2**63), str(2**70), "9" * 5_000, "x" * 5_000, "%00",
    "1%00",
    "..%2f", "%2e%2e%2f%2e%2e", "..%5c", "%0a", "%20", "1%20", "1%0a", quote("٣"), "%EF%BC%91", "%ff", "%C0%AF", "null",
    "undefined", "*",
    "me", "1;a=b", "1,2", "'", "%25", "{id}", "%F0%9F%98%80", "00000000-0000-0000-0000-000000000000", "%ud800",
    "a" * 101,
]  # fmt: skip


@pytest.mark.parametrize("name", ["ann", "admin"])
def test_an_odd_id_is_not_found(world: World, name: str) -> None:
    faults, shares = [], Shares(4 if name == "ann" else 12)
    for operation in with_path_parameter():
        sender = Sender(world, name)
        for odd in shares.deal(IDS):
            address = V1 + operation.path.format(**dict.fromkeys(operation.path_parameters, odd))
            began = time.thread_time()
            with transaction.atomic():
                response = sender.client.generic(operation.method, address, b"{}", content_type=JSON)
                transaction.set_rollback(True)
            # Who may not do such a thing at all is told so before anything is looked for.
            fault = fault_of(response, 404, *({403} if world.who(operation) != name == "ann" else ()))
            if fault or time.thread_time() - began > WITHIN:
                faults.append(f"{operation} {odd[:20]}: {fault}")
    assert faults == []


QUERIES = [
    "", "0", "-0.0", "-1", "007", "1e3", "NaN", "Infinity", "1e400", "1" + "0" * 400, "1%1b[31m", "%d8%00", ".5", "+1",
    "1e-400", "1e-1000000", "1e1000000", str(2**63), "9" * 5_000, "x" * 5_000,
    "a%00b", "%EF%BC%91", "%ff%ed%a0%80", "maybe", "," * 2_000, "9999-12-31T23:59:59-12:00",
]  # fmt: skip


PAGES = {"page", "size", "limit", "ordering"}


def _names_a_parameter(body: dict[str, Any]) -> bool:
    return bool(body.get("errors")) or bool(re.match(r"[a-z]+: ", body.get("errmsg", "")))


def test_an_odd_query_is_taken_or_refused_by_name(world: World, undo: Any) -> None:
    # Every list reads its page in the same place.
    faults, shares, of_pages = [], Shares(6), Shares(25)
    for operation in operations():
        if operation.method != "GET":
            continue
        client = world.client(world.who(operation))
        for parameter in operation.query_parameters:
            for odd in (of_pages if parameter in PAGES else shares).deal(QUERIES):
                began = time.thread_time()
                with undo():  # a value that PostgreSQL refuses would spoil the test's own transaction
                    response = client.get(world.url(operation), QUERY_STRING=f"{parameter}={odd}")
                # The classic datafeed names an unknown symbol or exchange by 404, and a parameter in its message.
                refusals = (400, 404) if operation.path.startswith("/udf/") else (400,)
                fault = "" if response.status_code == 200 else fault_of(response, *refusals)
                if response.status_code == 400 and not _names_a_parameter(response.json()):
                    fault = "names no parameter"
                if time.thread_time() - began > WITHIN:
                    fault = "slow"
                if fault:
                    faults.append(f"{operation} ?{parameter}={odd[:20]}: {fault}")
    assert faults == []
