"""The classic datafeed keeps to what charting libraries and their adapters expect of it."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from datafeed import marks
from datafeed.marks import Mark, use_marks
from datafeed.models import Instrument, Series
from datafeed.services import load_history
from datafeed.tests.conftest import DAY, MONDAY, bar

FRIDAY, NEXT_MONDAY, LAST = MONDAY + 4 * DAY, MONDAY + 7 * DAY, MONDAY + 11 * DAY
HUGE = 4_000_000_000


@pytest.fixture
def stranger(client_of: Callable[..., APIClient]) -> APIClient:
    return client_of(None)


def ask(client: APIClient, path: str, **query: Any) -> Any:
    query = {{"since": "from", "until": "to"}.get(name, name): value for name, value in query.items()}
    return client.get(f"/api/v1/udf/{path}", query)


def history(client: APIClient, **query: Any) -> Any:
    return ask(client, "history", **{"symbol": "IBM", "resolution": "1D", **query}).json()


def test_config_has_exactly_one_way_to_find_symbols_and_says_what_is_there(
    stranger: APIClient, ten_days: Series
) -> None:
    answer = ask(stranger, "config").json()
    assert (answer["supports_search"], answer["supports_group_request"]) == (True, False)
    assert (answer["supports_time"], answer["supports_marks"]) == (True, True)
    assert "1D" in answer["supported_resolutions"]
    assert answer["exchanges"][0]["value"] == answer["symbols_types"][0]["value"] == ""


@pytest.mark.parametrize("name", ["IBM", "ibm", "NYSE:IBM", "nyse:ibm"])
def test_a_symbol_resolves_by_its_name_with_or_without_its_exchange(
    stranger: APIClient, ten_days: Series, name: str
) -> None:
    answer = ask(stranger, "symbols", symbol=name).json()
    assert (answer["name"], answer["ticker"], answer["exchange"]) == ("IBM", "IBM", "NYSE")
    assert (answer["pricescale"], answer["minmov"], answer["session"]) == (100, 1, "0930-1600")
    assert "s" not in answer


@pytest.mark.parametrize("name", ["NOPE", " ", "LSE:IBM", "NYSE:", ":IBM", "\x00", "🚀", "x" * 300])
def test_an_unknown_symbol_is_an_error_that_adapters_recognise(
    stranger: APIClient, ten_days: Series, name: str
) -> None:
    answer = ask(stranger, "symbols", symbol=name)
    assert (answer.status_code, answer.json()) == (404, {"s": "error", "errmsg": "unknown_symbol"})


def test_the_hours_of_a_symbol_are_those_its_bars_keep_in_a_zone_the_library_knows(
    stranger: APIClient, minutes: Series, instrument: Callable[..., Instrument]
) -> None:
    instrument("BTCUSD", session="24x7", timezone="UTC")
    assert ask(stranger, "symbols", symbol="GOOGL").json()["session"] == "24x7"
    assert ask(stranger, "symbols", symbol="BTCUSD").json()["timezone"] == "Etc/UTC"


def test_search_finds_by_the_capitals_that_adapters_send(stranger: APIClient, ten_days: Series) -> None:
    [found] = ask(stranger, "search", query="BUSINESS MACH", type="", exchange="", limit=30).json()
    assert found == {
        "symbol": "IBM",
        "full_name": "NYSE:IBM",
        "description": "International Business Machines",
        "exchange": "NYSE",
        "ticker": "IBM",
        "type": "stock",
    }
    assert ask(stranger, "search", query="IBM", type="crypto").json() == []
    assert ask(stranger, "search", query="IBM", exchange="LSE").json() == []
    assert len(ask(stranger, "search").json()) == 1


def test_a_group_is_an_exchange_as_a_table(stranger: APIClient, ten_days: Series) -> None:
    table = ask(stranger, "symbol_info", group="nyse").json()
    assert table["symbol"] == table["ticker"] == ["IBM"]
    assert {len(column) for column in table.values()} == {1}
    assert (table["exchange-traded"], table["supported-resolutions"]) == (["NYSE"], [["1D", "1W", "1M"]])
    for path, query, status in (
        ("symbol_info", {"group": "AMEX"}, 404),
        ("symbol_info", {}, 400),
        ("symbols", {}, 400),
    ):
        refused = ask(stranger, path, **query)
        assert (refused.status_code, refused.json()["s"]) == (status, "error")


def test_a_window_begins_with_from_and_ends_before_to(stranger: APIClient, ten_days: Series) -> None:
    answer = history(stranger, since=MONDAY + DAY, until=MONDAY + 3 * DAY)
    assert answer == {
        "s": "ok",
        "t": [MONDAY + DAY, MONDAY + 2 * DAY],
        "o": [11.0, 12.0],
        "h": [11.5, 12.5],
        "l": [10.5, 11.5],
        "c": [11.0, 12.0],
        "v": [100.0, 100.0],
    }


def test_a_count_outranks_from_and_reaches_back_over_the_weekend(stranger: APIClient, ten_days: Series) -> None:
    window = {"since": NEXT_MONDAY, "until": NEXT_MONDAY + DAY}
    assert history(stranger, **window, countback=3)["t"] == [FRIDAY - DAY, FRIDAY, NEXT_MONDAY]
    assert history(stranger, until=NEXT_MONDAY + DAY, countback=2)["t"] == [FRIDAY, NEXT_MONDAY]
    assert history(stranger, since=MONDAY, until=HUGE, countback=1)["t"] == [LAST]
    assert len(history(stranger, since=LAST, until=HUGE, countback=300)["t"]) == 10


def test_scrolling_back_by_count_sees_every_bar_once_and_ends(stranger: APIClient, ten_days: Series) -> None:
    seen: list[int] = []
    until = HUGE
    while (answer := history(stranger, since=0, until=until, countback=3))["s"] == "ok":
        seen = answer["t"] + seen
        until = answer["t"][0]
    assert answer == {"s": "no_data"}
    assert seen == [MONDAY + day * DAY for day in range(14) if day % 7 < 5]


def test_an_empty_window_without_a_count_names_the_closest_earlier_bar(stranger: APIClient, ten_days: Series) -> None:
    weekend = {"since": FRIDAY + DAY, "until": NEXT_MONDAY}
    assert history(stranger, **weekend) == {"s": "no_data", "nextTime": FRIDAY}
    assert history(stranger, since=0, until=MONDAY) == {"s": "no_data"}


def test_weeks_and_months_are_stamped_with_their_days(stranger: APIClient, ten_days: Series) -> None:
    assert history(stranger, resolution="W", since=0, until=HUGE)["t"] == [MONDAY, NEXT_MONDAY]
    load_history(series=ten_days, bars=[bar(MONDAY + 28 * DAY)])  # 2014-02-03
    # The second has only begun.
    assert history(stranger, resolution="1M", since=0, until=HUGE)["t"] == [MONDAY, MONDAY + 28 * DAY]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"symbol": "NOPE"}, 404, "unknown_symbol"),
        ({"symbol": ""}, 400, "symbol: This parameter is required."),
        ({"resolution": "5"}, 400, "resolution: '5' is not served; choose one of 1D, 1W, 1M."),
        ({"resolution": "1h"}, 400, "resolution: '1h' is not served; choose one of 1D, 1W, 1M."),
        ({"since": "x"}, 400, "from: A whole number is required."),
        ({"since": ""}, 400, "from: This parameter is required."),
        ({"until": ""}, 400, "to: This parameter is required."),
        ({"until": "9" * 400}, 400, "to: A whole number is required."),
        ({"countback": "0"}, 400, "countback: Must be at least 1."),
        ({"since": "", "until": ""}, 400, "from: This parameter is required.; to: This parameter is required."),
    ],
)
@pytest.mark.parametrize("path", ["history", "marks", "timescale_marks"])
def test_a_fault_of_a_window_is_an_error_that_says_what(
    stranger: APIClient, ten_days: Series, path: str, change: dict[str, Any], status: int, message: str
) -> None:
    query = {"symbol": "IBM", "resolution": "1D", "since": 0, "until": HUGE, **change}
    answer = ask(stranger, path, **query)
    assert (answer.status_code, answer.json()) == (status, {"s": "error", "errmsg": message})


def test_the_time_is_a_bare_number_of_seconds(stranger: APIClient, db: None) -> None:
    body = ask(stranger, "time").content.decode()
    assert body.isdigit()
    assert 1_700_000_000 < int(body) < HUGE


def test_quotes_have_an_entry_for_each_symbol_as_it_was_asked(stranger: APIClient, ten_days: Series) -> None:
    answer = ask(stranger, "quotes", symbols="NYSE:IBM,nope,").json()
    assert (answer["s"], [quote["n"] for quote in answer["d"]]) == ("ok", ["NYSE:IBM", "nope", ""])
    assert [quote["s"] for quote in answer["d"]] == ["ok", "error", "error"]
    assert answer["d"][0]["v"]["lp"] == 19.0
    for symbols in ("", ",".join(["IBM"] * 101), "x" * 9_000):
        refused = ask(stranger, "quotes", symbols=symbols)
        assert (refused.status_code, refused.json()["s"]) == (400, "error")


@pytest.mark.parametrize("prefix", ["", "/api", "/api/v1"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "nothing", 404),
        ("get", "nothing/", 404),
        ("get", "", 404),
        ("post", "config", 405),
        ("get", "symbols?symbol=X", 404),
        ("get", "search?limit=x", 400),
    ],
)
def test_every_refusal_on_a_classic_path_has_the_body_adapters_read(
    stranger: APIClient, db: None, prefix: str, method: str, path: str, status: int
) -> None:
    answer = getattr(stranger, method)(f"{prefix}/udf/{path}")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    assert set(answer.json()) == {"s", "errmsg"}
    assert answer.json()["s"] == "error"


def test_a_fault_of_ours_and_a_call_too_many_have_it_too(
    client_of: Any, ten_days: Series, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret")

    stranger = APIClient(raise_request_exception=False)
    settings.PUBLIC_CALLS_PER_MINUTE = 1
    with monkeypatch.context() as patched:
        patched.setattr("datafeed.api.udf_shapes.config", fail)
        broken = ask(stranger, "config")
    assert (broken.status_code, broken.json()["s"]) == (500, "error")
    assert "secret" not in broken.content.decode()
    late = [ask(stranger, "config") for _ in range(3)][-1]
    assert (late.status_code, late.json()["s"]) == (429, "error")
    assert int(late["Retry-After"]) > 0


def test_strangers_are_refused_where_market_data_is_not_public(
    client_of: Any, person: Any, ten_days: Series, settings: Any
) -> None:
    settings.DATAFEED_PUBLIC = False
    refused = ask(client_of(None), "config")
    assert (refused.status_code, refused.json()["s"]) == (401, "error")
    assert ask(client_of(person()), "config").status_code == 200


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> list[Mark]:
    """Marks of one's own choosing, on any instrument and for anybody."""
    found: list[Mark] = []
    monkeypatch.setattr(marks, "_source", [])
    use_marks(lambda user, instrument_id, since, until: [one for one in found if since <= one.closed_at < until])
    return found


