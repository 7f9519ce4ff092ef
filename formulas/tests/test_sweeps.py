"""Sweeps and walks forward over REST, and how backtests are compared, downloaded and judged."""

import csv
import io
import json
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from formulas import backtests, engine, sweeps, trials
from formulas.engine.backtest import backtest
from formulas.engine.robustness import monte_carlo, stress
from formulas.engine.sweep import sweep, walk_forward
from formulas.models import Backtest, Subscription, Sweep, Trial
from formulas.outcomes import plain
from formulas.tests.conftest import DAY, FIRST_DAY, Market
from kernel import clock, jobs
from kernel.models import Job, JobStatus

pytestmark = pytest.mark.django_db

V1 = "/api/v1"
TUNED = (
    "n = param(3, min=2, max=9)\nm = param(5, min=2, max=20)\n"
    "if crossover(close, sma(close, n)): buy()\nif crossunder(close, sma(close, m)): sell()"
)
CLOSES = [round(10.0 + 2.0 * math.sin(day / 3.0) + 0.5 * math.sin(day), 4) for day in range(120)]
RANGE = {"n": [2, 3, 4], "m": {"from": 4, "to": 10, "step": 2}}
Start = Callable[..., Any]


@pytest.fixture
def start(client_of: Any, market: Market) -> Start:
    """Ask for long work on a formula: `start(user, formula, "sweep", **changes)` is the response."""
    market.close_bars(CLOSES)

    def post(user: Any, formula: dict[str, Any], what: str = "sweep", **changes: Any) -> Any:
        body = {"symbol": "ACME", "resolution": "1D", "parameters": RANGE, **changes}
        return client_of(user).post(f"{V1}/formulas/{formula['id']}/{what}", body)

    return post


@pytest.fixture
def workers(settings: Any, monkeypatch: Any) -> None:
    """As with Celery: work is spread over workers, of which none comes but the job itself."""
    settings.JOBS_RUN_BY_CELERY = True
    monkeypatch.setattr(jobs, "_wake", lambda job_id, lane: None)


def done(client: Any, response: Any, of: str = "sweep") -> dict[str, Any]:
    """What came of it once its job has run."""
    assert response.status_code == 202, response.content
    job = response.json()
    assert jobs.run_job(job["id"])
    ended = client.get(job["url"]).json()
    assert (ended["status"], ended["progress"]) == ("succeeded", 1.0), ended
    return dict(client.get(f"{V1}/{of}s/{ended['result'][f'{of}_id']}").json())


def bars() -> engine.Bars:
    return engine.Bars.from_rows([(FIRST_DAY + day * DAY, c, c, c, c, 100.0) for day, c in enumerate(CLOSES)])


