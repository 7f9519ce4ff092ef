"""How much one request may ask or say: each limit is kept, and what is just within it is served."""

from typing import Any

import msgspec
import pytest

from kernel.api.parsers import UniqueKeysParser
from tests.surface import V1, Operation, fault_of, operations, with_body
from tests.world import World

pytestmark = pytest.mark.django_db

JSON = "application/json"


def post(world: World, path: str, body: bytes, name: str = "ann") -> Any:
    return world.client(name).post(V1 + path, body, content_type=JSON)


def named(response: Any) -> list[str]:
    return list(response.json().get("errors", {}))


def nested(levels: int, kind: str) -> bytes:
    """An object `{"data": …}` of so many levels, itself the first."""
    inner = levels - 1
    opening, closing = (b'{"a":', b"}") if kind == "objects" else (b"[", b"]")
    middle = b"1" if kind == "objects" else b""
    return b'{"data":' + opening * inner + middle + closing * inner + b"}"


@pytest.mark.parametrize("kind", ["objects", "arrays"])
def test_json_is_at_most_32_deep(world: World, kind: str) -> None:
    too_deep = {"data": ["The body is nested more than 32 deep."]}
    assert post(world, "/notifications", nested(32, kind)).json()["errors"] != too_deep
    refused = post(world, "/notifications", nested(33, kind))
    assert (fault_of(refused, 400), refused.json()["errors"]) == ("", too_deep)


def test_an_object_has_at_most_1000_keys(world: World) -> None:
    body = world._bodies()["POST /notifications"]

    def sent(keys: int) -> Any:
        data = {str(number): 1 for number in range(keys)}
        return post(world, "/notifications", msgspec.json.encode({**body, "data": data}))

    assert sent(1_000).status_code in {200, 201}
    assert (fault_of(sent(1_001), 400), named(sent(1_001))) == ("", ["data"])
    flat = msgspec.json.encode({str(number): 1 for number in range(1_001)})
    assert fault_of(post(world, "/notifications", flat), 400) == ""


def test_a_text_has_at_most_10000_characters_whatever_it_is_for(world: World) -> None:
    for operation in with_body():
        if operation.name == "POST /auth/kyc/upload" or operation.path.startswith("/formulas"):
            continue  # these say more
        for field in operation.properties:
            body = msgspec.json.encode({**(world.body(operation) or {}), field: "ä" * 10_001})
            response = _generic(world, operation, body)
            if response.status_code not in {403, 404}:
                assert fault_of(response, 400) == "", (operation, field)
                assert response.json()["errors"] == {field: ["A text may have 10000 characters."]}, (operation, field)


def _generic(world: World, operation: Operation, body: bytes) -> Any:
    client: Any = world.client(world.who(operation))
    return client.generic(operation.method, world.url(operation), body, content_type=JSON)


def test_a_text_of_10000_characters_is_read_and_one_more_is_not(world: World) -> None:
    body = world._bodies()["POST /notifications"]

    def sent(length: int, field: str = "message") -> Any:
        return post(world, "/notifications", msgspec.json.encode({**body, field: "ä" * length}))

    assert sent(10_000).status_code in {200, 201}
    assert named(sent(10_001)) == ["message"]
    assert named(post(world, "/notifications", msgspec.json.encode({**body, "data": [["ä" * 10_001]]}))) == ["data"]
    assert fault_of(post(world, "/notifications", msgspec.json.encode({"ä" * 10_001: 1})), 400) == ""


def test_code_that_is_too_long_for_other_texts_is_read_and_told_what_is_wrong_with_it(world: World) -> None:
    checked = post(world, "/formulas/validate", msgspec.json.encode({"formula_code": "#" * 20_000}))
    assert (checked.status_code, checked.json()["valid"]) == (200, False)
    refused = post(world, "/formulas/validate", msgspec.json.encode({"formula_code": "#" * 20_001}))
    assert (fault_of(refused, 400), named(refused)) == ("", ["formula_code"])


