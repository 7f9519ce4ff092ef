"""Parity certificates over REST: what ran live equals the replay, and whatever was touched since is found."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from datafeed.models import Bar, Gap
from formulas import backtests, live, parity
from formulas.engine.command import answer
from formulas.models import Certificate, Deployment, Formula, Signal, Subscription
from formulas.services import deploy_formula, rewind_deployments, set_deployment_status
from formulas.tests.conftest import DAY, FIRST_DAY, Market
from kernel import clock, jobs

pytestmark = pytest.mark.django_db

V1 = "/api/v1"
WAVE = [10.0, 10.5, 11.0, 10.2, 9.5, 9.0, 9.8, 10.4]
CODE = "n = param(3, min=2, max=9)\nif crossover(close, sma(close, n)): buy(size=1 / 3)\n"
CODE += "if crossunder(close, sma(close, n)): sell()\nif close > 10.9: alert(1)"


def run_live(market: Market, closes: list[float]) -> None:
    """Close bars one by one, each evaluated as it closes."""
    for close in closes:
        market.close_bars([close])
        live.evaluate(market.instrument.pk, "1D")


@pytest.fixture
def deployed(market: Market, person: Any, formula_of: Any) -> Deployment:
    """A formula that has run live for four waves after two of history."""
    market.close_bars(WAVE * 2)
    formula = Formula.objects.get(pk=formula_of(person("ann"), CODE)["id"])
    deployment = deploy_formula(formula=formula, instrument=market.instrument, resolution="1D", parameters={"n": 4})
    run_live(market, WAVE * 4)
    deployment.refresh_from_db()
    return deployment


@pytest.fixture
def certified(client_of: Any, person: Any, deployed: Deployment) -> Callable[[], dict[str, Any]]:
    """Have the formula's deployments certified as its author does; what the certificate then says."""

    def certify() -> dict[str, Any]:
        client = client_of(deployed.formula.author)
        response = client.post(f"{V1}/formulas/{deployed.formula_id}/parity")
        assert response.status_code == 202, response.content
        assert jobs.run_job(response.json()["id"])
        return dict(client.get(f"{V1}/formulas/{deployed.formula_id}/parity").json())

    return certify


def moment(stamp: int) -> str:
    return clock.isoformat(clock.from_epoch(stamp))


def test_what_ran_live_is_exact(deployed: Deployment, certified: Any) -> None:
    body = certified()
    (one,) = body["deployments"]
    assert (body["status"], one["status"], one["first_difference"]) == ("exact", "exact", None)
    assert one["signals"] == Signal.objects.count() > 5
    assert one["head"] == Signal.objects.order_by("-bar_time").first().hash
    assert (one["symbol"], one["version"], one["through"]) == ("ACME", 1, "2001-02-17T00:00:00Z")


def test_nobody_has_looked_yet(client_of: Any, deployed: Deployment, person: Any, formula_of: Any) -> None:
    body = client_of(person("ben")).get(f"{V1}/formulas/{deployed.formula_id}/parity").json()
    assert (body["status"], body["deployments"][0]["status"]) == ("pending", "pending")
    other = formula_of(person("cat"))
    body = client_of(person("ann2")).get(f"{V1}/formulas/{other['id']}/parity").json()
    assert (body["status"], body["deployments"]) == ("undeployed", [])


def test_it_stays_exact_through_restarts_pauses_and_more_bars(
    market: Market, deployed: Deployment, certified: Any
) -> None:
    assert certified()["status"] == "exact"
    live.forget()
    run_live(market, WAVE)
    set_deployment_status(deployment=deployed, status="paused")
    run_live(market, WAVE)
    set_deployment_status(deployment=deployed, status="running")
    run_live(market, WAVE[:3])
    set_deployment_status(deployment=deployed, status="stopped")
    run_live(market, WAVE)
    set_deployment_status(deployment=deployed, status="running")
    before = Signal.objects.count()
    run_live(market, WAVE)
    assert Signal.objects.count() > before
    body = certified()
    assert body["status"] == "exact", body
    assert body["deployments"][0]["signals"] == Signal.objects.count()


