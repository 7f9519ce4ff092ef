"""What looks far back is deployed at once, warms up beside the bars that close, and decides as if it always had."""

from collections.abc import Callable
from typing import Any

import pytest

from formulas import live, parity
from formulas.engine import Bars, compile_formula
from formulas.engine.history import run_history
from formulas.live import evaluation
from formulas.models import Deployment, Signal
from formulas.services import deployments
from formulas.tests.conftest import DAY, FIRST_DAY, Market

pytestmark = pytest.mark.django_db

WAVE = [10.0, 11.0, 12.0, 11.5, 10.5, 9.5, 9.0, 9.8]
FAR = "if crossover(close, ema(5)): buy()\nif crossunder(close, ema(5)): sell()"
STOPPED = f"{FAR}\nstop_loss(pct=1)"
Deploy = Callable[..., Deployment]


@pytest.fixture(autouse=True)
def _little_at_once(monkeypatch: Any) -> None:
    """Twenty bars are much here."""
    monkeypatch.setattr(deployments, "MOST_AT_ONCE", 20)


@pytest.fixture
def deploy(person: Any, client_of: Any, formula_of: Any, market: Market) -> Deploy:
    ann = person("ann")

    def post(code: str) -> Deployment:
        body = {"formula_id": formula_of(ann, code)["id"], "symbol": "ACME", "resolution": "1D"}
        response = client_of(ann).post("/api/v1/deployments/", body)
        assert response.status_code == 201, response.content
        return Deployment.objects.get(pk=response.json()["id"])

    return post


def close(market: Market, closes: list[float]) -> None:
    for price in closes:
        market.close_bars([price])
        live.evaluate(market.instrument.pk, "1D")


def said(deployment: Deployment) -> list[tuple[int, str]]:
    return list(deployment.signals.order_by("bar_time").values_list("bar_time", "side"))


def by_history(code: str, closes: list[float], after: int) -> list[tuple[int, str]]:
    """What a formula says over daily bars with these closes, from the first bar on, later than the one numbered so."""
    rows = [(FIRST_DAY + DAY * day, *[price] * 4, 100.0) for day, price in enumerate(closes)]
    decisions = run_history(compile_formula(code), Bars.from_rows(rows))
    return [(one.time, str(one.side)) for one in decisions if one.time > FIRST_DAY + DAY * after]


def test_a_request_does_not_wait_for_the_past_and_says_that_it_is_warming_up(
    person: Any, client_of: Any, deploy: Deploy, market: Market
) -> None:
    market.close_bars(WAVE * 5)
    far = deploy(FAR)
    assert (far.is_warming, far.warm_from, far.detail) == (True, None, "is warming up")
    client = client_of(far.formula.author)
    shown = client.get(f"/api/v1/deployments/{far.pk}").json()
    assert (shown["status"], shown["is_warming"], shown["detail"]) == ("running", True, "is warming up")
    assert live.warm_up() == 1
    shown = client.get(f"/api/v1/deployments/{far.pk}").json()
    assert (shown["status"], shown["is_warming"], shown["detail"]) == ("running", False, "")
    assert live.warm_up() == 0


def test_what_needs_few_bars_takes_part_at_once(deploy: Deploy, market: Market) -> None:
    market.close_bars(WAVE * 2)
    assert not deploy(FAR).is_warming


@pytest.mark.parametrize("code", [FAR, STOPPED])
def test_it_takes_no_bar_while_it_warms_up_and_then_decides_as_history_does(
    deploy: Deploy, market: Market, code: str
) -> None:
    market.close_bars(WAVE * 5)
    far = deploy(code)
    close(market, WAVE)
    assert not Signal.objects.exists()
    live.warm_up()
    close(market, WAVE * 2)
    assert said(far) == by_history(code, WAVE * 8, after=47)
    assert len(said(far)) > 3
    assert parity.check_deployment(far).status == "exact"


def test_it_joins_those_that_run_without_a_new_beginning(deploy: Deploy, market: Market) -> None:
    market.close_bars(WAVE * 2)
    first = deploy("if close > 11: buy()")
    close(market, WAVE * 3)
    far = deploy(FAR)
    close(market, WAVE)
    series = (market.instrument.pk, "1D")
    (cohort,) = evaluation._cohorts[series].values()
    before = cohort.built_at
    live.warm_up()
    close(market, WAVE)
    assert list(evaluation._cohorts[series].values()) == [cohort]
    assert cohort.built_at == before
    assert said(far) == by_history(FAR, WAVE * 7, after=47)
    assert said(first) == by_history("if close > 11: buy()", WAVE * 7, after=15)


def test_bars_that_closed_while_it_was_made_ready_are_not_acted_on(
    deploy: Deploy, market: Market, monkeypatch: Any
) -> None:
    market.close_bars(WAVE * 5)
    far = deploy(FAR)
    real = evaluation.admit

    def admit(*args: Any) -> bool:
        close(market, WAVE)
        return real(*args)

    monkeypatch.setattr("formulas.live.warming.admit", admit)
    live.warm_up()
    close(market, WAVE)
    assert said(far) == by_history(FAR, WAVE * 7, after=47)


def test_one_that_is_paused_meanwhile_waits_and_goes_on_at_the_newest_bar(
    client_of: Any, deploy: Deploy, market: Market
) -> None:
    market.close_bars(WAVE * 5)
    far = deploy(FAR)
    client, url = client_of(far.formula.author), f"/api/v1/deployments/{far.pk}"
    assert client.patch(url, {"status": "paused"}).status_code == 200
    assert live.warm_up() == 0
    close(market, WAVE)
    assert not Deployment.objects.get().is_warming
    assert client.patch(url, {"status": "running"}).json()["detail"] == ""
    close(market, WAVE)
    assert said(far) == by_history(FAR, WAVE * 7, after=47)
    assert parity.check_deployment(far).status == "exact"


def test_no_certificate_is_due_of_one_that_has_not_begun(deploy: Deploy, market: Market) -> None:
    market.close_bars(WAVE * 5)
    deploy(FAR)
    assert not parity.due_deployments().exists()
    live.warm_up()
    assert parity.due_deployments().exists()


def test_one_that_cannot_run_is_put_aside_and_the_next_one_joins(deploy: Deploy, market: Market) -> None:
    market.close_bars(WAVE * 5)
    broken, far = deploy(FAR), deploy(STOPPED)
    broken.version.__class__.objects.filter(pk=broken.version_id).update(code="if close >: buy()")
    assert live.warm_up() == 1
    broken.refresh_from_db()
    assert (broken.status, live.warm_up()) == ("failed", 0)
    far.refresh_from_db()
    assert not far.is_warming
