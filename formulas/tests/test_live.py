"""Formulas running live: every closed bar once, whatever stops and starts in between."""

from decimal import Decimal
from typing import Any

import pytest

from formulas import engine, live, tasks
from formulas.live import evaluation
from formulas.models import Deployment, Formula, Signal
from formulas.services import deploy_formula, deployments, set_deployment_status
from formulas.tests.conftest import CROSSING, UP_AND_DOWN, Market

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployed(market: Market, person: Any, formula_of: Any) -> Deployment:
    """The crossing formula, running on a market with three bars."""
    market.close_bars(UP_AND_DOWN[:3])
    formula = Formula.objects.get(pk=formula_of(person("ann"))["id"])
    return deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")


def evaluate(market: Market) -> int:
    return live.evaluate(market.instrument.pk, "1D")


def expected(closes: list[float]) -> list[int]:
    """The positions of the bars on which the history driver says buy."""
    rows = [[day, close, close, close, close, 100.0] for day, close in enumerate(closes)]
    bars = engine.Bars.from_rows(rows)
    return [decision.bar_index for decision in engine.run_history(engine.compile_formula(CROSSING), bars)]


def raised() -> list[int]:
    return list(Signal.objects.order_by("bar_time").values_list("bar_time", flat=True))


def test_bars_raise_the_signals_that_history_says(market: Market, deployed: Deployment) -> None:
    stamps = market.close_bars(UP_AND_DOWN[3:])
    for _ in stamps:
        evaluate(market)
    wanted = expected(UP_AND_DOWN)
    assert wanted, "the market of this test has crossings"
    assert raised() == [stamps[position - 3] for position in wanted]


def test_a_signal_says_why(market: Market, deployed: Deployment) -> None:
    market.close_bars(UP_AND_DOWN[3:5])
    evaluate(market)
    signal = Signal.objects.get()
    assert (signal.side, signal.action, signal.price) == ("buy", "buy", Decimal(12))
    assert signal.closed_at == signal.bar_time + 86_400
    assert {"expression": "close", "value": 12.0} in signal.reason
    assert any(part["expression"].startswith("crossover(") and part["value"] is True for part in signal.reason)


def test_bars_before_the_deployment_raise_nothing(market: Market, person: Any, formula_of: Any) -> None:
    market.close_bars(UP_AND_DOWN)
    formula = Formula.objects.get(pk=formula_of(person())["id"])
    deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")
    assert evaluate(market) == 0


def test_the_same_bar_twice_raises_one_signal(market: Market, deployed: Deployment) -> None:
    market.close_bars(UP_AND_DOWN[3:5])
    assert evaluate(market) == 1
    assert evaluate(market) == 0
    # A second process that had not seen the first one's row yet.
    Deployment.objects.update(evaluated_through=deployed.evaluated_through)
    assert evaluate(market) == 0
    assert Signal.objects.count() == 1


def test_a_restart_at_any_bar_changes_nothing(market: Market, deployed: Deployment) -> None:
    for close in UP_AND_DOWN[3:]:
        market.close_bars([close])
        live.forget()
        evaluate(market)
    assert len(raised()) == len(expected(UP_AND_DOWN))


def test_bars_that_closed_while_nobody_looked_are_caught_up(market: Market, deployed: Deployment) -> None:
    market.close_bars(UP_AND_DOWN[3:])
    assert tasks.catch_up() == len(expected(UP_AND_DOWN))
    assert tasks.catch_up() == 0