def test_a_flipped_bar_is_found_and_named(deployed: Deployment, certified: Any) -> None:
    signal = Signal.objects.filter(side="buy").order_by("bar_time")[1]
    place = Signal.objects.filter(bar_time__lt=signal.bar_time).count()
    Bar.objects.filter(opened_at=signal.bar_time).update(open=1, high=20, low=1, close=1)
    (one,) = certified()["deployments"]
    found = one["first_difference"]
    assert (one["status"], found["signal"], found["field"]) == ("differs", place, "signal")
    assert (found["bar_time"], found["expected"]) == (moment(signal.bar_time), None)
    assert found["recorded"]["time"] == signal.bar_time


def test_a_changed_close_of_a_signals_bar_shows_as_its_price(deployed: Deployment, certified: Any) -> None:
    signal = Signal.objects.filter(side="buy").order_by("bar_time")[1]
    Bar.objects.filter(opened_at=signal.bar_time).update(close=signal.price + 1, high=30)
    found = certified()["deployments"][0]["first_difference"]
    assert found["field"] == "price"
    assert (found["expected"], found["recorded"]) == (float(signal.price) + 1, float(signal.price))


@pytest.mark.parametrize("is_certified", [False, True])
@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_removed_signal_is_found_and_named(
    deployed: Deployment, certified: Any, place: int, is_certified: bool
) -> None:
    if is_certified:
        certified()
    signals = list(Signal.objects.order_by("bar_time"))
    gone = signals[place]
    Signal.objects.filter(pk=gone.pk).delete()
    found = certified()["deployments"][0]["first_difference"]
    assert (found["signal"], found["field"]) == (signals.index(gone), "signal")
    assert (found["bar_time"], found["recorded"]) == (moment(gone.bar_time), None)
    assert found["expected"]["side"] == gone.side


@pytest.mark.parametrize(
    ("change", "field"),
    [({"price": "9.99"}, "price"), ({"strength": "0.5"}, "size"), ({"action": "short"}, "action")],
)
def test_a_changed_field_is_found_and_named(
    deployed: Deployment, certified: Any, change: dict[str, Any], field: str
) -> None:
    certified()
    signal = Signal.objects.filter(side="sell").order_by("bar_time")[1]
    place = Signal.objects.filter(bar_time__lt=signal.bar_time).count()
    Signal.objects.filter(pk=signal.pk).update(**change)
    found = certified()["deployments"][0]["first_difference"]
    assert (found["signal"], found["field"]) == (place, field)


def test_an_added_signal_is_found(deployed: Deployment, certified: Any) -> None:
    certified()
    forged = Signal.objects.order_by("bar_time")[1]
    forged.pk, forged.bar_time, forged.hash = None, FIRST_DAY + 47 * DAY + 1, ""
    forged.save(force_insert=True)
    found = certified()["deployments"][0]["first_difference"]
    assert (found["field"], found["expected"], found["recorded"]["side"]) == ("signal", None, forged.side)


def test_a_past_written_anew_with_its_bars_is_found_by_the_chain(
    market: Market, deployed: Deployment, certified: Any
) -> None:
    certified()
    # Somebody changes the last signal and the bar that decided it, so that the replay agrees with what is stored.
    Certificate.objects.all().delete()
    signal = Signal.objects.order_by("-bar_time")[0]
    Bar.objects.filter(opened_at=signal.bar_time).update(close=signal.price + 1, high=30)
    Signal.objects.filter(pk=signal.pk).update(price=signal.price + 1)
    found = certified()["deployments"][0]["first_difference"]
    assert (found["field"], found["signal"]) == ("hash", Signal.objects.count() - 1)


