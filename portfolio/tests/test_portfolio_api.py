"""Portfolios over REST: what is held, what it is worth, and whose business that is."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from accounts.models import User
from datafeed.selectors.bars import forming_key
from formulas.models import Formula
from formulas.services import create_formula, delete_formula
from kernel.models import AppendOnly
from portfolio.models import Fill, Position
from portfolio.tests.conftest import trade

pytestmark = pytest.mark.django_db

SHAPE = {
    "id",
    "symbol",
    "quantity",
    "average_price",
    "current_price",
    "market_value",
    "unrealized_pnl",
    "unrealized_pnl_percentage",
    "realized_pnl",
    "formula_id",
    "broker_connection_id",
    "opened_at",
}
BODY = {"symbol": "ACME", "quantity": 100, "average_price": 150.00}


def formula_of(author: Any, **fields: Any) -> Formula:
    return create_formula(author=author, name="Crossing", formula_code="if rsi < 30: buy()", **fields)


def held(client: Any) -> list[dict[str, Any]]:
    return list(client.get("/portfolio/current").json()["results"])


def test_the_documents_own_position_is_added_and_found(person: Any, client_of: Any, instrument: Any) -> None:
    instrument(closes={"2024-05-30": 165})
    ann = person("ann")
    formula = formula_of(ann)
    response = client_of(ann).post("/portfolio/positions", {**BODY, "formula_id": formula.pk})
    assert response.status_code == 201
    body = response.json()
    assert set(body) == SHAPE
    assert (body["quantity"], body["average_price"], body["current_price"]) == (100, 150, 165)
    assert (body["market_value"], body["unrealized_pnl"], body["unrealized_pnl_percentage"]) == (16_500, 1_500, 10)
    assert (body["formula_id"], body["broker_connection_id"]) == (formula.pk, None)
    assert body["opened_at"].endswith("Z")
    for path in ("/portfolio/current", "/api/portfolio/current/", "/api/v1/portfolio/current"):
        assert client_of(ann).get(path).json()["results"] == [body]


def test_buying_more_moves_the_average_and_selling_realises(person: Any, client_of: Any, instrument: Any) -> None:
    instrument()
    client = client_of(person())
    for quantity, price in ((100, 150), (100, 170.5), (-50, 180)):
        body = client.post("/portfolio/positions", {**BODY, "quantity": quantity, "average_price": price}).json()
    assert (body["quantity"], body["average_price"], body["realized_pnl"]) == (150, 160.25, 987.5)
    assert len(held(client)) == 1


def test_a_closed_position_is_no_longer_held_but_has_earned(person: Any, client_of: Any, instrument: Any) -> None:
    instrument()
    client = client_of(person())
    client.post("/portfolio/positions", BODY)
    closed = client.post("/portfolio/positions", {**BODY, "quantity": -100, "average_price": 160}).json()
    assert (closed["quantity"], closed["average_price"], closed["realized_pnl"]) == (0, 0, 1_000)
    assert held(client) == []
    stats = client.get("/portfolio/stats").json()
    assert (stats["positions_count"], stats["total_realized_pnl"], stats["total_value"]) == (0, 1_000, 0)
    assert stats["total_return_percentage"] == pytest.approx(6.6667)


def test_a_position_with_a_formula_and_one_without_are_two(person: Any, client_of: Any, instrument: Any) -> None:
    instrument()
    ann = person()
    client, formula = client_of(ann), formula_of(ann)
    for formula_id in (None, formula.pk, None, formula.pk):
        client.post("/portfolio/positions", {**BODY, "formula_id": formula_id})
    assert sorted((one["formula_id"] or 0, one["quantity"]) for one in held(client)) == [(0, 200), (formula.pk, 200)]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"symbol": "NOPE"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": ["ACME"]}, "symbol"),
        ({"symbol": "x" * 100}, "symbol"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": "0.000000001"}, "quantity"),
        ({"quantity": "NaN"}, "quantity"),
        ({"quantity": "Infinity"}, "quantity"),
        ({"quantity": 1e300}, "quantity"),
        ({"quantity": 10**16}, "quantity"),
        ({"quantity": 10**15}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": None}, "quantity"),
        ({"quantity": {"a": 1}}, "quantity"),
        ({"average_price": 0}, "average_price"),
        ({"average_price": -1}, "average_price"),
        ({"average_price": "x"}, "average_price"),
        ({"average_price": 1e300}, "average_price"),
        ({"formula_id": "x"}, "formula_id"),
        ({"formula_id": 0}, "formula_id"),
    ],
)
def test_a_wrong_field_is_named(
    person: Any, client_of: Any, instrument: Any, changed: dict[str, Any], field: str
) -> None:
    instrument()
    response = client_of(person()).post("/portfolio/positions", {**BODY, **changed})
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert list(response.json()["errors"]) == [field]
    assert not Fill.objects.exists()
    assert not Position.objects.exists()


def test_a_formula_one_may_not_see_is_unknown(person: Any, client_of: Any, instrument: Any) -> None:
    instrument()
    secret = formula_of(person("ann"), is_public=False)
    client = client_of(person("bob"))
    answers = [client.post("/portfolio/positions", {**BODY, "formula_id": pk}) for pk in (secret.pk, 999_999, 2**62)]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert {answer.json()["code"] for answer in answers} == {"formula_not_found"}


def test_a_repeat_with_the_same_key_buys_once(person: Any, client_of: Any, instrument: Any) -> None:
    instrument()
    client = client_of(person())
    first, again = (client.post("/portfolio/positions", BODY, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert held(client)[0]["quantity"] == 100


def test_nobody_sees_anothers_portfolio(person: Any, client_of: Any, instrument: Any) -> None:
    trade(person("ann"), instrument(), "10", "5")
    for user in (person("eve"), person("olga", role="operator")):
        client = client_of(user)
        assert held(client) == []
        assert client.get("/portfolio/stats").json()["total_value"] == 0
        assert {point["total_value"] for point in client.get("/portfolio/history").json()["results"]} == {0}


@pytest.mark.parametrize("path", ["current", "stats", "history"])
def test_a_stranger_is_asked_to_sign_in(client_of: Any, db: None, path: str) -> None:
    response = client_of(None).get(f"/api/v1/portfolio/{path}")
    assert response.status_code == 401
    assert response["WWW-Authenticate"]
    assert client_of(None).post("/portfolio/positions", BODY).status_code == 401


def test_without_a_price_nothing_is_made_up(person: Any, client_of: Any, instrument: Any) -> None:
    ann = person()
    trade(ann, instrument("NONE"), "10", "5")
    trade(ann, instrument("EMPTY", {}), "2", "3")
    for one in held(client_of(ann)):
        priced = ("current_price", "market_value", "unrealized_pnl", "unrealized_pnl_percentage")
        assert [one[name] for name in priced] == [None] * 4
    stats = client_of(ann).get("/portfolio/stats").json()
    assert (stats["total_value"], stats["total_unrealized_pnl"], stats["unpriced_positions"]) == (56, 0, 2)


def test_the_forming_bar_is_the_newest_price(person: Any, client_of: Any, instrument: Any) -> None:
    ann, acme = person(), instrument(closes={"2024-05-29": 10, "2024-05-30": 12})
    trade(ann, acme, "10", "10")
    assert held(client_of(ann))[0]["current_price"] == 12
    (series,) = acme.series.all()
    tomorrow = 1_717_113_600
    cache.set(forming_key(series.pk), {"1D": (tomorrow, 12.0, 13.0, 12.0, 12.25, 5.0)})
    assert held(client_of(ann))[0]["current_price"] == 12.25


def test_the_stats_add_up_long_and_short(person: Any, client_of: Any, instrument: Any) -> None:
    ann = person()
    trade(ann, instrument("UP", {"2024-05-30": 11}), "100", "10")
    trade(ann, instrument("DOWN", {"2024-05-30": 24}), "-25", "20")
    stats = client_of(ann).get("/portfolio/stats").json()
    assert stats == {
        "total_value": 500,
        "total_unrealized_pnl": 0,
        "total_realized_pnl": 0,
        "total_return_percentage": 0,
        "positions_count": 2,
        "invested": 1_500,
        "long_value": 1_100,
        "short_value": -600,
        "gross_exposure": 1_700,
        "largest_position_percentage": 64.7059,
        "unpriced_positions": 0,
        "currencies": ["USD"],
    }


def test_numbers_are_kept_to_the_last_digit(person: Any, client_of: Any, instrument: Any) -> None:
    ann = person()
    position = trade(ann, instrument(), "1234567890123.12345678", "0.00000001")
    trade(ann, position.instrument, "0.00000001", "0.00000001")
    kept = Position.objects.get(pk=position.pk)
    assert kept.quantity == Decimal("1234567890123.12345679")
    assert kept.cost == Decimal("12345.6789012312345679")
    assert [entry.quantity for entry in kept.fills.all()] == [Decimal("1234567890123.12345678"), Decimal("0.00000001")]


def test_long_lists_ask_the_database_no_more_than_short_ones(
    person: Any, client_of: Any, instrument: Any, django_assert_max_num_queries: Any
) -> None:
    ann = person()
    for number in range(12):
        trade(ann, instrument(f"S{number}", {"2024-05-30": 10 + number}), "1", "10")
    for path in ("current", "stats"):
        with django_assert_max_num_queries(6):
            assert client_of(ann).get(f"/portfolio/{path}").status_code == 200


def test_a_formula_that_somebody_holds_for_is_retired_not_erased(person: Any, instrument: Any) -> None:
    ann = person()
    formula = formula_of(ann)
    trade(ann, instrument(), "1", "1", formula)
    delete_formula(formula=formula)
    formula.refresh_from_db()
    assert formula.is_retired
    assert formula.version is not None


def test_a_fill_is_never_changed(person: Any, instrument: Any) -> None:
    entry = trade(person(), instrument(), "1", "1").fills.get()
    entry.quantity = Decimal(2)
    with pytest.raises(AppendOnly):
        entry.save()


def test_fills_add_up_to_their_position(person: Any, instrument: Any) -> None:
    ann = person()
    acme = instrument()
    for quantity, price in (("3", "10"), ("-5", "12"), ("4", "11"), ("-2", "1.5")):
        position = trade(ann, acme, quantity, price)
    entries = list(position.fills.all())
    assert sum(entry.quantity for entry in entries) == position.quantity == 0
    assert sum(entry.realized_pnl for entry in entries) == position.realized_pnl


@pytest.fixture
def weeks(person: Any, instrument: Any, clock_at: Callable[[str], None]) -> Any:
    """Bought on Monday the 20th, half sold on Tuesday the 28th of May 2024; it is Friday the 31st."""
    ann, acme = person("ann"), instrument(closes={"2024-05-17": 10, "2024-05-22": 12, "2024-05-29": 15})
    for moment, quantity, price in (("2024-05-20T10:00", "10", "10"), ("2024-05-28T23:59", "-5", "14")):
        clock_at(moment)
        trade(ann, acme, quantity, price)
    clock_at("2024-05-31T15:30")
    return ann


def history(client: Any, **query: Any) -> list[tuple[str, float, float, float]]:
    points = client.get("/portfolio/history", query).json()["results"]
    return [(one["date"][:10], one["total_value"], one["unrealized_pnl"], one["realized_pnl"]) for one in points]


def test_history_tells_what_it_was_worth_each_day(weeks: Any, client_of: Any) -> None:
    points = history(client_of(weeks), **{"from": "2024-05-19"}, size=100)
    assert points == [
        ("2024-05-31", 75, 25, 20),
        ("2024-05-30", 75, 25, 20),
        ("2024-05-29", 75, 25, 20),
        ("2024-05-28", 60, 10, 20),
        *((f"2024-05-{day}", 120, 20, 0) for day in range(27, 21, -1)),
        ("2024-05-21", 100, 0, 0),
        ("2024-05-20", 100, 0, 0),
        ("2024-05-19", 0, 0, 0),
    ]


def test_history_by_week_and_month_takes_the_last_day_of_each(weeks: Any, client_of: Any) -> None:
    client = client_of(weeks)
    weekly = history(client, **{"from": "2024-05-01T00:00:00Z"}, interval="W")
    assert [day for day, *_ in weekly] == ["2024-05-31", "2024-05-26", "2024-05-19", "2024-05-12", "2024-05-05"]
    assert history(client, **{"from": "2024-04-02"}, interval="1M") == [
        ("2024-05-31", 75, 25, 20),
        ("2024-04-30", 0, 0, 0),
    ]


def test_history_has_todays_point_whoever_asks(person: Any, client_of: Any, clock_at: Any) -> None:
    points = client_of(person("new")).get("/portfolio/history").json()
    assert points["total"] == 30
    assert points["results"][0] == {
        "date": "2024-05-31T00:00:00Z",
        "total_value": 0,
        "unrealized_pnl": 0,
        "realized_pnl": 0,
    }
    assert len(history(client_of(person("newer")), days=1)) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2024-13-01"}, "from"),
        ({"from": "9999-12-31T23:59:59-23:00"}, "from"),
        ({"from": "2024-06-01"}, "from"),
        ({"from": "1999-01-01"}, "from"),
        ({"from": "2024-05-02", "to": "2024-05-01"}, "from"),
        ({"to": "0001-01-01"}, "to"),
        ({"to": "\u0662\u0660\u0662\u0664-01-01"}, "to"),
        ({"to": "2024-05-01 or so"}, "to"),
        ({"interval": "1"}, "interval"),
        ({"interval": "sometimes"}, "interval"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"from": "2024-05-30T23:59:59+00:00", "to": "2024-05-29T23:00:00-00:30"}, "from"),
    ],
)
def test_a_wrong_question_about_history_is_named(
    person: Any, client_of: Any, clock_at: Any, query: dict[str, Any], field: str
) -> None:
    response = client_of(person()).get("/portfolio/history", query)
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


def test_the_control_panel_shows_positions_with_their_fills(person: Any, instrument: Any, client: Any) -> None:
    position = trade(person("ann"), instrument(), "10", "5")
    client.force_login(User.objects.create_superuser("root", "root@example.com", "correct horse battery"))
    for path in ("position/", f"position/{position.pk}/change/", "fill/"):
        response = client.get(f"/admin/portfolio/{path}")
        assert response.status_code == 200
        assert b"ACME" in response.content
