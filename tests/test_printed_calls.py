"""The calls that were printed for the datafeed, the health and the versions work as printed, on every mount."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from datafeed.services import ensure_demo_market
from tests.world import World

pytestmark = pytest.mark.django_db

MOUNTS = ["/api/v1", "/api", ""]
BAR = {"time", "open", "high", "low", "close", "volume"}


@pytest.fixture(scope="module")
def market(shared_rows: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with override_settings(BAR_BROADCASTER_SYMBOLS=["AAPL", "GOOGL", "MSFT"]):
        with django_db_blocker.unblock():
            ensure_demo_market()
        yield


@pytest.fixture
def client() -> APIClient:
    return APIClient()


@pytest.fixture(params=MOUNTS, ids=["v1", "api", "plain"])
def mount(request: Any) -> str:
    return str(request.param)


def test_config(client: APIClient, market: None, mount: str) -> None:
    answer = client.get(f"{mount}/datafeed/config").json()
    assert {"5", "1D", "1W"} <= set(answer["supported_resolutions"])
    assert {choice["value"] for choice in answer["exchanges"]} >= {"", "NASDAQ", "NYSE"}
    assert {"name": "All types", "value": ""} in answer["symbols_types"]
    assert answer["exchanges"][0] == {"value": "", "name": "All Exchanges", "desc": ""}
    assert all(isinstance(answer[f"supports_{name}"], bool) for name in ("marks", "timescale_marks", "time"))


def test_search(client: APIClient, market: None, mount: str) -> None:
    everything = client.get(f"{mount}/datafeed/search", {"user_input": ""}).json()
    assert {"AAPL", "GOOGL", "MSFT"} <= {found["symbol"] for found in everything}
    [apple] = client.get(
        f"{mount}/datafeed/search",
        {"user_input": "apple", "exchange": "nasdaq", "symbol_type": "STOCK", "max_results": 50},
    ).json()
    assert apple == {
        "symbol": "AAPL", "description": "Apple Inc.", "exchange": "NASDAQ", "ticker": "AAPL", "type": "stock",
    }  # fmt: skip
    assert client.get(f"{mount}/datafeed/search").status_code == 400


@pytest.mark.parametrize("symbol", ["AAPL", "GOOGL", "MSFT", "aapl"])
def test_resolve(client: APIClient, market: None, mount: str, symbol: str) -> None:
    answer = client.get(f"{mount}/datafeed/resolve/{symbol}").json()
    expected = {
        "name": symbol.upper(), "ticker": symbol.upper(), "type": "stock", "session": "0930-1600",
        "timezone": "America/New_York", "exchange": "NASDAQ", "listed_exchange": "NASDAQ", "format": "price",
        "pricescale": 100, "minmov": 1, "has_daily": True, "has_intraday": True, "volume_precision": 0,
        "data_status": "streaming",
    }  # fmt: skip
    assert {name: answer[name] for name in expected} == expected
    assert {"5", "1D", "1W"} <= set(answer["supported_resolutions"])


def test_resolving_what_is_unknown(client: APIClient, market: None, mount: str) -> None:
    refused = client.get(f"{mount}/datafeed/resolve/NOPE")
    assert (refused.status_code, refused.json()["detail"]) == (404, "Symbol not found")


@pytest.mark.parametrize("unit", [1, 1_000], ids=["seconds", "milliseconds"])
def test_bars(client: APIClient, market: None, mount: str, unit: int) -> None:
    window = {"from_time": 1_100_000_000 * unit, "to_time": 1_110_000_000 * unit}
    answer = client.get(f"{mount}/datafeed/bars", {"symbol": "AAPL", "resolution": "1D", **window}).json()
    assert answer["no_data"] is False
    assert {frozenset(bar) for bar in answer["bars"]} == {frozenset(BAR)}
    times = [bar["time"] for bar in answer["bars"]]
    assert times == sorted(set(times))
    assert min(times) >= 1_100_000_000_000
    counted = client.get(
        f"{mount}/datafeed/bars", {"symbol": "AAPL", "resolution": "1D", **window, "count_back": 7}
    ).json()
    assert counted["bars"] == answer["bars"][-7:]
    for missing in ("symbol", "resolution", "from_time", "to_time"):
        asked = {"symbol": "AAPL", "resolution": "1D", **window}
        del asked[missing]
        assert client.get(f"{mount}/datafeed/bars", asked).status_code == 400, missing


def test_quotes(client: APIClient, market: None, mount: str) -> None:
    known, unknown = client.post(f"{mount}/datafeed/quotes", {"symbols": ["AAPL", "NOPE"]}, format="json").json()
    assert (known["s"], known["n"], unknown["s"], unknown["n"]) == ("ok", "AAPL", "error", "NOPE")
    assert unknown["v"] == {"error": "Symbol not found"}
    figures = {"lp", "bid", "ask", "spread", "open_price", "high_price", "low_price", "volume", "ch", "chp"}
    texts = {"prev_close_price", "short_name", "exchange", "description", "original_name"}
    assert set(known["v"]) >= figures | texts
    assert known["v"]["spread"] == pytest.approx(known["v"]["ask"] - known["v"]["bid"])
    assert known["v"]["ch"] == pytest.approx(known["v"]["lp"] - known["v"]["prev_close_price"])


def test_the_health_of_the_datafeed(client: APIClient, market: None, mount: str) -> None:
    answer = client.get(f"{mount}/datafeed/health").json()
    assert set(answer) >= {"status", "message", "symbols_loaded", "bars_count", "timestamp"}
    assert answer["symbols_loaded"] >= 3
    assert answer["bars_count"] > 401


def test_health(client: APIClient, mount: str) -> None:
    answer = client.get(f"{mount}/health").json()
    # No server runs beside these tests, and the health says so.
    assert answer["status"] in {"ok", "degraded"}
    assert answer["api_version"] == "v1"
    assert set(answer) >= {"message", "timestamp", "version_info"}
    assert set(answer["version_info"]) >= {"version", "release_date", "status", "deprecation_notice"}


def test_versions(client: APIClient, mount: str) -> None:
    answer = client.get(f"{mount}/versions").json()
    assert set(answer) >= {"current_version", "available_versions", "documentation_url", "support_contact"}
    facts = {"version", "release_date", "status", "breaking_changes", "deprecation_notice", "sunset_date"}
    for version in answer["available_versions"]:
        assert set(version) >= facts
    current = client.get(f"{mount}/version").json()
    assert set(current) >= facts
    assert current["version"] == answer["current_version"]
    stable, *planned = answer["available_versions"]
    assert (stable["status"], [one["status"] for one in planned]) == ("stable", ["planned"])


def test_the_root_names_what_there_is(client: APIClient) -> None:
    answer = client.get("/", headers={"Accept": "application/json"}).json()
    assert set(answer) >= {
        "name", "version", "current_api_version", "documentation", "health", "versions", "datafeed", "websockets",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json", "ws/asyncapi.json"])
def test_the_documents_are_where_they_were_printed(client: APIClient, path: str) -> None:
    assert client.get(f"/api/v1/{path}").status_code == 200


def test_marks_of_the_classic_datafeed_are_the_signals_one_may_see(world: World) -> None:
    query = {"symbol": "ACME", "resolution": "1D", "from": 0, "to": 2_000_000_000}
    found = {name: world.client(name).get("/udf/marks", query).json() for name in ("ann", "ben", "rival", None)}
    [mark] = found.pop("ann")
    assert (mark["time"], mark["label"], mark["color"]) == (world.signal.bar_time, "B", "green")
    assert "annsown" in mark["text"]
    assert found == {"ben": [], "rival": [], None: []}