@pytest.mark.parametrize("place", [0, 20, 47])
def test_a_bar_that_was_changed_after_its_certificate_shows_as_such(
    deployed: Deployment, certified: Any, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(parity, "BLOCK_BARS", 1)
    assert certified()["status"] == "exact"
    bar, signals = Bar.objects.order_by("opened_at")[place], Signal.objects.count()
    Bar.objects.filter(pk=bar.pk).update(volume=bar.volume + 1)  # which no signal follows from
    for _ in range(2):
        body = certified()
        found = body["deployments"][0]["first_difference"]
        assert (body["status"], found["field"], found["bar_time"]) == ("differs", "bars", moment(bar.opened_at))
    assert body["deployments"][0]["signals"] == signals
    Bar.objects.filter(pk=bar.pk).update(volume=bar.volume)
    assert certified()["status"] == "exact"


def test_a_bar_that_is_taken_away_or_put_in_shows_and_one_that_fills_a_gap_does_not(
    market: Market, deployed: Deployment, certified: Any
) -> None:
    hole = Bar.objects.order_by("opened_at")[3]  # long before the first signal
    certified()
    hole.delete()
    found = certified()["deployments"][0]["first_difference"]
    assert (found["field"], found["bar_time"]) == ("bars", moment(FIRST_DAY))
    Certificate.objects.all().delete()
    Bar.objects.filter(opened_at__lt=hole.opened_at).delete()
    Deployment.objects.update(warm_from=hole.opened_at)
    assert certified()["status"] == "exact"
    hole.save(force_insert=True)
    assert certified()["deployments"][0]["first_difference"]["field"] == "bars"
    Gap.objects.create(series=market.series, since=hole.opened_at, until=hole.opened_at + DAY, filled_at=clock.now())
    assert certified()["status"] == "exact"
    assert certified()["status"] == "exact"


def test_two_certificates_at_once_do_not_disturb_each_other(
    market: Market, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = parity.certify

    def certify(*args: Any) -> Any:
        monkeypatch.setattr(parity, "certify", real)
        before = Signal.objects.count()
        run_live(market, WAVE * 2)
        assert Signal.objects.count() > before
        assert parity.check_deployment(deployed).status == "exact"
        return real(*args)

    monkeypatch.setattr(parity, "certify", certify)
    # The one that began first ends last; it must neither see the signals of the other nor take its place.
    assert parity.check_deployment(deployed).status == "exact"
    newest = Bar.objects.order_by("-opened_at").first()
    assert newest is not None
    assert Certificate.objects.get().through == newest.opened_at


def test_the_export_holds_what_was_raised_since_the_certificate(
    market: Market, client_of: Any, deployed: Deployment, certified: Any
) -> None:
    certified()
    run_live(market, WAVE * 2)
    response = client_of(deployed.formula.author).get(f"{V1}/deployments/{deployed.pk}/record")
    assert answer(["certify"], response.content.decode()) == ('{"parity": "exact"}', 0)
    assert len(response.json()["signals"]) == Signal.objects.count()


def test_stops_and_targets_are_signals_and_are_certified(
    market: Market, person: Any, formula_of: Any, client_of: Any
) -> None:
    market.close_bars(WAVE)
    code = "if crossover(close, sma(close, 3)): buy()\ntake_profit(pct=3)\nstop_loss(pct=6)\ntrail(pct=9)"
    formula = Formula.objects.get(pk=formula_of(person("bob"), code)["id"])
    deployment = deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")
    for close in WAVE * 4:
        if market.days % 5 == 0:
            live.forget()
        run_live(market, [close])
    ended = Signal.objects.filter(action="take_profit")
    assert len(ended) > 2
    assert {signal.side for signal in ended} == {"sell"}
    assert ended[0].reason[0]["expression"] == "take_profit"
    assert parity.check_deployment(deployment).status == "exact"
    shown = client_of(formula.author).get(f"{V1}/signals/{ended[0].pk}").json()
    assert (shown["action"], shown["price"]) == ("take_profit", float(ended[0].price))
    ended[1].delete()
    found = parity.check_deployment(deployment).first_difference
    assert found is not None
    assert found["expected"]["action"] == "take_profit"


def test_the_export_certifies_without_the_platform(client_of: Any, deployed: Deployment, certified: Any) -> None:
    certified()
    client = client_of(deployed.formula.author)
    response = client.get(f"{V1}/deployments/{deployed.pk}/record")
    assert response["Content-Disposition"] == f'attachment; filename="deployment-{deployed.pk}-record.json"'
    assert answer(["certify"], response.content.decode()) == ('{"parity": "exact"}', 0)
    for change in ("bars", "signals"):
        record = json.loads(response.content)
        if change == "bars":
            record["bars"][-3][1:5] = [50.0] * 4
        else:
            del record["signals"][-1]
        text, _ = answer(["certify"], json.dumps(record))
        assert "exact" not in text, change


def test_who_may_have_the_record(person: Any, client_of: Any, deployed: Deployment) -> None:
    ann = deployed.formula.author
    statuses = [
        client_of(who).get(f"{V1}/deployments/{deployed.pk}/record").status_code
        for who in (ann, person("ben"), person("op", role="operator"), person("ad", role="admin"))
    ]
    assert statuses == [200, 404, 403, 200]


def test_only_the_author_has_it_certified_now(person: Any, client_of: Any, deployed: Deployment) -> None:
    address = f"{V1}/formulas/{deployed.formula_id}/parity"
    assert [client_of(person(name)).post(address).status_code for name in ("ben",)] == [404]
    assert client_of(person("ad", role="admin")).post(address).status_code == 202


def test_nobody_has_it_certified_again_and_again(
    client_of: Any, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtests, "MOST_WAITING", 2)
    client = client_of(deployed.formula.author)
    address = f"{V1}/formulas/{deployed.formula_id}/parity"
    assert [client.post(address).status_code for _ in range(3)] == [202, 202, 409]


def test_a_difference_shows_its_signals_to_those_who_may_see_them(
    person: Any, client_of: Any, deployed: Deployment, certified: Any
) -> None:
    Signal.objects.order_by("bar_time").first().delete()
    certified()
    ben, cat = person("ben"), person("cat")
    Subscription.objects.create(user=cat, formula=deployed.formula)
    address = f"{V1}/formulas/{deployed.formula_id}/parity"
    for who, is_shown in ((ben, False), (cat, True), (person("op", role="operator"), True)):
        body = client_of(who).get(address).json()
        assert (body["status"], body["deployments"][0]["first_difference"] is not None) == ("differs", is_shown)


def test_certificates_are_kept_without_being_asked_but_not_with_every_bar(market: Market, deployed: Deployment) -> None:
    job = parity.start_checking_due()
    assert job is not None
    assert parity.start_checking_due() is None  # one is at it
    assert jobs.run_job(job.pk)
    run_live(market, WAVE)
    assert parity.start_checking_due() is None
    Certificate.objects.update(checked_at=clock.now() - timedelta(hours=2))
    assert parity.start_checking_due() is not None


def test_a_market_that_is_reset_begins_its_chain_anew(market: Market, deployed: Deployment, certified: Any) -> None:
    certified()
    Bar.objects.filter(opened_at__gte=FIRST_DAY + 10 * DAY).delete()
    rewind_deployments()
    live.forget()
    market.days = 10
    run_live(market, WAVE * 4)
    body = certified()
    assert (body["status"], body["deployments"][0]["signals"]) == ("exact", Signal.objects.count())
    assert Signal.objects.count() > 5


@pytest.mark.parametrize("is_paused_still", [False, True])
def test_bars_that_were_skipped_before_a_reset_stay_skipped(
    market: Market, deployed: Deployment, certified: Any, is_paused_still: bool
) -> None:
    set_deployment_status(deployment=deployed, status="paused")
    run_live(market, WAVE * 2)
    kept = market.days
    if not is_paused_still:
        set_deployment_status(deployment=deployed, status="running")
    run_live(market, WAVE)
    Bar.objects.filter(opened_at__gte=FIRST_DAY + (kept - 3) * DAY).delete()
    rewind_deployments()
    live.forget()
    market.days = kept - 3
    run_live(market, WAVE * 2)
    if is_paused_still:
        set_deployment_status(deployment=deployed, status="running")
        run_live(market, WAVE)
    body = certified()
    assert body["status"] == "exact", body
    before = FIRST_DAY + (kept - 3) * DAY
    assert Signal.objects.filter(bar_time__gte=before).exists()
    assert not Signal.objects.filter(bar_time__gte=before - 13 * DAY, bar_time__lt=before).exists()


def test_what_is_due_is_certified_some_at_a_time_who_waited_longest_first(
    market: Market, deployed: Deployment, formula_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "DUE_AT_ONCE", 2)
    formula = Formula.objects.get(pk=formula_of(deployed.formula.author)["id"])
    for n in (3, 5, 6):
        deploy_formula(formula=deployed.formula, instrument=market.instrument, resolution="1D", parameters={"n": n})
    deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")
    asked: list[int] = []
    while job := parity.start_checking_due():
        ids = job.parameters["deployment_ids"]
        assert len(ids) <= 2
        asked += ids
        assert jobs.run_job(job.pk)
    assert asked == sorted(Deployment.objects.values_list("pk", flat=True))


def test_a_version_that_no_longer_compiles_differs(deployed: Deployment, certified: Any) -> None:
    certified()
    deployed.version.__class__.objects.filter(pk=deployed.version_id).update(code="if close > 1: buy()")
    assert certified()["status"] == "differs"
