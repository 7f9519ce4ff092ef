"""Instruments: who may read them, who may change them, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from datafeed.models import Bar, Instrument, Series

TESLA = {"symbol": "tsla", "name": "Tesla Inc.", "exchange": "NASDAQ"}
URL = "/api/v1/instruments"


@pytest.fixture
def operator(person: Callable[..., Any], client_of: Callable[..., APIClient]) -> APIClient:
    user = person("olga")
    user.role = "operator"
    user.save()
    return client_of(user)


@pytest.fixture
def trader(person: Callable[..., Any], client_of: Callable[..., APIClient]) -> APIClient:
    return client_of(person("tom"))


def test_an_operator_creates_an_instrument(operator: APIClient) -> None:
    answer = operator.post(URL, TESLA)
    assert answer.status_code == 201
    expected = {
        "id": Instrument.objects.get().pk,
        "symbol": "TSLA",
        "name": "Tesla Inc.",
        "exchange": "NASDAQ",
        "type": "stock",
        "currency": "USD",
        "price_increment": 0.01,
        "lot_size": 1,
        "session": "0930-1600",
        "timezone": "America/New_York",
        "is_active": True,
    }
    assert answer.json() == expected
    assert operator.get(f"{URL}/{expected['id']}").json() == expected


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"symbol": ""}, "symbol"),
        ({"symbol": "ibm"}, "symbol"),
        ({"symbol": "A B"}, "symbol"),
        ({"symbol": "X" * 41}, "symbol"),
        ({"symbol": None}, "symbol"),
        ({"name": ["x"]}, "name"),
        ({"type": "planet"}, "type"),
        ({"currency": "dollars and cents"}, "currency"),
        ({"price_increment": 0}, "price_increment"),
        ({"price_increment": -1}, "price_increment"),
        ({"price_increment": "NaN"}, "price_increment"),
        ({"price_increment": "1e400"}, "price_increment"),
        ({"lot_size": "1e1000000"}, "lot_size"),
        ({"lot_size": 1e-300}, "lot_size"),
        ({"session": "whenever"}, "session"),
        ({"session": "x" * 500}, "session"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"is_active": "perhaps"}, "is_active"),
    ],
)
def test_a_wrong_field_is_named(operator: APIClient, daily: Series, change: dict[str, Any], field: str) -> None:
    answer = operator.post(URL, {**TESLA, **change}, format="json")
    assert (answer.status_code, list(answer.json().get("errors", {}))) == (400, [field])
    assert Instrument.objects.count() == 1


def test_put_replaces_and_patch_changes(operator: APIClient, daily: Series) -> None:
    url = f"{URL}/{daily.instrument_id}"
    assert operator.patch(url, {"name": "Big Blue"}).json()["name"] == "Big Blue"
    assert operator.put(url, {"name": "Big Blue"}).status_code == 400
    full = {**TESLA, "symbol": "IBM", "type": "cfd", "session": "24x7", "timezone": "Etc/UTC"}
    answer = operator.put(url, full).json()
    assert (answer["type"], answer["session"], answer["id"]) == ("cfd", "24x7", daily.instrument_id)
    assert list(operator.patch(url, {"session": "9-5"}).json()["errors"]) == ["session"]


def test_one_with_bars_becomes_inactive_instead_of_being_deleted(operator: APIClient, ten_days: Series) -> None:
    url = f"{URL}/{ten_days.instrument_id}"
    assert operator.delete(url).status_code == 204
    assert (Instrument.objects.get().is_active, Bar.objects.count()) == (False, 10)
    assert operator.patch(url, {"is_active": True}).json()["is_active"] is True


def test_one_without_bars_is_deleted(operator: APIClient, daily: Series) -> None:
    assert operator.delete(f"{URL}/{daily.instrument_id}").status_code == 204
    assert not Instrument.objects.exists()


def test_everybody_signed_in_reads_and_only_operators_write(
    trader: APIClient, client_of: Callable[..., APIClient], daily: Series
) -> None:
    one = f"{URL}/{daily.instrument_id}"
    assert trader.get(URL).json()["results"][0]["symbol"] == "IBM"
    assert trader.get(one).status_code == 200
    writes = [("post", URL), ("put", one), ("patch", one), ("delete", one)]
    assert {getattr(trader, method)(url, TESLA).status_code for method, url in writes} == {403}
    reads = [("get", URL), ("get", one)]
    stranger = client_of(None)
    assert {getattr(stranger, method)(url, {}).status_code for method, url in [*reads, *writes]} == {401}
    assert Instrument.objects.get().name == "International Business Machines"


def test_an_inactive_instrument_exists_for_operators_alone(
    trader: APIClient, operator: APIClient, daily: Series
) -> None:
    Instrument.objects.update(is_active=False)
    one = f"{URL}/{daily.instrument_id}"
    assert (trader.get(one).status_code, operator.get(one).status_code) == (404, 200)
    assert (trader.get(URL).json()["total"], operator.get(URL).json()["total"]) == (0, 1)


@pytest.mark.parametrize("number", ["0", "007", "-1", "abc", "9" * 18, "9" * 400, "1e3"])
def test_an_id_that_names_nothing_is_not_found(trader: APIClient, daily: Series, number: str) -> None:
    assert trader.get(f"{URL}/{number}").status_code == 404


def test_a_repeated_creation_with_one_key_happens_once(operator: APIClient) -> None:
    answers = [operator.post(URL, TESLA, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert Instrument.objects.count() == 1


def test_the_list_is_filtered_by_its_fields(trader: APIClient, daily: Series, minutes: Series) -> None:
    def listed(**query: str) -> list[str]:
        return [found["symbol"] for found in trader.get(URL, query).json()["results"]]

    assert listed() == ["GOOGL", "IBM"]
    assert listed(exchange="NYSE") == ["IBM"]
    assert listed(symbol="GOOGL") == ["GOOGL"]


def test_search_shows_the_symbol_itself_first_then_beginnings_then_words(
    trader: APIClient, instrument: Callable[..., Instrument]
) -> None:
    names = {
        "CAT": "Caterpillar",
        "CATY": "Cathay General Bancorp",
        "ABC": "Catalent",
        "ZOO": "Big Cat Rescue",
        "DOG": "Locate and Fetch",
        "COW": "Dairy",
    }
    for symbol, name in names.items():
        instrument(symbol, name=name)
    for path, asked in (("/api/v1/datafeed/search", "user_input"), ("/udf/search", "query")):
        found = [row["symbol"] for row in trader.get(path, {asked: "CAT"}).json()]
        assert found == ["CAT", "CATY", "ABC", "ZOO", "DOG"], path
        assert [row["symbol"] for row in trader.get(path, {asked: "rescue big"}).json()] == ["ZOO"]
        assert [row["symbol"] for row in trader.get(path, {asked: ""}).json()] == sorted(names)