def mark(number: int, resolution: str, opened_at: int, closed_at: int) -> Mark:
    return Mark(f"m{number}", resolution, opened_at, closed_at, "green", "B", "bought")


def test_marks_stand_on_the_bar_of_the_chart_that_they_belong_to(
    stranger: APIClient, ten_days: Series, marked: list[Mark]
) -> None:
    close = 16 * 3_600 + 5 * 3_600  # 16:00 in New York, in January
    marked.append(mark(1, "1D", MONDAY + DAY, MONDAY + DAY + close))
    for resolution, time in (("1D", MONDAY + DAY), ("1W", MONDAY), ("W", MONDAY)):
        [found] = ask(stranger, "marks", symbol="IBM", resolution=resolution, since=0, until=HUGE).json()
        assert (found["id"], found["time"], found["color"], found["label"]) == ("m1", time, "green", "B")
    outside = ask(stranger, "marks", symbol="IBM", resolution="1D", since=MONDAY + 2 * DAY, until=HUGE)
    assert outside.json() == []


def test_a_mark_of_a_minute_stands_on_its_day(stranger: APIClient, ten_days: Series, marked: list[Mark]) -> None:
    noon = MONDAY + 17 * 3_600
    marked.append(mark(1, "1", noon - 60, noon))
    [found] = ask(stranger, "marks", symbol="IBM", resolution="1D", since=0, until=HUGE).json()
    assert found["time"] == MONDAY


