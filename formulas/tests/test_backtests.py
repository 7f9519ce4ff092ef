"""Backtests over REST: started, run as jobs, read and kept from those they are not for."""

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from datafeed.models import Instrument
from formulas import backtests, engine
from formulas.engine.backtest import backtest
from formulas.models import Backtest, Subscription
from formulas.tests.conftest import CROSSING, FIRST_DAY, UP_AND_DOWN, Market
from kernel import jobs
from kernel.models import Job

pytestmark = pytest.mark.django_db

V1 = "/api/v1"
IN_AND_OUT = "if crossover(close, sma(close, 3)): buy()\nif crossunder(close, sma(close, 3)): sell()"
TUNED = "n = param(3, min=2, max=5)\nif crossover(close, sma(close, n)): buy()"
Start = Callable[..., Any]


@pytest.fixture
def start(client_of: Any, market: Market) -> Start:
    """Ask for a backtest: `start(user, formula, **changes)` is the response."""
    market.close_bars(UP_AND_DOWN * 3)

    def post(user: Any, formula: dict[str, Any], **changes: Any) -> Any:
        body = {"symbol": "ACME", "resolution": "1D", **changes}
        return client_of(user).post(f"{V1}/formulas/{formula['id']}/backtest", body)

    return post


def done(client: Any, response: Any) -> dict[str, Any]:
    """The backtest once its job has run."""
    assert response.status_code == 202, response.content
    job = response.json()
    assert (job["status"], response["Location"]) == ("queued", job["url"])
    assert jobs.run_job(job["id"])
    ended = client.get(job["url"]).json()
    assert ended["status"] == "succeeded", ended
    return dict(client.get(f"{V1}/backtests/{ended['result']['backtest_id']}").json())