def test_a_sweep_gives_what_the_engine_gives(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    body = done(client_of(ann), start(ann, formula_of(ann, TUNED), fee_bps=10))
    points = [{"n": float(n), "m": float(m)} for n in (2, 3, 4) for m in (4, 6, 8, 10)]
    expected = sweep(TUNED, bars(), points, engine.Terms(10_000.0, 10.0, 2.0))
    assert [row["parameters"] for row in body["results"]] == points
    assert [row["metrics"] for row in body["results"]] == [plain(metrics) for metrics in expected.metrics]
    assert (body["best"], body["deflated_sharpe"]) == (expected.best, expected.deflated_sharpe)
    assert body["overfitting"] == expected.overfitting is not None
    assert (body["kind"], body["points"], body["trials"], body["bars"]) == ("sweep", 12, 12, 120)
    assert (body["simulated"], body["status"], body["fold_results"]) == (True, "succeeded", [])


def test_points_may_be_drawn_by_chance(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    formula = formula_of(ann, TUNED)
    one, same, other = (done(client_of(ann), start(ann, formula, count=5, seed=seed))["results"] for seed in (1, 1, 2))
    assert len({json.dumps(row["parameters"]) for row in one}) == 5
    assert one == same
    assert [row["parameters"] for row in one] != [row["parameters"] for row in other]


def test_workers_and_cores_give_the_same_bits(
    person: Any, client_of: Any, formula_of: Any, start: Start, workers: None, settings: Any, monkeypatch: Any
) -> None:
    ann = person("ann")
    monkeypatch.setattr(sweeps, "POINTS_IN_A_PART", 5)
    formula = formula_of(ann, TUNED)
    first = start(ann, formula)
    spread = done(client_of(ann), first)
    assert Job.objects.count() == 1
    settings.JOBS_RUN_BY_CELERY = False
    alone = done(client_of(ann), start(ann, formula))
    rows = list(Sweep.objects.order_by("pk").values_list("result", flat=True))
    for result in rows:
        del result["trials"]
    assert json.dumps(rows[0], sort_keys=True) == json.dumps(rows[1], sort_keys=True)
    assert (spread["trials"], alone["trials"]) == (12, 24)


def test_a_killed_workers_part_is_run_again(
    person: Any, client_of: Any, formula_of: Any, start: Start, workers: None, monkeypatch: Any
) -> None:
    ann = person("ann")
    monkeypatch.setattr(sweeps, "POINTS_IN_A_PART", 5)
    killed: list[Any] = []
    real = sweeps.sweep_part

    def part(*args: Any) -> Any:
        if not killed:
            # Another worker had claimed the last part, and was killed: its lease has run out.
            lost = Job.objects.filter(kind=sweeps.PART_JOB, status=JobStatus.QUEUED).order_by("pk").last()
            assert lost is not None
            killed.append(lost.pk)
            ago = clock.now() - timedelta(minutes=1)
            Job.objects.filter(pk=lost.pk).update(status=JobStatus.RUNNING, attempts=1, lease_until=ago)
        return real(*args)

    monkeypatch.setattr(sweeps, "sweep_part", part)
    body = done(client_of(ann), start(ann, formula_of(ann, TUNED)))
    assert (len(body["results"]), len(killed)) == (12, 1)


def test_a_walk_forward_gives_what_the_engine_gives(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    body = done(client_of(ann), start(ann, formula_of(ann, TUNED), "walk-forward", folds=3))
    points = [{"n": float(n), "m": float(m)} for n in (2, 3, 4) for m in (4, 6, 8, 10)]
    expected = walk_forward(TUNED, bars(), points, engine.Terms(), folds=3)
    assert [fold["parameters"] for fold in body["fold_results"]] == [fold.point for fold in expected.folds]
    assert [fold["out_of_sample"] for fold in body["fold_results"]] == [
        plain(fold.out_of_sample) for fold in expected.folds
    ]
    assert [fold["since"][:10] for fold in body["fold_results"]] == ["2001-01-31", "2001-03-02", "2001-04-01"]
    assert (body["efficiency"], body["kind"], body["folds"]) == (expected.efficiency, "walk_forward", 3)
    assert (body["results"], body["fold_results"][-1]["until"]) == ([], None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"symbol": "NOTHING"}, "symbol"),
        ({"symbol": None}, "symbol"),
        ({"resolution": "1"}, "resolution"),
        ({"parameters": {}}, "parameters"),
        ({"parameters": {"n": []}}, "parameters"),
        ({"parameters": {"n": 5}}, "parameters"),
        ({"parameters": {"n": ["a"]}}, "parameters"),
        ({"parameters": {"n": [True]}}, "parameters"),
        ({"parameters": {"n": [1]}}, "parameters"),
        ({"parameters": {"n": [3, 10]}}, "parameters"),
        ({"parameters": {"n": [3.5]}}, "parameters"),
        ({"parameters": {"n": [2, 3.5, 9]}}, "parameters"),
        ({"parameters": {"other": [3]}}, "parameters"),
        ({"parameters": {"n": {"from": 2, "to": 9}}}, "parameters"),
        ({"parameters": {"n": {"from": 9, "to": 2, "step": 1}}}, "parameters"),
        ({"parameters": {"n": {"from": 2, "to": 9, "step": 0}}}, "parameters"),
        ({"parameters": {"n": {"from": 2, "to": 9, "step": 1e-9}}}, "parameters"),
        ({"parameters": {"n": {"from": 2, "to": 9, "step": 0.0035}, "m": [3, 4]}}, "parameters"),
        ({"count": 13}, "count"),
        ({"count": 0}, "count"),
        ({"count": 2, "seed": -1}, "seed"),
        ({"from": "2030-01-01T00:00:00Z"}, "from"),
        ({"fee_bps": -1}, "fee_bps"),
    ],
)
def test_a_wrong_field_is_named(
    person: Any, formula_of: Any, start: Start, changes: dict[str, Any], field: str
) -> None:
    ann = person("ann")
    response = start(ann, formula_of(ann, TUNED), **changes)
    assert (response.status_code, list(response.json().get("errors", {}))) == (400, [field]), response.content
    assert (Sweep.objects.count(), Job.objects.count()) == (0, 0)