def test_a_bar_has_at_most_ten_marks(stranger: APIClient, ten_days: Series, marked: list[Mark]) -> None:
    marked.extend(mark(number, "1D", MONDAY, MONDAY + DAY - 10) for number in range(15))
    found = ask(stranger, "marks", symbol="IBM", resolution="1D", since=0, until=HUGE).json()
    assert [one["id"] for one in found] == [f"m{number}" for number in range(10)]


@pytest.mark.parametrize(
    ("query", "said"),
    [({"currencyCode": "EUR"}, "IBM is in USD"), ({"unitId": "barrel"}, "Units are not converted")],
)
def test_prices_in_another_currency_or_unit_are_refused_and_not_mislabelled(
    stranger: APIClient, ten_days: Series, query: dict[str, str], said: str
) -> None:
    window = {"symbol": "IBM", "resolution": "1D", "to": 2_000_000_000, "countback": 2}
    for path in ("/udf/symbols", "/udf/history"):
        answer = stranger.get(path, {**window, **query}).json()
        assert (answer["s"], said in answer["errmsg"]) == ("error", True)
        assert stranger.get(path, {**window, "currencyCode": "usd", "unitId": ""}).json().get("s", "ok") == "ok"


def test_the_one_part_of_the_day_is_named(stranger: APIClient, ten_days: Series) -> None:
    answer = stranger.get("/udf/symbols", {"symbol": "IBM"}).json()
    [regular] = answer["subsessions"]
    assert answer["subsession_id"] == regular["id"] == "regular"
    assert (regular["session"], regular["session-correction"]) == (answer["session"], answer["corrections"])
    assert answer["currency_code"] == answer["original_currency_code"] == "USD"