def test_a_backtest_gives_what_the_engine_gives(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    formula = formula_of(ann, IN_AND_OUT)
    body = done(client_of(ann), start(ann, formula, initial_capital=5_000, fee_bps=10, slippage_bps=0))
    closes = UP_AND_DOWN * 3
    bars = engine.Bars.from_rows([(FIRST_DAY + day * 86_400, c, c, c, c, 100.0) for day, c in enumerate(closes)])
    expected = backtest(engine.compile_formula(IN_AND_OUT), bars, engine.Terms(5_000.0, 10.0, 0.0))
    assert body["metrics"] == expected.metrics
    assert (body["in_sample"], body["out_of_sample"]) == (expected.in_sample, expected.out_of_sample)
    counted = [body["metrics"][name] for name in ("trades", "open_trades", "max_drawdown_bars")]
    assert [type(count) for count in counted] == [int] * 3, "what is counted is a whole number"
    assert [point["equity"] for point in body["equity_curve"]] == expected.equity.tolist()
    assert [point["drawdown"] for point in body["equity_curve"]] == expected.drawdown.tolist()
    assert [point["buy_and_hold"] for point in body["equity_curve"]] == expected.buy_and_hold.tolist()
    assert body["equity_curve"][0]["bar_time"] == "2001-01-01T00:00:00Z"
    assert [trade["pnl"] for trade in body["trades"]] == [trade.pnl for trade in expected.trades] != []
    assert (body["status"], body["simulated"], body["assumptions"]["bars"]) == ("succeeded", True, 30)
    assert (body["symbol"], body["formula_version"], body["fee_bps"]) == ("ACME", 1, 10)


def test_it_uses_the_bars_between_two_moments(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    window = {"from": "2001-01-03T00:00:00Z", "to": "2001-01-13T00:00:00Z"}
    body = done(client_of(ann), start(ann, formula_of(ann), **window))
    assert [body["equity_curve"][place]["bar_time"][:10] for place in (0, -1)] == ["2001-01-03", "2001-01-12"]
    assert {name: body[name] for name in window} == window


def test_several_symbols_give_a_backtest_each(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    other = Instrument.objects.create(symbol="OTHER", name="O", exchange="X", session="24x7", timezone="Etc/UTC")
    Market.close_bars(market_of(other), [1.0, 2.0, 3.0])
    response = start(ann, formula_of(ann), symbols=["other", "ACME", "OTHER"])
    done(client_of(ann), response)
    listed = client_of(ann).get(f"{V1}/backtests").json()
    assert (listed["total"], {row["symbol"] for row in listed["results"]}) == (2, {"ACME", "OTHER"})
    assert "equity_curve" not in listed["results"][0]
    assert client_of(ann).get(f"{V1}/backtests?symbol=other").json()["total"] == 1
    assert client_of(ann).get(f"{V1}/backtests?formula_id=999").json()["total"] == 0


def market_of(instrument: Instrument) -> Market:
    market = Market.__new__(Market)
    market.instrument, market.days = instrument, 0
    market.series = instrument.series.create(resolution="1D", provider="replay")
    return market


def test_parameters_change_the_outcome(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    formula = formula_of(ann, TUNED)
    two, five = (done(client_of(ann), start(ann, formula, parameters={"n": n})) for n in (2, 5))
    assert (two["parameters"], five["parameters"]) == ({"n": 2}, {"n": 5})
    assert two["trades"] != five["trades"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"symbol": "NOTHING"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"symbols": ["ACME", "NOTHING"]}, "symbols"),
        ({"symbols": ["ACME"] * 21}, "symbols"),
        ({"resolution": "1"}, "resolution"),
        ({"resolution": "soon"}, "resolution"),
        ({"from": "2030-01-01T00:00:00Z"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2001-01-05T00:00:00Z", "to": "2001-01-05T00:00:00Z"}, "to"),
        ({"initial_capital": 0}, "initial_capital"),
        ({"fee_bps": -1}, "fee_bps"),
        ({"slippage_bps": "nan"}, "slippage_bps"),
        ({"parameters": {"n": 6}}, "parameters"),
        ({"parameters": {"n": "nan"}}, "parameters"),
        ({"parameters": {"other": 3}}, "parameters"),
    ],
)
def test_a_wrong_field_is_named(
    person: Any, formula_of: Any, start: Start, changes: dict[str, Any], field: str
) -> None:
    ann = person("ann")
    response = start(ann, formula_of(ann, TUNED), **changes)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert (Backtest.objects.count(), Job.objects.count()) == (0, 0)


def test_a_symbol_is_needed(person: Any, client_of: Any, formula_of: Any, market: Market) -> None:
    ann = person("ann")
    formula = formula_of(ann)
    response = client_of(ann).post(f"{V1}/formulas/{formula['id']}/backtest", {"resolution": "1D"})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["symbol"])


def test_who_may_read_the_code_may_test_it(person: Any, formula_of: Any, start: Start) -> None:
    ann, ben, operator, admin = person("ann"), person("ben"), person("op", role="operator"), person("ad", role="admin")
    public, private = formula_of(ann), formula_of(ann, is_public=False)
    assert [start(who, public).status_code for who in (ann, ben, operator, admin)] == [202, 403, 403, 202]
    assert [start(who, private).status_code for who in (ann, ben, operator, admin)] == [202, 404, 404, 202]
    subscription = Subscription.objects.create(user=ben, formula_id=public["id"])
    assert start(ben, public).status_code == 202
    subscription.is_active = False
    subscription.save()
    assert start(ben, public).status_code == 403


def test_a_backtest_is_its_owners_alone(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann, ben = person("ann"), person("ben")
    formula = formula_of(ann, IN_AND_OUT)
    Subscription.objects.create(user=ben, formula_id=formula["id"])
    body = done(client_of(ben), start(ben, formula))
    for other in (ann, person("ad", role="admin")):
        assert client_of(other).get(f"{V1}/backtests").json()["total"] == 0
        for method, path in (("get", ""), ("get", "/trades.csv"), ("delete", "")):
            assert getattr(client_of(other), method)(f"{V1}/backtests/{body['id']}{path}").status_code == 404
    assert Backtest.objects.count() == 1


def test_no_backtest_shows_the_code(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann, ben = person("ann"), person("ben")
    formula = formula_of(ann, "if crossover(close, sma(close, 3)) and close > 1.29137: buy()")
    Subscription.objects.create(user=ben, formula_id=formula["id"])
    body = done(client_of(ben), start(ben, formula))
    client_of(ann).patch(f"{V1}/formulas/{formula['id']}", {"is_public": False})
    for path in ("", f"/{body['id']}", f"/{body['id']}/trades.csv"):
        shown = client_of(ben).get(f"{V1}/backtests{path}")
        assert (shown.status_code, b"1.29137" in shown.content, b"crossover" in shown.content) == (200, False, False)


def test_the_trades_are_a_table(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    body = done(client_of(ann), start(ann, formula_of(ann, IN_AND_OUT)))
    response = client_of(ann).get(f"{V1}/backtests/{body['id']}/trades.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [float(row["pnl"]) for row in rows] == [trade["pnl"] for trade in body["trades"]]
    assert [row["entry_time"] for row in rows] == [trade["entry_time"] for trade in body["trades"]]


def test_the_same_key_starts_one_backtest(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    address = f"{V1}/formulas/{formula_of(ann)['id']}/backtest"
    body = {"symbol": "ACME", "resolution": "1D"}
    first, again = (client_of(ann).post(address, body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.json()["id"], again["Idempotency-Replayed"]) == (again.json()["id"], "true")
    assert Backtest.objects.count() == 1


def test_a_deleted_backtest_is_gone_and_its_job_with_it(
    person: Any, client_of: Any, formula_of: Any, start: Start
) -> None:
    ann = person("ann")
    job = start(ann, formula_of(ann)).json()
    row = Backtest.objects.get()
    assert client_of(ann).delete(f"{V1}/backtests/{row.pk}").status_code == 204
    assert client_of(ann).get(f"{V1}/backtests/{row.pk}").status_code == 404
    assert client_of(ann).get(job["url"]).json()["status"] == "cancelled"


def test_a_cancelled_backtest_says_so_and_shows_nothing(
    person: Any, client_of: Any, formula_of: Any, start: Start
) -> None:
    ann = person("ann")
    job = start(ann, formula_of(ann)).json()
    Job.objects.filter(pk=job["id"]).update(cancel_requested=True)
    jobs.run_job(job["id"])
    body = client_of(ann).get(f"{V1}/backtests/{Backtest.objects.get().pk}").json()
    assert (body["status"], body["metrics"], body["equity_curve"], body["trades"]) == ("cancelled", None, [], [])


def test_what_is_too_large_fails_with_a_word(
    person: Any, client_of: Any, formula_of: Any, start: Start, monkeypatch: Any
) -> None:
    ann = person("ann")
    monkeypatch.setattr(backtests, "MOST_BARS", 29)
    job = start(ann, formula_of(ann)).json()
    jobs.run_job(job["id"])
    body = client_of(ann).get(f"{V1}/backtests/{Backtest.objects.get().pk}").json()
    assert (body["status"], "too large" in body["error"], body["metrics"]) == ("failed", True, None)


def test_calculations_are_bounded_too(
    person: Any, client_of: Any, formula_of: Any, start: Start, monkeypatch: Any
) -> None:
    ann = person("ann")
    nodes = len(engine.compile_formula(CROSSING).nodes)
    monkeypatch.setattr(backtests, "MOST_WORK", 30 * nodes - 1)
    job = start(ann, formula_of(ann)).json()
    jobs.run_job(job["id"])
    assert client_of(ann).get(job["url"]).json()["status"] == "failed"
    monkeypatch.setattr(backtests, "MOST_WORK", 30 * nodes)
    done(client_of(ann), start(ann, formula_of(ann)))


def test_nobody_queues_without_end(person: Any, formula_of: Any, start: Start, monkeypatch: Any) -> None:
    ann = person("ann")
    formula = formula_of(ann)
    monkeypatch.setattr(backtests, "MOST_WAITING", 1)
    assert start(ann, formula).status_code == 202
    refused = start(ann, formula)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_backtests")


def test_a_deleted_formula_takes_its_backtests_along(
    person: Any, client_of: Any, formula_of: Any, start: Start
) -> None:
    ann = person("ann")
    formula = formula_of(ann)
    done(client_of(ann), start(ann, formula))
    assert client_of(ann).delete(f"{V1}/formulas/{formula['id']}").status_code == 204
    assert client_of(ann).get(f"{V1}/backtests").json()["total"] == 0


def test_a_long_curve_is_thinned_and_keeps_its_ends(monkeypatch: Any) -> None:
    closes = 10.0 + np.sin(np.arange(5_000) / 7.0)
    bars = engine.Bars.from_rows([(day * 86_400, c, c, c, c, 1.0) for day, c in enumerate(closes.tolist())])
    result = backtest(engine.compile_formula(IN_AND_OUT), bars)
    monkeypatch.setattr("formulas.outcomes.MOST_TRADES", 10)
    kept = backtests.outcome_of(result, bars)
    assert len(kept["curve"]) == 2_000
    assert [kept["curve"][place][1] for place in (0, -1)] == [result.equity[0], result.equity[-1]]
    assert (len(kept["trades"]), kept["trades_left_out"]) == (10, len(result.trades) - 10)


def test_a_number_without_an_answer_is_null(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    body = done(client_of(ann), start(ann, formula_of(ann, "if close > 1000: buy()")))
    assert (body["metrics"]["win_rate"], body["metrics"]["trades"], body["trades"]) == (None, 0, [])
    assert backtests.plain({"a": float("nan"), "b": np.float64("inf"), "c": np.int64(3), "d": None}) == {
        "a": None, "b": None, "c": 3, "d": None,
    }  # fmt: skip
    assert Decimal(str(body["initial_capital"])) == 10_000