@pytest.mark.parametrize("folds", [0, 21, "many"])
def test_wrong_folds_are_named(person: Any, formula_of: Any, start: Start, folds: Any) -> None:
    ann = person("ann")
    response = start(ann, formula_of(ann, TUNED), "walk-forward", folds=folds)
    assert (response.status_code, list(response.json()["errors"])) == (400, ["folds"])


def test_what_the_engine_refuses_fails_with_its_word(
    person: Any, client_of: Any, formula_of: Any, start: Start, monkeypatch: Any
) -> None:
    ann = person("ann")
    window = {"from": "2001-01-01T00:00:00Z", "to": "2001-01-05T00:00:00Z"}
    job = start(ann, formula_of(ann, TUNED), "walk-forward", folds=20, **window).json()
    jobs.run_job(job["id"])
    ended = client_of(ann).get(job["url"]).json()
    assert (ended["status"], "folds need more than" in ended["error"]) == ("failed", True)
    monkeypatch.setattr(sweeps, "MOST_SWEEP_WORK", 1)
    job = start(ann, formula_of(ann, TUNED, name="Large")).json()
    jobs.run_job(job["id"])
    assert "too large" in client_of(ann).get(job["url"]).json()["error"]


def test_who_may_read_the_code_may_sweep_it(person: Any, formula_of: Any, start: Start) -> None:
    ann, ben, operator, admin = person("ann"), person("ben"), person("op", role="operator"), person("ad", role="admin")
    formula = formula_of(ann, TUNED)
    for what in ("sweep", "walk-forward"):
        people = (ann, ben, operator, admin)
        assert [start(who, formula, what).status_code for who in people] == [202, 403, 403, 202]
    Subscription.objects.create(user=ben, formula_id=formula["id"])
    assert start(ben, formula).status_code == 202