def test_a_failed_write_loses_no_signal(market: Market, deployed: Deployment, monkeypatch: Any) -> None:
    market.close_bars(UP_AND_DOWN[3:5])
    with monkeypatch.context() as broken:
        broken.setattr(evaluation, "record_evaluations", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluate(market)
    assert not Signal.objects.exists()
    assert evaluate(market) == 1


def test_a_paused_deployment_is_silent_and_does_not_act_on_old_bars_when_it_resumes(
    market: Market, deployed: Deployment
) -> None:
    set_deployment_status(deployment=deployed, status="paused")
    market.close_bars(UP_AND_DOWN[3:6])
    assert evaluate(market) == 0
    set_deployment_status(deployment=deployed, status="running")
    assert evaluate(market) == 0
    market.close_bars(UP_AND_DOWN[6:])
    evaluate(market)
    assert len(raised()) == len([bar for bar in expected(UP_AND_DOWN) if bar >= 6])


def test_a_deployment_that_cannot_run_is_put_aside_and_the_others_go_on(
    market: Market, deployed: Deployment, person: Any, formula_of: Any
) -> None:
    formula = Formula.objects.get(pk=formula_of(person("bob"))["id"])
    broken = deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")
    formula.versions.update(code="if nonsense: buy()")
    live.forget()
    market.close_bars(UP_AND_DOWN[3:5])
    assert evaluate(market) == 1
    broken.refresh_from_db()
    assert broken.status == "failed"
    assert broken.detail


def test_a_new_version_leaves_what_runs_alone(market: Market, deployed: Deployment, client_of: Any) -> None:
    author = deployed.formula.author
    client_of(author).patch(f"/formulas/{deployed.formula_id}", {"formula_code": "if close > 0: sell()"})
    market.close_bars(UP_AND_DOWN[3:5])
    evaluate(market)
    assert [signal.side for signal in Signal.objects.all()] == ["buy"]


def test_deployments_over_rest(market: Market, person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob, operator = person("ann"), person("bob"), person("olga", role="operator")
    pk = formula_of(ann)["id"]
    body = {"formula_id": pk, "symbol": "acme", "resolution": "D"}
    assert client_of(bob).post("/deployments/", body).status_code == 403
    made = client_of(ann).post("/deployments/", body)
    assert made.status_code == 201
    shown = made.json()
    assert (shown["symbol"], shown["resolution"], shown["status"]) == ("ACME", "1D", "running")
    assert client_of(ann).post("/deployments/", body).status_code == 409
    url = f"/deployments/{shown['id']}"
    assert client_of(bob).get(url).status_code == 404
    assert client_of(bob).delete(url).status_code == 404
    assert client_of(operator).get(url).status_code == 200
    assert client_of(ann).patch(url, {"status": "paused"}).json()["status"] == "paused"
    assert client_of(ann).patch(url, {"status": "gone"}).json()["errors"].keys() == {"status"}
    assert client_of(ann).delete(url).status_code == 204
    assert client_of(ann).get(url).json()["status"] == "stopped"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"symbol": "NOPE"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "x" * 500}, "symbol"),
        ({"resolution": "7"}, "resolution"),
        ({"resolution": "1h"}, "resolution"),
        ({"resolution": "1"}, "resolution"),
        ({"parameters": {"fast": 3}}, "parameters"),
        ({"parameters": [1]}, "parameters"),
        ({"formula_id": "one"}, "formula_id"),
    ],
)
def test_a_deployment_that_cannot_be_names_the_field(
    market: Market, person: Any, client_of: Any, formula_of: Any, changed: dict[str, Any], field: str
) -> None:
    ann = person("ann")
    body = {"formula_id": formula_of(ann)["id"], "symbol": "ACME", "resolution": "1D", **changed}
    response = client_of(ann).post("/deployments/", body)
    assert response.status_code == 400
    assert field in response.json()["errors"]


def test_signals_are_for_author_subscribers_and_operators(
    market: Market, deployed: Deployment, person: Any, client_of: Any
) -> None:
    market.close_bars(UP_AND_DOWN[3:5])
    evaluate(market)
    bob, eve, operator = person("bob"), person("eve"), person("olga", role="operator")
    client_of(bob).post("/subscriptions", {"formula_id": deployed.formula_id})
    pk = Signal.objects.get().pk
    for user, sees in [(deployed.formula.author, True), (bob, True), (operator, True), (eve, False)]:
        client = client_of(user)
        assert client.get(f"/signals/{pk}").status_code == (200 if sees else 404)
        assert client.get("/signals").json()["total"] == sees
        assert client.get(f"/formulas/{deployed.formula_id}/signals").json()["total"] == sees
    shown = client_of(bob).get(f"/signals/{pk}").json()
    assert (shown["symbol"], shown["side"], shown["price"]) == ("ACME", "buy", 12)
    assert client_of(bob).get("/signals", {"symbol": "acme", "side": "sell"}).json()["total"] == 0
    assert client_of(bob).get("/signals", {"side": "up"}).status_code == 400


def test_the_parts_of_a_private_formula_stay_with_its_author(
    market: Market, deployed: Deployment, person: Any, client_of: Any
) -> None:
    bob, author = person("bob"), deployed.formula.author
    client_of(bob).post("/subscriptions", {"formula_id": deployed.formula_id})
    Formula.objects.update(is_public=False)
    market.close_bars(UP_AND_DOWN[3:5])
    evaluate(market)
    pk = Signal.objects.get().pk
    assert client_of(author).get(f"/signals/{pk}").json()["reason"]
    for path in (f"/signals/{pk}", f"/formulas/{deployed.formula_id}", "/notifications", "/signals"):
        answer = client_of(bob).get(path)
        assert answer.status_code == 200
        assert "sma(" not in answer.content.decode()


