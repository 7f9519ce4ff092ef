"""Publishing over REST, and the live record that grows day by day from bars that came afterwards."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from datafeed.models import Bar, Instrument
from datafeed.services.editions import note_rewritten
from formulas import accounts, engine, records, scoring
from formulas.engine.backtest import backtest
from formulas.engine.chain import first_broken
from formulas.engine.command import answer
from formulas.engine.compiler import compile_formula
from formulas.engine.live import LiveProgram
from formulas.models import Deployment, Formula, Publication, PublishedSymbol, RecordDay, Subscription
from formulas.records import FIELDS
from formulas.tests.conftest import DAY, FIRST_DAY, Market
from kernel import clock, jobs
from kernel.models import Job

pytestmark = pytest.mark.django_db

V1 = "/api/v1"
IN_AND_OUT = "if crossover(close, sma(close, 3)): buy()\nif crossunder(close, sma(close, 3)): sell()"
STOPPED = "if crossover(close, sma(close, 3)): buy()\nstop_loss(pct=2)\ntake_profit(pct=3)"
WAVE = [10.0, 10.5, 11.0, 10.2, 9.5, 9.0, 9.8, 10.4]
Publish = Callable[..., Any]


@pytest.fixture
def publish(client_of: Any, market: Market) -> Publish:
    """Publish a formula: `publish(user, formula, **changes)` is the response."""
    market.close_bars(WAVE * 2)

    def post(user: Any, formula: dict[str, Any], **changes: Any) -> Any:
        body = {"symbols": ["ACME"], "resolution": "1D", **changes}
        return client_of(user).post(f"{V1}/formulas/{formula['id']}/publish", body)

    return post


def keep_records() -> int:
    """Let the job of the records run, where anything is due; how many days it wrote."""
    job = scoring.start_keeping_records()
    if job is None:
        return 0
    assert jobs.run_job(job.pk)
    job.refresh_from_db()
    assert job.status == "succeeded", job.error
    return int(job.result["days"])


def performance(client: Any, formula: dict[str, Any]) -> dict[str, Any]:
    response = client.get(f"{V1}/formulas/{formula['id']}/performance")
    assert response.status_code == 200, response.content
    return dict(response.json())


def other_market(symbol: str = "OTHER") -> Market:
    market = Market.__new__(Market)
    market.instrument = Instrument.objects.create(
        symbol=symbol, name=symbol, exchange="X", session="24x7", timezone="Etc/UTC"
    )
    market.days = 0
    market.series = market.instrument.series.create(resolution="1D", provider="replay")
    return market


def test_publishing_fixes_universe_and_costs_and_deploys(
    person: Any, client_of: Any, formula_of: Any, publish: Publish
) -> None:
    ann = person("ann")
    formula = formula_of(ann, IN_AND_OUT)
    other_market().close_bars(WAVE)
    response = publish(ann, formula, symbols=["acme", "OTHER", "ACME"], costs={"fee_bps": 10})
    assert response.status_code == 201, response.content
    body = response.json()
    assert (body["version"], body["symbols"], body["resolution"]) == (1, ["ACME", "OTHER"], "1D")
    assert body["costs"] == {"fee_bps": 10, "slippage_bps": 2}
    assert body["published_at"] == "2001-01-17T00:00:00Z"  # the close of the newest bar: this market is not of today
    assert (body["verified"], body["ended_at"], body["clone_of"]) == (False, None, None)
    running = Deployment.objects.running().filter(formula_id=formula["id"])
    assert sorted(running.values_list("pk", flat=True)) == sorted(body["deployment_ids"])
    assert sorted(running.values_list("instrument__symbol", flat=True)) == ["ACME", "OTHER"]
    assert performance(client_of(ann), formula)["publication"] == body


def test_publishing_again_changes_nothing(person: Any, formula_of: Any, publish: Publish) -> None:
    ann = person("ann")
    formula = formula_of(ann, IN_AND_OUT)
    first, again = publish(ann, formula), publish(ann, formula)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (Publication.objects.count(), Deployment.objects.count()) == (1, 1)


def test_a_deployment_that_runs_already_is_taken(
    person: Any, client_of: Any, formula_of: Any, publish: Publish
) -> None:
    ann = person("ann")
    formula = formula_of(ann)
    fields = {"formula_id": formula["id"], "symbol": "ACME", "resolution": "1D"}
    deployment = client_of(ann).post(f"{V1}/deployments", fields).json()
    assert publish(ann, formula).json()["deployment_ids"] == [deployment["id"]]


def test_the_hash_covers_program_universe_resolution_and_costs(
    person: Any, client_of: Any, formula_of: Any, publish: Publish
) -> None:
    ann = person("ann")
    formula = formula_of(ann, IN_AND_OUT)
    other_market().close_bars(WAVE)
    changes: list[dict[str, Any]] = [{}, {"costs": {"fee_bps": 6}}, {"costs": {"slippage_bps": 3}}]
    changes += [{"symbols": ["OTHER"]}, {"symbols": ["ACME", "OTHER"]}]
    hashes = {publish(ann, formula, **change).json()["version_hash"] for change in changes}
    client_of(ann).patch(f"{V1}/formulas/{formula['id']}", {"formula_code": f"{IN_AND_OUT}\nif close > 99: close()"})
    hashes.add(publish(ann, formula).json()["version_hash"])
    assert len(hashes) == len(changes) + 1
    # Another order of the same symbols is the same universe, and publishing the first again starts at nothing.
    assert publish(ann, formula, symbols=["OTHER", "ACME"]).status_code == 201
    assert publish(ann, formula, symbols=["ACME", "OTHER"]).status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"symbols": []}, "symbols"),
        ({"symbols": ["NOTHING"]}, "symbols"),
        ({"symbols": "ACME"}, "symbols"),
        ({"symbols": ["ACME"] * 21}, "symbols"),
        ({"resolution": "1"}, "resolution"),
        ({"resolution": "1W"}, "resolution"),
        ({"resolution": None}, "resolution"),
        ({"costs": {"fee_bps": 0}}, "costs"),
        ({"costs": {"slippage_bps": 0.99}}, "costs"),
        ({"costs": {"fee_bps": "nan"}}, "costs"),
        ({"costs": 5}, "costs"),
    ],
)
def test_a_wrong_field_is_named(
    person: Any, formula_of: Any, publish: Publish, changes: dict[str, Any], field: str
) -> None:
    ann = person("ann")
    response = publish(ann, formula_of(ann), **changes)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert (Publication.objects.count(), Deployment.objects.count()) == (0, 0)


def test_only_its_author_and_administrators_publish_a_formula(
    person: Any, formula_of: Any, publish: Publish, settings: Any
) -> None:
    ann, ben, operator, admin = person("ann"), person("ben"), person("op", role="operator"), person("ad", role="admin")
    formula = formula_of(ann)
    assert [publish(who, formula).status_code for who in (ben, operator, admin)] == [404, 404, 201]
    settings.KYC_REQUIRED_FOR = frozenset({"publish"})
    refused = publish(ann, formula)
    assert (refused.status_code, refused.json()["code"]) == (403, "kyc_required")


def test_a_private_formula_becomes_public_by_publishing(
    person: Any, client_of: Any, formula_of: Any, publish: Publish
) -> None:
    ann, ben = person("ann"), person("ben")
    formula = formula_of(ann, is_public=False)
    assert client_of(ben).get(f"{V1}/formulas/{formula['id']}/performance").status_code == 404
    assert publish(ann, formula).status_code == 201
    assert performance(client_of(ben), formula)["publication"]["version"] == 1


def test_the_record_is_what_the_engine_earns_on_later_bars(
    person: Any, client_of: Any, formula_of: Any, publish: Publish, market: Market
) -> None:
    ann = person("ann")
    formula = formula_of(ann, IN_AND_OUT)
    publish(ann, formula, costs={"fee_bps": 10, "slippage_bps": 3})
    assert keep_records() == 0
    market.close_bars(WAVE * 3)
    assert keep_records() == 23  # the newest day may still go on
    body = performance(client_of(ann), formula)
    closes = WAVE * 5
    bars = engine.Bars.from_rows([(FIRST_DAY + day * DAY, c, c, c, c, 100.0) for day, c in enumerate(closes)])
    expected = backtest(engine.compile_formula(IN_AND_OUT), bars, engine.Terms(fee_bps=10.0, slippage_bps=3.0))
    growth = (expected.equity[1:] / expected.equity[:-1] - 1.0).tolist()
    held = (expected.buy_and_hold[1:] / expected.buy_and_hold[:-1] - 1.0).tolist()
    assert [day["net_return"] for day in body["days"]] == growth[15:38]
    assert [day["market_return"] for day in body["days"]] == held[15:38]
    assert body["days"][0]["day"] == "2001-01-17T00:00:00Z"
    closed = [trade.exit_bar for trade in expected.trades if trade.exit_bar is not None and 16 <= trade.exit_bar < 39]
    assert sum(day["closed_trades"] for day in body["days"]) == len(closed) == body["summary"]["trades"] > 2
    assert {round(day["exposure"], 2) for day in body["days"]} == {0.0, 1.0}
    assert body["summary"]["total_return"] == pytest.approx(expected.equity[38] / expected.equity[15] - 1.0)
    assert body["days"][-1]["equity"] - 1.0 == body["summary"]["total_return"]


def test_a_short_position_is_exposed_below_zero(
    person: Any, client_of: Any, formula_of: Any, publish: Publish, market: Market
) -> None:
    ann = person("ann")
    formula = formula_of(ann, "if close < sma(close, 3): short(size=0.5)\nif close > sma(close, 3): cover()")
    publish(ann, formula)
    market.close_bars(WAVE)
    keep_records()
    shares = [day["exposure"] for day in performance(client_of(ann), formula)["days"]]
    assert min(shares) == pytest.approx(-0.5, abs=0.05)
    assert max(shares) == 0.0


def test_the_universe_weighs_equally(
    person: Any, client_of: Any, formula_of: Any, publish: Publish, market: Market
) -> None:
    ann = person("ann")
    other = other_market()
    other.close_bars(WAVE * 2)
    single, both = formula_of(ann, "if close > 0: buy()"), formula_of(ann, "if close > 0.0: buy(size=1)")
    publish(ann, single)
    publish(ann, both, symbols=["ACME", "OTHER"])
    market.close_bars([12.0, 13.0, 14.0])
    other.close_bars([8.0, 8.0, 8.0])
    keep_records()
    alone, shared = (performance(client_of(ann), one)["days"] for one in (single, both))
    fell = 8.0 / WAVE[-1] - 1.0
    assert shared[0]["net_return"] == pytest.approx((alone[0]["net_return"] + fell) / 2)
    assert shared[1]["net_return"] == pytest.approx(alone[1]["net_return"] / 2)


def test_a_day_waits_for_the_slowest_symbol_but_not_for_ever(
    person: Any, client_of: Any, formula_of: Any, publish: Publish, market: Market
) -> None:
    ann = person("ann")
    other_market().close_bars(WAVE * 2)
    formula = formula_of(ann, IN_AND_OUT)
    publish(ann, formula, symbols=["ACME", "OTHER"])
    market.close_bars([9.0, 9.0])
    assert keep_records() == 0
    market.close_bars([9.0, 9.0])
    assert keep_records() == 1
    assert [day["day"][:10] for day in performance(client_of(ann), formula)["days"]] == ["2001-01-17"]


def test_days_are_written_once_and_linked(
    person: Any, client_of: Any, formula_of: Any, publish: Publish, market: Market
) -> None:
    ann = person("ann")
    formula = formula_of(ann, IN_AND_OUT)
    publish(ann, formula)
    for _ in range(3):
        market.close_bars([9.0, 11.0])
        keep_records()
        keep_records()
    published = Publication.objects.get()
    entries = records.entries_of(published)
    assert len(entries) == 5
    assert first_broken(published.header, entries) is None
    assert published.head == entries[-1]["hash"]
    # One that looked before the other wrote finds another head, and leaves it at that.
    stale = Publication.objects.get()
    market.close_bars([9.0])
    assert (records.append_days(Publication.objects.get()), records.append_days(stale)) == (1, 0)


def test_a_new_version_starts_at_nothing_and_the_old_record_stays(
    person: Any, client_of: Any, formula_of: Any, publish: Publish, market: Market
) -> None:
    ann = person("ann")
    formula = formula_of(ann, IN_AND_OUT)
    old = publish(ann, formula).json()
    market.close_bars(WAVE)
    keep_records()
    client_of(ann).patch(f"{V1}/formulas/{formula['id']}", {"formula_code": "if close > 10: buy()"})
    assert performance(client_of(ann), formula)["summary"]["days"] == 7
    new = publish(ann, formula).json()
    body = performance(client_of(ann), formula)
    assert (body["publication"]["version"], body["days"], body["trials"]) == (2, [], 2)
    (earlier,) = body["earlier"]
    assert (earlier["publication"]["id"], earlier["summary"]["days"]) == (old["id"], 7)
    assert earlier["publication"]["ended_at"] is not None
    market.close_bars(WAVE)
    keep_records()
    assert Publication.objects.get(pk=old["id"]).days.count() == 7
    statuses = dict(Deployment.objects.values_list("pk", "status"))
    assert statuses == {old["deployment_ids"][0]: "stopped", new["deployment_ids"][0]: "running"}


def test_a_published_formula_is_retired_and_still_counts(
    person: Any, client_of: Any, formula_of: Any, publish: Publish
) -> None:
    ann = person("ann")
    bad, good = formula_of(ann, IN_AND_OUT), formula_of(ann, "if close > 10: buy()")
    publish(ann, bad)
    assert client_of(ann).delete(f"{V1}/formulas/{bad['id']}").status_code == 204
    assert Formula.objects.get(pk=bad["id"]).is_retired
    assert Publication.objects.get().ended_at is not None
    publish(ann, good)
    assert performance(client_of(ann), good)["trials"] == 2


def test_a_clone_names_the_first_and_carries_its_trials(
    person: Any, client_of: Any, formula_of: Any, publish: Publish
) -> None:
    ann, ben = person("ann"), person("ben")
    first = formula_of(ann, "n = param(3)\nif crossover(close, sma(close, n)): buy()")
    publish(ann, first)
    publish(ann, formula_of(ann, "if close > 10: buy()"))
    copy = formula_of(ben, "mean = sma(close, 3)\nif crossover(close, mean):\n    buy()")
    publish(ben, copy)
    body = performance(client_of(ben), copy)
    assert body["publication"]["clone_of"] == {"formula_id": first["id"], "author": "ann"}
    assert body["trials"] == 3
    Formula.objects.filter(pk=first["id"]).update(is_public=False)
    assert performance(client_of(ben), copy)["publication"]["clone_of"] is None, "whose private formula it equals"


def test_who_sees_returns_is_a_setting(
    person: Any, client_of: Any, formula_of: Any, publish: Publish, settings: Any
) -> None:
    ann, ben, cat, admin = person("ann"), person("ben"), person("cat"), person("ad", role="admin")
    formula = formula_of(ann)
    publish(ann, formula)
    Subscription.objects.create(user=cat, formula_id=formula["id"])

    def seen(what: str) -> list[int]:
        people = (ann, ben, cat, admin)
        return [client_of(who).get(f"{V1}/formulas/{formula['id']}/{what}").status_code for who in people]

    expected = {"public": [200] * 4, "subscribers": [200, 403, 200, 200], "private": [200, 403, 403, 200]}
    for value, statuses in expected.items():
        settings.PUBLISH_PERFORMANCE = value
        assert [seen(what) for what in ("performance", "record")] == [statuses, statuses]
    assert client_of(None).get(f"{V1}/formulas/{formula['id']}/performance").status_code == 401


def test_what_was_never_published_has_no_record(person: Any, client_of: Any, formula_of: Any) -> None:
    ann = person("ann")
    formula = formula_of(ann)
    body = performance(client_of(ann), formula)
    assert (body["publication"], body["days"], body["score"], body["trials"]) == (None, [], None, 0)
    refused = client_of(ann).get(f"{V1}/formulas/{formula['id']}/record")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_published")


def test_an_exported_record_scores_without_the_platform(
    person: Any, client_of: Any, formula_of: Any, publish: Publish, market: Market
) -> None:
    ann = person("ann")
    formula = formula_of(ann, IN_AND_OUT)
    publish(ann, formula)
    market.close_bars(WAVE * 9)
    keep_records()
    response = client_of(ann).get(f"{V1}/formulas/{formula['id']}/record")
    assert response["Content-Disposition"] == f'attachment; filename="formula-{formula["id"]}-record.json"'
    text, status = answer(["score"], response.content.decode())
    found = json.loads(text)
    body = performance(client_of(ann), formula)
    assert (status, found["score"], found["parts"]) == (0, body["provisional_score"], body["score_parts"])
    changed = response.json()
    changed["days"][3]["net_return"] += 0.001
    assert "broken at entry 3" in json.loads(answer(["score"], json.dumps(changed))[0])["message"]


def test_one_job_keeps_the_records_at_a_time(person: Any, formula_of: Any, publish: Publish, market: Market) -> None:
    ann = person("ann")
    publish(ann, formula_of(ann))
    market.close_bars(WAVE)
    assert scoring.start_keeping_records() is not None
    assert scoring.start_keeping_records() is None
    assert Job.objects.count() == 1


def test_a_record_that_ended_before_it_was_brought_up_to_date_rates_nothing(
    person: Any, formula_of: Any, publish: Publish, market: Market
) -> None:
    ann = person("ann")
    formula = formula_of(ann)
    publish(ann, formula)
    market.close_bars(WAVE)
    job = scoring.start_keeping_records()
    publish(ann, formula, costs={"fee_bps": 9})
    assert job
    assert jobs.run_job(job.pk)
    ended = Publication.objects.exclude(ended_at=None).get()
    assert (ended.score_parts, ended.days.count()) == ({}, 0)


def test_one_record_that_cannot_be_kept_does_not_stop_the_others(
    person: Any, formula_of: Any, publish: Publish, market: Market
) -> None:
    ann = person("ann")
    broken, whole = formula_of(ann, IN_AND_OUT), formula_of(ann, "if close > 10: buy()")
    for formula in (broken, whole):
        publish(ann, formula)
    Publication.objects.get(formula_id=broken["id"]).version.__class__.objects.filter(formula_id=broken["id"]).update(
        code="buy("
    )
    market.close_bars(WAVE)
    assert keep_records() == 7
    assert set(RecordDay.objects.values_list("publication__formula_id", flat=True)) == {whole["id"]}


def test_bars_that_come_late_do_not_change_what_is_written(
    person: Any, client_of: Any, formula_of: Any, publish: Publish, market: Market
) -> None:
    ann = person("ann")
    formula = formula_of(ann, IN_AND_OUT)
    publish(ann, formula)
    market.close_bars(WAVE)
    keep_records()
    before = performance(client_of(ann), formula)["days"]
    Bar.objects.filter(opened_at=FIRST_DAY + 18 * DAY).update(close=10, high=20, open=10, low=5)
    market.close_bars(WAVE)
    keep_records()
    assert performance(client_of(ann), formula)["days"][:7] == before


def test_what_is_due_is_found_however_many_records_there_are(
    person: Any, formula_of: Any, publish: Publish, market: Market, django_assert_max_num_queries: Any
) -> None:
    ann = person("ann")
    others = [other_market(name) for name in ("ONE", "TWO")]
    for other in others:
        other.close_bars(WAVE * 2)
    for number in range(6):
        publish(ann, formula_of(ann, f"if close > {number + 1}: buy()"), symbols=["ACME", "ONE", "TWO"])
    assert records.due_publications() == []
    for one in (market, *others):
        one.close_bars(WAVE)
    # Records, newest days, universes and their series in four, and one for each market.
    with django_assert_max_num_queries(7):
        due = records.due_publications()
    assert due == list(Publication.objects.order_by("pk").values_list("pk", flat=True))
    assert keep_records() == 6 * 7
    assert records.due_publications() == []


def test_a_record_of_today_that_is_up_to_date_costs_no_look_at_bars(
    person: Any, formula_of: Any, publish: Publish, market: Market, monkeypatch: Any
) -> None:
    market.series.provider = "alpaca"
    market.series.save()
    now = clock.from_epoch(FIRST_DAY + 16 * DAY + 60)
    monkeypatch.setattr(clock, "now", lambda: now)
    ann = person("ann")
    published = publish(ann, formula_of(ann)).json()
    assert published["verified"]
    with monkeypatch.context() as blind:
        blind.setattr(accounts, "read_bars", lambda *args, **options: 1 / 0)
        assert records.due_publications() == []
    market.close_bars(WAVE[:3])
    now += timedelta(days=2, hours=1)
    assert len(records.due_publications()) == 1


@pytest.fixture
def runs(monkeypatch: Any) -> list[int]:
    """How many bars the accounts of records went over, one after the other."""
    seen: list[int] = []
    real = LiveProgram.follow

    def follow(program: LiveProgram, bars: Any) -> Any:
        if program.program.canonical != compile_formula("buy()").canonical:
            seen.append(len(bars))
        return real(program, bars)

    monkeypatch.setattr(LiveProgram, "follow", follow)
    return seen


def test_many_days_are_caught_up_in_one_run_over_the_bars(
    person: Any, formula_of: Any, publish: Publish, market: Market, runs: list[int]
) -> None:
    ann = person("ann")
    publish(ann, formula_of(ann, IN_AND_OUT))
    market.close_bars(WAVE * 9)
    assert keep_records() == 71
    assert runs == [87], "but for the bar of the day that is not over"


@pytest.mark.parametrize("code", [IN_AND_OUT, STOPPED])
def test_a_day_costs_its_own_bars_and_comes_to_what_a_run_over_all_does(
    person: Any, formula_of: Any, publish: Publish, market: Market, runs: list[int], code: str
) -> None:
    ann = person("ann")
    publish(ann, formula_of(ann, code))
    for close in WAVE * 3:
        market.close_bars([close])
        keep_records()
    assert runs == [17, *[1] * 22], "the first has what was before the publication as well"
    publication, symbol = Publication.objects.get(), PublishedSymbol.objects.get()
    symbol.account = None
    whole = accounts.days_of(publication, symbol, accounts.Markets(), 0, FIRST_DAY + 100 * DAY)
    days = publication.days.order_by("day").values_list(*FIELDS)
    assert sum(day[-1] for day in days) > 1, "trades are to close on different days"
    assert [day[1:] for day in days] == [
        (whole.net_return[day], whole.exposure[day], whole.market_return[day], whole.closed_trades[day])
        for day, *_ in days
    ]


def test_an_account_is_run_anew_where_its_snapshot_is_not_to_be_believed(
    person: Any, formula_of: Any, publish: Publish, market: Market, runs: list[int]
) -> None:
    ann = person("ann")
    publish(ann, formula_of(ann, IN_AND_OUT))
    market.close_bars(WAVE)
    keep_records()
    note_rewritten(series_id=market.series.pk)
    market.close_bars(WAVE)
    keep_records()
    PublishedSymbol.objects.update(account=b"damaged")
    market.close_bars(WAVE)
    keep_records()
    market.close_bars(WAVE)
    keep_records()
    assert runs == [23, 31, 39, 8]