def test_a_sweep_is_its_owners_alone(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    body = done(client_of(ann), start(ann, formula_of(ann, TUNED)))
    listed = client_of(ann).get(f"{V1}/sweeps?kind=sweep&symbol=acme").json()
    assert (listed["total"], "results" in listed["results"][0]) == (1, False)
    assert client_of(ann).get(f"{V1}/sweeps?kind=walk_forward").json()["total"] == 0
    for other in (person("ben"), person("ad", role="admin")):
        assert client_of(other).get(f"{V1}/sweeps").json()["total"] == 0
        for method, path in (("get", ""), ("get", "/points.csv"), ("get", "/result.json"), ("delete", "")):
            assert getattr(client_of(other), method)(f"{V1}/sweeps/{body['id']}{path}").status_code == 404


def test_a_sweep_is_downloaded(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    body = done(client_of(ann), start(ann, formula_of(ann, TUNED)))
    table = client_of(ann).get(f"{V1}/sweeps/{body['id']}/points.csv")
    rows = list(csv.DictReader(io.StringIO(table.content.decode())))
    assert [(float(row["n"]), float(row["m"])) for row in rows[:2]] == [(2, 4), (2, 6)]
    assert [float(row["total_return"]) for row in rows] == [row["metrics"]["total_return"] for row in body["results"]]
    file = client_of(ann).get(f"{V1}/sweeps/{body['id']}/result.json")
    assert (file.json(), file["Content-Disposition"]) == (body, f'attachment; filename="sweep-{body["id"]}.json"')


def test_a_sweep_is_cancelled_and_forgotten(
    person: Any, client_of: Any, formula_of: Any, start: Start, workers: None, monkeypatch: Any
) -> None:
    ann = person("ann")
    formula = formula_of(ann, TUNED)
    waiting = start(ann, formula).json()
    row = Sweep.objects.get()
    assert client_of(ann).delete(f"{V1}/sweeps/{row.pk}").status_code == 204
    assert client_of(ann).get(waiting["url"]).json()["status"] == "cancelled"
    monkeypatch.setattr(sweeps, "POINTS_IN_A_PART", 5)
    running = start(ann, formula).json()
    real = sweeps.sweep_part

    def part(*args: Any) -> Any:
        jobs.cancel(job=Job.objects.get(pk=running["id"]))
        return real(*args)

    monkeypatch.setattr(sweeps, "sweep_part", part)
    jobs.run_job(running["id"])
    assert client_of(ann).get(running["url"]).json()["status"] == "cancelled"
    body = client_of(ann).get(f"{V1}/sweeps/{Sweep.objects.get().pk}").json()
    assert (body["status"], body["results"], body["best"]) == ("cancelled", [], None)
    assert not Job.objects.filter(kind=sweeps.PART_JOB).exists()


def test_a_backtest_says_what_is_left_when_luck_and_costs_turn(
    person: Any, client_of: Any, formula_of: Any, start: Start
) -> None:
    ann = person("ann")
    body = done(client_of(ann), start(ann, formula_of(ann, TUNED), "backtest", parameters={}), "backtest")
    program = engine.compile_formula(TUNED)
    worse, result = stress(program, bars()), backtest(program, bars())
    assert body["stress"]["double_costs"] == plain(worse.double_costs)
    assert body["stress"]["late_fills"] == plain(worse.late_fills)
    assert body["stress"]["double_costs"]["total_return"] < body["metrics"]["total_return"]
    drawn = monte_carlo(result.trades, 10_000.0)
    assert drawn is not None
    assert body["monte_carlo"]["total_return"] == list(drawn.total_return)
    assert body["monte_carlo"]["runs"] == 1_000


def test_every_try_on_the_same_bars_makes_the_next_one_mean_less(
    person: Any, client_of: Any, formula_of: Any, start: Start
) -> None:
    ann = person("ann")
    formula = formula_of(ann, TUNED)
    first = done(client_of(ann), start(ann, formula, "backtest", parameters={}), "backtest")
    assert (first["trials"], first["deflated_sharpe"]) == (1, pytest.approx(first["metrics"]["psr"]))
    done(client_of(ann), start(ann, formula))
    again = done(client_of(ann), start(ann, formula, "backtest", parameters={}), "backtest")
    assert again["trials"] == 14
    assert again["deflated_sharpe"] < first["deflated_sharpe"]
    ben = person("ben")
    others = formula_of(ben, TUNED)
    assert done(client_of(ben), start(ben, others, "backtest", parameters={}), "backtest")["trials"] == 1


def test_what_was_forgotten_was_tried_all_the_same(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    """Whoever deletes what failed, or the whole formula, does not make the one that is left look better."""
    ann = person("ann")
    client, formula = client_of(ann), formula_of(ann, TUNED)
    first = done(client, start(ann, formula, "backtest", parameters={"n": 2, "m": 9}), "backtest")
    swept = done(client, start(ann, formula))
    walked = done(client, start(ann, formula, "walk-forward", folds=3))
    before = done(client, start(ann, formula, "backtest", parameters={}), "backtest")
    assert before["trials"] == 1 + 12 + len(walked["fold_results"]) + 1
    assert client.delete(f"{V1}/backtests/{first['id']}").status_code == 204
    assert client.delete(f"{V1}/sweeps/{swept['id']}").status_code == 204
    again = done(client, start(ann, formula, "backtest", parameters={}), "backtest")
    assert again["trials"] == before["trials"] + 1
    assert client.delete(f"{V1}/formulas/{formula['id']}").status_code == 204
    assert not Backtest.objects.exists()
    anew = done(client, start(ann, formula_of(ann, TUNED), "backtest", parameters={}), "backtest")
    assert anew["trials"] == again["trials"] + 1
    assert anew["deflated_sharpe"] < first["deflated_sharpe"] or anew["metrics"]["sharpe"] < first["metrics"]["sharpe"]


def test_what_one_has_calculated_within_a_day_is_bounded(
    person: Any, client_of: Any, formula_of: Any, start: Start, monkeypatch: Any
) -> None:
    ann, ben = person("ann"), person("ben")
    client, formula = client_of(ann), formula_of(ann, TUNED)
    tested = done(client, start(ann, formula, "backtest", parameters={}), "backtest")
    calculations = len(engine.compile_formula(TUNED).nodes)
    swept = done(client, start(ann, formula))
    done(client, start(ann, formula, "walk-forward", folds=2))
    assert list(Trial.objects.order_by("pk").values_list("work", flat=True)) == [
        120 * calculations * points for points in (1, 12, 12)
    ]
    monkeypatch.setattr(trials, "MOST_WORK_A_DAY", 120 * calculations * 25)
    for what, changes in (("backtest", {"parameters": {}}), ("sweep", {}), ("walk-forward", {"folds": 2})):
        refused = start(ann, formula, what, **changes)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_much_work")
        assert 0 < int(refused["Retry-After"]) <= DAY
    client.delete(f"{V1}/backtests/{tested['id']}")
    client.delete(f"{V1}/sweeps/{swept['id']}")
    assert start(ann, formula).status_code == 429, "what is deleted was calculated all the same"
    assert start(ben, formula_of(ben, TUNED)).status_code == 202
    Trial.objects.filter(sweep=None).update(created_at=clock.now() - timedelta(days=1, minutes=1))
    assert start(ann, formula).status_code == 202


def test_a_job_that_is_tried_again_counts_once(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    client, formula = client_of(ann), formula_of(ann, TUNED)
    swept = done(client, start(ann, formula))
    Job.objects.filter(pk=swept["job_id"]).update(status=JobStatus.QUEUED, finished_at=None)
    assert jobs.run_job(swept["job_id"])
    assert client.get(f"{V1}/sweeps/{swept['id']}").json()["trials"] == 12
    assert done(client, start(ann, formula, "backtest", parameters={}), "backtest")["trials"] == 13


def test_several_symbols_spread_over_workers_to_the_same_bits(
    person: Any, client_of: Any, formula_of: Any, start: Start, workers: None, settings: Any, market: Market
) -> None:
    ann = person("ann")
    other = Market.__new__(Market)
    other.instrument = market.instrument.__class__.objects.create(
        symbol="OTHER", name="O", exchange="X", session="24x7", timezone="Etc/UTC"
    )
    other.series, other.days = other.instrument.series.create(resolution="1D", provider="replay"), 0
    other.close_bars(CLOSES[::-1])
    formula = formula_of(ann, TUNED)
    for is_spread in (True, False):
        settings.JOBS_RUN_BY_CELERY = is_spread
        done(client_of(ann), start(ann, formula, "backtest", parameters={}, symbols=["OTHER"]), "backtest")
    kept = list(Backtest.objects.order_by("pk").values("instrument__symbol", "metrics", "outcome"))
    assert json.dumps(kept[:2]) == json.dumps(kept[2:])
    assert [row["instrument__symbol"] for row in kept[:2]] == ["ACME", "OTHER"]
    assert not Job.objects.filter(kind=backtests.PART_JOB).exists()


def test_backtests_stand_side_by_side(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann, ben = person("ann"), person("ben")
    formula = formula_of(ann, TUNED)
    one, two = (done(client_of(ann), start(ann, formula, "backtest", parameters={"n": n}), "backtest") for n in (2, 4))
    compared = client_of(ann).get(f"{V1}/backtests/compare?ids={two['id']},{one['id']}").json()
    assert [row["id"] for row in compared["backtests"]] == [two["id"], one["id"]]
    assert compared["metrics"]["sharpe"] == [two["metrics"]["sharpe"], one["metrics"]["sharpe"]]
    assert set(compared["metrics"]) == set(one["metrics"])
    for who, ids in ((ben, one["id"]), (ann, "1,x"), (ann, "0"), (ann, 999), (ann, "1," * 20 + "1")):
        refused = client_of(who).get(f"{V1}/backtests/compare?ids={ids}")
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["ids"])


def test_a_backtest_is_downloaded(person: Any, client_of: Any, formula_of: Any, start: Start) -> None:
    ann = person("ann")
    body = done(client_of(ann), start(ann, formula_of(ann, TUNED), "backtest", parameters={}), "backtest")
    file = client_of(ann).get(f"{V1}/backtests/{body['id']}/result.json")
    assert (file.json(), file["Content-Disposition"]) == (body, f'attachment; filename="backtest-{body["id"]}.json"')
    table = client_of(ann).get(f"{V1}/backtests/{body['id']}/equity.csv")
    rows = list(csv.DictReader(io.StringIO(table.content.decode())))
    assert [float(row["equity"]) for row in rows] == [point["equity"] for point in body["equity_curve"]]
    assert [row["bar_time"] for row in rows] == [point["bar_time"] for point in body["equity_curve"]]