def test_a_page_has_at_most_100_rows_and_ends_at_row_1000000(world: World) -> None:
    lists = [one for one in operations() if one.method == "GET" and {"page", "size"} <= set(one.query_parameters)]
    assert len(lists) > 10
    for operation in lists:
        client, address = world.client(world.who(operation)), world.url(operation)
        for good in ("size=100", "limit=100", "size=1", "size=100&page=10001", "page=50001", "size=1&page=1000000"):
            response = client.get(f"{address}?{good}")
            assert response.status_code == 200, (operation, good)
        for bad, field in {
            "size=101": "size", "limit=101": "limit", "size=0": "size", "limit=-1": "limit", "page=0": "page",
            "size=100&page=10002": "page", "page=50002": "page", "size=1&page=1000001": "page",
        }.items():  # fmt: skip
            response = client.get(f"{address}?{bad}")
            assert (fault_of(response, 400), named(response)) == ("", [field]), (operation, bad)


def test_at_most_100_symbols_are_asked_for_at_once(world: World) -> None:
    def sent(count: int) -> Any:
        return post(world, "/datafeed/quotes", msgspec.json.encode({"symbols": ["ACME"] * count}))

    assert sent(100).status_code == 200
    assert (fault_of(sent(101), 400), named(sent(101))) == ("", ["symbols"])


@pytest.mark.parametrize(
    ("path", "parameter", "one", "most"),
    [
        ("/datafeed/search", "user_input", "x", 200),
        ("/formulas", "search", "x", 200),
        ("/formulas", "search", "(.*)+", 40),
        ("/formulas", "tags", "x,", 100),
    ],
)
def test_what_is_searched_for_has_an_end(world: World, path: str, parameter: str, one: str, most: int) -> None:
    client = world.client("ann")
    assert client.get(V1 + path, {parameter: one * most}).status_code == 200
    refused = client.get(V1 + path, {parameter: one * (most + 1)})
    assert (fault_of(refused, 400), named(refused)) == ("", [parameter])


ROLES = {
    "POST /auth/invitations/accept": "token",
    "POST /companies/{slug}/invitations": "role",
    "POST /companies/{slug}/members": "role",
}


def test_whatever_says_a_role_refuses_repeated_keys() -> None:
    saying = {one.name for one in with_body() if "role" in one.properties}
    assert saying <= set(ROLES)


def twice(sample: dict[str, Any], field: str, first: str) -> bytes:
    """The sample with `field` once more, before the rest."""
    return b'{"%b":%b,' % (first.encode(), msgspec.json.encode(sample[field])) + msgspec.json.encode(sample)[1:]


@pytest.mark.parametrize("name", ROLES)
def test_a_key_given_twice_is_refused_where_roles_change(world: World, name: str) -> None:
    operation = next(one for one in with_body() if one.name == name)
    sample, field = world.body(operation) or {}, ROLES[name]
    for spelling in (field, f"\\u{ord(field[0]):04x}{field[1:]}"):
        response = _generic(world, operation, twice(sample, field, spelling))
        assert (fault_of(response, 400), named(response)) == ("", [field])
    deep = msgspec.json.encode(sample)[:-1] + b',"extra":[{"a":1,"a":1}]}'
    assert named(_generic(world, operation, deep)) == ["a"]


def test_elsewhere_the_last_of_two_counts(world: World, undo: Any) -> None:
    for operation in with_body():
        if operation.name in ROLES or operation.name == "POST /auth/kyc/upload":
            continue
        sample = world.body(operation) or {}
        field = next(iter(sample))
        body = b'{"%b":[[1]],' % field.encode() + msgspec.json.encode(sample)[1:]
        with undo():
            response = _generic(world, operation, body)
        assert response.status_code < 300 or field not in named(response), operation
    first = post(world, "/formulas", b'{"name": "First", "name": "Last", "formula_code": "if close > 1: buy()"}')
    assert first.json()["name"] == "Last"


def test_the_parser_of_unique_keys_reads_everything_else_as_the_usual_one_does() -> None:
    body = b'{"a": [{"b": 1}, {"b": 2}], "b": {"a": "\\u00e4"}}'
    assert UniqueKeysParser().read(body, 10) == msgspec.json.decode(body)
