"""The datafeed keeps to what charting clients expect of it, and never falls over."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from datafeed.models import Instrument, Series
from datafeed.providers import find_provider
from datafeed.providers.base import BarUpdate, SeriesKey
from datafeed.selectors import health
from datafeed.services import Audience, open_live, take_update
from datafeed.tests.conftest import DAY, MONDAY, bar, fill_minutes

IBM = SeriesKey("IBM", "1D")
MS = 1_000


@pytest.fixture
def stranger(client_of: Callable[..., APIClient]) -> APIClient:
    return client_of(None)


@pytest.fixture
def forming(ten_days: Series) -> int:
    """IBM has a bar that is still forming; its stamp."""
    live = open_live(provider=find_provider("replay"))[IBM]
    update = BarUpdate(IBM, bar(MONDAY + 14 * DAY, 30), is_closed=False)
    take_update(live=live, update=update, audience=Audience(has_listeners=lambda topic: False))
    return MONDAY + 14 * DAY


def bars(client: APIClient, **query: Any) -> Any:
    query = {"symbol": "IBM", "resolution": "1D", **query}
    return client.get("/api/v1/datafeed/bars", {key: value for key, value in query.items() if value is not None})


def test_config_says_what_there_is(stranger: APIClient, ten_days: Series) -> None:
    answer = stranger.get("/api/v1/datafeed/config").json()
    assert answer["supported_resolutions"] == ["1", "5", "15", "30", "60", "240", "1D", "1W", "1M"]
    assert answer["exchanges"][0] == {"value": "", "name": "All Exchanges", "desc": ""}
    assert {"value": "NYSE", "name": "NYSE", "desc": "NYSE"} in answer["exchanges"]
    assert answer["symbols_types"] == [{"name": "All types", "value": ""}, {"name": "Stock", "value": "stock"}]
    assert not any(answer[flag] for flag in ("supports_marks", "supports_timescale_marks", "supports_time"))


@pytest.mark.parametrize("name", ["user_input", "query"])
def test_search_answers_a_list_of_symbols(stranger: APIClient, ten_days: Series, name: str) -> None:
    expected = {
        "symbol": "IBM",
        "description": "International Business Machines",
        "exchange": "NYSE",
        "ticker": "IBM",
        "type": "stock",
    }
    assert stranger.get("/api/v1/datafeed/search", {name: "business"}).json() == [expected]
    assert stranger.get("/api/v1/datafeed/search", {name: "", "exchange": "nyse", "symbol_type": "STOCK"}).json()
    assert stranger.get("/api/v1/datafeed/search", {name: "ibm", "symbol_type": "crypto"}).json() == []


def test_search_answers_no_more_than_asked(stranger: APIClient, instrument: Callable[..., Instrument]) -> None:
    for number in range(60):
        instrument(f"T{number:02d}")
    ask = {"user_input": ""}
    assert len(stranger.get("/api/v1/datafeed/search", ask).json()) == 50
    assert len(stranger.get("/api/v1/datafeed/search", {**ask, "max_results": 3}).json()) == 3
    refused = stranger.get("/api/v1/datafeed/search", {**ask, "max_results": "9" * 400})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["max_results"])
    assert list(stranger.get("/api/v1/datafeed/search").json()["errors"]) == ["user_input"]


def test_resolve_tells_a_chart_what_it_must_know(stranger: APIClient, ten_days: Series) -> None:
    answer = stranger.get("/api/v1/datafeed/resolve/ibm").json()
    assert answer["name"] == answer["ticker"] == "IBM"
    assert answer["description"] == "International Business Machines"
    assert (answer["session"], answer["timezone"]) == ("0930-1600", "America/New_York")
    assert (answer["pricescale"], answer["minmov"], answer["format"]) == (100, 1, "price")
    assert (answer["has_intraday"], answer["has_daily"], answer["has_weekly_and_monthly"]) == (False, True, True)
    assert answer["supported_resolutions"] == ["1D", "1W", "1M"]
    assert (answer["provider"], answer["is_simulated"]) == ("replay", False)
    assert "public domain" in answer["sources"]["1W"]["attribution"]
    assert answer["sources"]["1W"]["base"] == "1D"


def test_resolve_says_which_resolutions_are_simulated(stranger: APIClient, minutes: Series) -> None:
    answer = stranger.get("/api/v1/datafeed/resolve/GOOGL").json()
    assert (answer["provider_label"], answer["is_simulated"]) == ("Simulated market", True)
    assert answer["sources"]["5"]["session"] == "24x7"


@pytest.mark.parametrize(("increment", "scale"), [("0.25", (25, 100)), ("0.00001", (1, 100_000)), ("5", (5, 1))])
def test_the_price_step_is_a_fraction_of_a_power_of_ten(
    stranger: APIClient, instrument: Callable[..., Instrument], increment: str, scale: tuple[int, int]
) -> None:
    instrument("BTC/USD", price_increment=increment)
    answer = stranger.get("/api/v1/datafeed/resolve/btc%2Fusd").json()
    assert (answer["minmov"], answer["pricescale"]) == scale


@pytest.mark.parametrize("symbol", ["NOPE", "%00", "a%20b", "..%2f..%2fetc", "x" * 300, "%F0%9F%9A%80"])
def test_resolving_an_unknown_symbol_is_not_found(stranger: APIClient, db: None, symbol: str) -> None:
    answer = stranger.get(f"/api/v1/datafeed/resolve/{symbol}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Symbol not found")


@pytest.mark.parametrize(
    "names", [("from_time", "to_time", "count_back"), ("from", "to", "countback"), ("from", "to_time", "countback")]
)
@pytest.mark.parametrize("unit", [1, MS])
def test_bars_are_asked_for_in_either_spelling_and_unit(
    stranger: APIClient, ten_days: Series, names: tuple[str, str, str], unit: int
) -> None:
    start, end, count = names
    answer = bars(stranger, **{start: (MONDAY + DAY) * unit, end: (MONDAY + 3 * DAY) * unit}).json()
    assert [found["time"] for found in answer["bars"]] == [(MONDAY + DAY) * MS, (MONDAY + 2 * DAY) * MS]
    assert answer["bars"][0] == {
        "time": (MONDAY + DAY) * MS,
        "open": 11.0,
        "high": 11.5,
        "low": 10.5,
        "close": 11.0,
        "volume": 100.0,
    }
    assert answer["no_data"] is False
    counted = bars(stranger, **{start: (MONDAY + DAY) * unit, end: (MONDAY + 3 * DAY) * unit, count: 3}).json()
    assert [found["close"] for found in counted["bars"]] == [10, 11, 12]


def test_a_chart_that_asks_for_bars_before_now_gets_the_newest(stranger: APIClient, ten_days: Series) -> None:
    answer = bars(stranger, from_time=1_790_000_000, to_time=1_795_000_000, count_back=300).json()
    assert len(answer["bars"]) == 10
    assert answer["no_data"] is False


def test_an_empty_window_names_the_closest_earlier_bar(stranger: APIClient, ten_days: Series) -> None:
    last = (MONDAY + 11 * DAY) * MS
    empty = bars(stranger, from_time=1_790_000_000, to_time=1_795_000_000).json()
    assert empty == {"bars": [], "no_data": True, "next_time": last}
    assert bars(stranger, from_time=0, to_time=MONDAY, count_back=5).json() == {"bars": [], "no_data": True}


def test_the_forming_bar_is_the_newest_where_it_is_in_range(
    stranger: APIClient, ten_days: Series, forming: int
) -> None:
    wide = bars(stranger, from_time=MONDAY, to_time=forming + DAY).json()["bars"]
    assert (len(wide), wide[-1]["time"], wide[-1]["close"]) == (11, forming * MS, 30)
    counted = bars(stranger, from_time=0, to_time=forming + DAY, count_back=2).json()["bars"]
    assert [found["close"] for found in counted] == [19, 30]
    assert len(bars(stranger, from_time=MONDAY, to_time=forming).json()["bars"]) == 10
    assert bars(stranger, from_time=forming + 1, to_time=forming + DAY).json()["bars"] == []


def test_an_answer_has_at_most_5000_bars_and_leaves_out_the_oldest(stranger: APIClient, minutes: Series) -> None:
    fill_minutes(minutes, 5_100)
    for extra in ({}, {"count_back": 9_999}):
        ask = {"symbol": "GOOGL", "resolution": "1", "from_time": 0, "to_time": MONDAY * MS * 2, **extra}
        found = bars(stranger, **ask).json()["bars"]
        assert (len(found), found[0]["time"]) == (5_000, (MONDAY + 100 * 60) * MS)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"symbol": "NOPE"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": None}, "symbol"),
        ({"symbol": "I\x00BM"}, "symbol"),
        ({"resolution": "5"}, "resolution"),
        ({"resolution": "1h"}, "resolution"),
        ({"resolution": None}, "resolution"),
        ({"from_time": None}, "from_time"),
        ({"to_time": None}, "to_time"),
        ({"from_time": "NaN"}, "from_time"),
        ({"from_time": "1e400"}, "from_time"),
        ({"from_time": "1.5"}, "from_time"),
        ({"from_time": "٣"}, "from_time"),
        ({"from_time": None, "from": "abc"}, "from"),
        ({"to_time": "9" * 5_000}, "to_time"),
        ({"to_time": str(10**400)}, "to_time"),
        ({"from_time": MONDAY + 2 * DAY}, "from_time"),
        ({"count_back": "-1"}, "count_back"),
        ({"count_back": "0"}, "count_back"),
        ({"countback": "ten"}, "countback"),
    ],
)
def test_a_wrong_parameter_is_named(stranger: APIClient, ten_days: Series, change: dict[str, Any], field: str) -> None:
    answer = bars(stranger, **{"from_time": MONDAY, "to_time": MONDAY + DAY, **change})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


@pytest.mark.parametrize(
    ("start", "end"),
    [(MONDAY, MONDAY), (-(10**11), -1), (10**11, 10**11), (-(10**14), -(10**14) + 5), (10**14, 2 * 10**14)],
)
def test_a_window_without_bars_is_no_data(stranger: APIClient, ten_days: Series, start: int, end: int) -> None:
    for resolution in ("1D", "1W", "1M"):
        answer = bars(stranger, resolution=resolution, from_time=start, to_time=end)
        assert answer.status_code == 200
        assert (answer.json()["bars"], answer.json()["no_data"]) == ([], True)


def test_quotes_answer_one_entry_for_each_symbol_as_it_was_asked(stranger: APIClient, ten_days: Series) -> None:
    answer = stranger.post("/api/v1/datafeed/quotes", {"symbols": ["ibm", "NOPE"]})
    known, unknown = answer.json()
    assert (known["s"], known["n"]) == ("ok", "ibm")
    assert known["v"].items() >= {"lp": 19.0, "prev_close_price": 18.0, "ch": 1.0, "exchange": "NYSE"}.items()
    assert unknown == {"s": "error", "n": "NOPE", "v": {"error": "Symbol not found"}}


@pytest.mark.parametrize(
    "body", [{}, {"symbols": "IBM"}, {"symbols": [1] * 101}, {"symbols": [{"a": 1}]}, [], "x", None]
)
def test_quotes_for_anything_but_a_list_of_symbols_are_refused(stranger: APIClient, db: None, body: Any) -> None:
    answer = stranger.post("/api/v1/datafeed/quotes", body, format="json")
    assert answer.status_code == 400
    assert answer.json()["code"]


def test_health_describes_feed_and_providers(stranger: APIClient, ten_days: Series) -> None:
    answer = stranger.get("/api/v1/datafeed/health").json()
    assert answer["status"] in {"ok", "degraded"}
    assert (answer["symbols_loaded"], answer["bars_count"]) == (1, 10)
    assert answer["broadcaster"].keys() == {
        "is_running",
        "interval",
        "symbols",
        "resolutions",
        "broadcasts_sent",
        "broadcasts_skipped",
        "errors",
    }
    assert {provider["key"]: provider["is_simulated"] for provider in answer["providers"]} == {
        "replay": False,
        "synthetic": True,
    }


PATHS = [
    ("get", "config"),
    ("get", "search?user_input="),
    ("get", "resolve/IBM"),
    ("get", f"bars?symbol=IBM&resolution=1D&from={MONDAY}&to={MONDAY + DAY}"),
    ("post", "quotes"),
    ("get", "health"),
]


def test_very_many_bars_are_not_counted_one_by_one(
    stranger: APIClient, ten_days: Series, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE datafeed_bar")
    monkeypatch.setattr(health, "MOST_COUNTED", 4)
    with django_assert_max_num_queries(20) as asked:
        count = stranger.get("/api/v1/datafeed/health").json()["bars_count"]
    # An estimate, which is right here: on PostgreSQL the table has just been looked at, elsewhere nothing was deleted.
    assert count >= 10
    counting = [query["sql"] for query in asked if "COUNT" in query["sql"] and "datafeed_bar" in query["sql"]]
    assert [sql for sql in counting if "LIMIT 4" not in sql] == []
    assert len(counting) == 1


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_the_datafeed_is_open_to_strangers_only_while_it_is_public(
    client_of: Callable[..., APIClient],
    person: Callable[..., Any],
    ten_days: Series,
    settings: Any,
    method: str,
    path: str,
) -> None:
    stranger, member = client_of(None), client_of(person())

    def ask(client: APIClient, prefix: str) -> int:
        return getattr(client, method)(
            f"{prefix}/datafeed/{path}", {"symbols": []} if method == "post" else None
        ).status_code

    assert {ask(stranger, prefix) for prefix in ("/api/v1", "/api", "")} == {200}
    settings.DATAFEED_PUBLIC = False
    assert (ask(stranger, "/api/v1"), ask(member, "/api/v1")) == (401, 200)