def test_an_alert_reaches_the_subscribers_once_and_is_no_signal(
    market: Market, person: Any, client_of: Any, formula_of: Any, django_capture_on_commit_callbacks: Any
) -> None:
    ann, bob = person("ann"), person("bob")
    with django_capture_on_commit_callbacks(execute=True):
        formula = Formula.objects.get(pk=formula_of(ann, "if close > 11: alert(7)")["id"])
        client_of(bob).post("/subscriptions", {"formula_id": formula.pk})
    deployment = deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")
    market.close_bars([10.0, 12.0])
    for _ in range(2):
        live.forget()
        Deployment.objects.update(evaluated_through=deployment.evaluated_through)
        with django_capture_on_commit_callbacks(execute=True):
            evaluate(market)
    told = client_of(bob).get("/notifications", {"type": "price_alert"}).json()
    assert [row["title"] for row in told["results"]] == ["Alert 7 on ACME at 12.00"]
    assert not Signal.objects.exists()


@pytest.mark.parametrize(
    "condition",
    ['close > tf("1W", sma(close, 8))', "close > sma(close, 20)[20]", 'crossover(close, tf("2D", lowest(9)) + 1)'],
)
def test_a_deployment_is_warm_from_as_far_back_as_its_formula_looks(
    market: Market, person: Any, formula_of: Any, monkeypatch: Any, condition: str
) -> None:
    monkeypatch.setattr(deployments, "WARM_BARS", 5)
    closes = [10.0 + (7 * day % 11) - (5 * day % 7) for day in range(150)]
    stamps = market.close_bars(closes[:120])
    code = f"if {condition}: buy()"
    formula = Formula.objects.get(pk=formula_of(person("ann"), code)["id"])
    deployment = deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")
    assert deployment.warm_from in stamps[1:-5]
    after = market.close_bars(closes[120:])
    evaluate(market)
    rows = [[stamp, close, close, close, close, 100.0] for stamp, close in zip(stamps + after, closes, strict=True)]
    decided = engine.run_history(engine.compile_formula(code), engine.Bars.from_rows(rows))
    wanted = [decision.time for decision in decided if decision.time >= after[0]]
    assert raised() == wanted
    assert 5 < len(wanted) < 30


def test_a_formula_that_looks_back_further_than_there_are_bars_begins_at_the_first(
    market: Market, person: Any, formula_of: Any
) -> None:
    first, *_ = market.close_bars(UP_AND_DOWN)
    formula = Formula.objects.get(pk=formula_of(person("ann"), 'if close > tf("1W", sma(close, 200)): buy()')["id"])
    deployment = deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")
    assert deployment.warm_from == first


def test_a_stop_that_ends_the_position_is_told_to_who_follows(
    market: Market, person: Any, client_of: Any, formula_of: Any, django_capture_on_commit_callbacks: Any
) -> None:
    ann, bob = person("ann"), person("bob")
    code = "if close == 12: buy()\nstop_loss(pct=10)"
    with django_capture_on_commit_callbacks(execute=True):
        formula = Formula.objects.get(pk=formula_of(ann, code)["id"])
        client_of(bob).post("/subscriptions", {"formula_id": formula.pk})
        deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")
    for close in (12.0, 12.5, 11.0, 11.0):
        market.close_bars([close])
        with django_capture_on_commit_callbacks(execute=True):
            evaluate(market)
    bought, stopped = Signal.objects.order_by("bar_time")
    assert (bought.action, stopped.action, stopped.side, stopped.price) == ("buy", "stop_loss", "sell", Decimal(11))
    assert stopped.reason == [{"expression": "stop_loss", "value": 11.0}]
    told = client_of(bob).get("/notifications", {"type": "trade_signal"}).json()
    assert len(told["results"]) == 2


def test_deployments_are_narrowed_by_formula_symbol_and_status(
    market: Market, deployed: Deployment, client_of: Any, formula_of: Any
) -> None:
    ann = deployed.formula.author
    client = client_of(ann)
    other = Formula.objects.get(pk=formula_of(ann, "if close > 1: buy()")["id"])
    stopped = deploy_formula(formula=other, instrument=market.instrument, resolution="1D")
    set_deployment_status(deployment=stopped, status="stopped")
    for query, wanted in [
        ({"formula_id": other.pk}, [stopped.pk]),
        ({"is_stopped": False}, [deployed.pk]),
        ({"is_stopped": True}, [stopped.pk]),
        ({"status": "running", "symbol": "acme"}, [deployed.pk]),
        ({"symbol": "NONE"}, []),
        ({"formula_id": other.pk, "is_stopped": "false"}, []),
    ]:
        assert [row["id"] for row in client.get("/deployments", query).json()["results"]] == wanted, query
    for query in ({"formula_id": "x"}, {"status": "gone"}, {"is_stopped": "perhaps"}):
        answer = client.get("/deployments", query)
        assert (answer.status_code, answer.json()["errors"].keys()) == (400, query.keys())
