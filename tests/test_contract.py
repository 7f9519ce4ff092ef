"""What every operation of the API has in common: who gets in, where it answers, and how it refuses."""

import re
from typing import Any

import pytest

from tests.surface import V1, fault_of, operations, reads, stranger
from tests.world import World

pytestmark = pytest.mark.django_db

PUBLIC = {
    "POST /auth/email/confirm",
    "POST /auth/login",
    "POST /auth/login/passkey",
    "POST /auth/login/passkey/complete",
    "POST /auth/password/reset",
    "POST /auth/password/reset/confirm",
    "POST /auth/refresh",
    "POST /auth/register",
    "GET /auth/status",
    "GET /health",
    "GET /health/live",
    "GET /health/ready",
    "GET /version",
    "GET /versions",
}
# Open while DATAFEED_PUBLIC is on.
MARKET_DATA = {
    "GET /datafeed/bars",
    "GET /datafeed/config",
    "GET /datafeed/health",
    "POST /datafeed/quotes",
    "GET /datafeed/resolve/{symbol}",
    "GET /datafeed/search",
    "GET /udf/config",
    "GET /udf/history",
    "GET /udf/marks",
    "GET /udf/quotes",
    "GET /udf/search",
    "GET /udf/symbol_info",
    "GET /udf/symbols",
    "GET /udf/time",
    "GET /udf/timescale_marks",
}
PREFIXES = [V1, "/api", ""]
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
CLASSIC_WINDOW = {"symbol": "ACME", "resolution": "1D", "from": 0, "to": 2_000_000_000}
# Queries without which an operation has no good answer.
QUERIES = {
    "/datafeed/bars": {"symbol": "ACME", "resolution": "1D", "from_time": 0, "to_time": 2_000_000_000},
    "/datafeed/search": {"user_input": "ac"},
    "/udf/history": CLASSIC_WINDOW,
    "/udf/marks": CLASSIC_WINDOW,
    "/udf/quotes": {"symbols": "ACME"},
    "/udf/symbol_info": {"group": "NYSE"},
    "/udf/symbols": {"symbol": "ACME"},
    "/udf/timescale_marks": CLASSIC_WINDOW,
}


def test_the_open_operations_exist() -> None:
    assert {operation.name for operation in operations()} >= PUBLIC | MARKET_DATA


def test_without_a_token_everything_that_is_not_public_is_refused(world: World) -> None:
    faults = {}
    for operation in operations():
        if operation.name not in PUBLIC | MARKET_DATA:
            response = stranger().generic(operation.method, world.url(operation))
            faults[operation.name] = fault_of(response, 401)
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_without_a_token_what_is_public_is_not_refused(world: World) -> None:
    for operation in operations():
        if operation.name in PUBLIC | MARKET_DATA:
            response = stranger().generic(operation.method, world.url(operation))
            assert response.status_code != 401, operation


def test_market_data_is_refused_as_well_where_it_is_not_public(world: World, settings: Any) -> None:
    settings.DATAFEED_PUBLIC = False
    for operation in operations():
        if operation.name in MARKET_DATA:
            assert fault_of(stranger().generic(operation.method, world.url(operation)), 401) == "", operation


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer x", "Bearer a b", "Bearer \xff\xfe", "Bearer " + "a" * 5_000, "Bearer a.b.c",
     "Bearer eyJhbGciOiJub25lIn0.e30.", "bearer", "Basic YW5uOmFubg==", "Token x", "Api-Key x", "\x00", "Bearer \x00"],
)  # fmt: skip
def test_a_bad_credential_is_refused_like_none(header: str) -> None:
    response = stranger().get(f"{V1}/auth/me", headers={"Authorization": header})
    assert fault_of(response, 401) == ""
    assert response["Cache-Control"] == "no-store"


def test_tokens_in_the_address_or_a_cookie_are_not_looked_at(world: World) -> None:
    token = world.token("ann")
    client = stranger()
    client.cookies["token"] = client.cookies["access_token"] = token
    for query in ({"token": token}, {"access_token": token}, {"ticket": token}):
        assert fault_of(client.get(f"{V1}/auth/me", query), 401) == ""


def test_every_path_answers_under_each_prefix_with_and_without_a_slash(world: World) -> None:
    """The same status everywhere, and never a redirect."""
    faults = []
    for operation in operations():
        query = QUERIES.get(operation.path, {})
        for name in (None, world.who(operation)) if operation in reads() else (None,):
            client, answers = world.client(name), {}
            for address in (world.url(operation, prefix) + end for prefix in PREFIXES for end in ("", "/")):
                response = client.generic(
                    operation.method, address, QUERY_STRING="&".join(f"{k}={v}" for k, v in query.items())
                )
                answers[address] = response.status_code
            wanted = {200} if name else {200, 400, 401, 415}
            if len(set(answers.values())) > 1 or not set(answers.values()) <= wanted:
                faults.append((operation.name, name, answers))
    assert faults == []


def test_a_method_that_a_path_does_not_have_is_refused_as_json(world: World) -> None:
    by_path: dict[str, list[Any]] = {}
    for operation in operations():
        by_path.setdefault(operation.path, []).append(operation)
    faults = {}
    client = world.client("admin")
    for path, known in by_path.items():
        for method in METHODS - {operation.method for operation in known} | {"FOO"}:
            response = client.generic(method, world.url(known[0]))
            fault = fault_of(response, 405) or ("" if known[0].method in response.get("Allow", "") else "no Allow")
            faults[f"{method} {path}"] = fault
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_options_is_no_way_around_anything(world: World) -> None:
    for path in {operation.path for operation in operations()}:
        client = world.client("ann")
        response = client.options(V1 + path.format(**world.target(path)))
        assert fault_of(response, 403, 405) == "", path


def test_head_is_a_get_without_a_body(world: World) -> None:
    for operation in reads():
        query = QUERIES.get(operation.path, {})
        response = world.client(world.who(operation)).head(world.url(operation), query)
        assert (response.status_code, response.content) == (200, b""), operation


UNKNOWN = [
    "/nothing",
    "/api/nothing",
    "/api/v1/nothing",
    "/api/v2/formulas",
    "/api/v1/formulas/0",
    "/api/v1/formulas/007",
    "/api/v1/formulas/1/nothing",
    "/api/v1/formulas.json",
    "/api/v1/formulas;a=b",
    "/api/v1//formulas",
    "/API/V1/formulas",
    "/api/v1/Formulas",
    "/api/v1/formulas//",
    "/app/nothing",
    "/ws/nothing",
    "/api/v1/ws",
    "/notifications/ws/1",
    "/.env",
    "/api/v1/formulas/1%0a",
    "/api/v1/jobs/" + "f" * 36,
    "/%0d%0aX-Forged: 1",
]


def test_an_unknown_path_is_a_problem_and_no_page(world: World) -> None:
    for path in UNKNOWN:
        for accept in ("*/*", "text/html"):
            response = world.client("ann").get(path, headers={"Accept": accept})
            assert fault_of(response, 404) == "", path


@pytest.mark.parametrize(
    ("accept", "query"),
    [("text/html", ""), ("application/xml", "format=html"), ("image/*", "format=api"), ("garbage", "format=xml"), ("",
     "_method=DELETE")],
)  # fmt: skip
def test_api_paths_answer_json_whatever_is_asked_for(world: World, accept: str, query: str) -> None:
    client = world.client("ann")
    for operation in reads():
        response = client.get(world.url(operation), headers={"Accept": accept}, QUERY_STRING=query)
        assert response["Content-Type"] in {"application/json", "application/problem+json"}, operation
        assert response.status_code in {200, 400, 403}, operation


def test_the_root_is_a_page_for_browsers_and_metadata_for_programs() -> None:
    page = stranger().get("/", headers={"Accept": "text/html,application/xhtml+xml"})
    data = stranger().get("/", headers={"Accept": "*/*"})
    assert page["Content-Type"].startswith("text/html")
    assert data["Content-Type"] == "application/json"
    assert data.json()["name"] == "Signalbox"
    for response in (page, data):
        assert "Accept" in [word.strip() for word in response["Vary"].split(",")]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "FOO"])
def test_the_root_is_only_read(method: str) -> None:
    response = stranger().generic(method, "/", "{}", content_type="application/json")
    assert fault_of(response, 405) == ""
    assert "GET" in response["Allow"]


@pytest.mark.parametrize("path", ["/", f"{V1}/health", f"{V1}/auth/me", f"{V1}/nothing", "/static/nothing", "/admin/"])
def test_a_sane_request_id_comes_back_and_any_other_is_replaced(path: str) -> None:
    sane = stranger().get(path, headers={"X-Request-ID": "web-1_a.b:c"})
    assert sane["X-Request-ID"] == "web-1_a.b:c"
    for bad in ("", "a b", "x" * 65, "a\nb", "é", "<script>", '"', "a\x00", "a\u2028"):
        found = stranger().get(path, headers={"X-Request-ID": bad})["X-Request-ID"]
        assert re.fullmatch(r"[0-9a-f]{32}", found), bad
    assert stranger().get(path)["X-Request-ID"] != stranger().get(path)["X-Request-ID"]


def test_a_fault_of_ours_says_nothing_of_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret detail at /some/path")

    monkeypatch.setattr("formulas.selectors.as_shown", fail)
    monkeypatch.setattr("signalbox.views.metadata", fail)
    for path in (f"{V1}/formulas", "/"):
        response = world.client("ann").get(path)
        assert fault_of(response, 500) == "", path
        assert b"secret" not in response.content
