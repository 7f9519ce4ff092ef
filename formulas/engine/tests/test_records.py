"""Exported records that anybody can check: a deployment's signals and a formula's score."""

import copy
import json
import math
from statistics import NormalDist

import numpy as np
import pytest

from formulas.engine import compile_formula, run_history
from formulas.engine.chain import first_broken, first_hash, linked
from formulas.engine.command import answer
from formulas.engine.score import Day, performance_score
from formulas.engine.tests.markets import random_walk

WALK = random_walk(23, 300)
ROWS = [list(row) for row in WALK.rows()]
FORMULA = "n = param(14)\nif rsi(n) < 40: buy(size=0.5)\nif rsi(n) > 60: sell()\nif rsi(n) > 70: alert(1)"
VERSION = compile_formula(FORMULA, {"n": 7}).version_hash
DAY = 86_400


def ask(command, request):
    text, status = answer([command], json.dumps(request))
    return json.loads(text), status


def deployment(with_chain=False):
    decisions = run_history(compile_formula(FORMULA, {"n": 7}), WALK)
    signals = [{"time": d.time, "side": d.side, "size": d.size} for d in decisions if d.side]
    record = {"formula": FORMULA, "parameters": {"n": 7}, "version_hash": VERSION, "bars": ROWS, "signals": signals}
    return chained(record, {"version_hash": VERSION}, "signals") if with_chain else record


def chained(record, header, field):
    previous = first_hash(header)
    for entry in record[field]:
        previous = entry["hash"] = linked(previous, entry)
    return record


@pytest.mark.parametrize("with_chain", [False, True])
def test_a_true_record_is_exact(with_chain):
    assert ask("certify", deployment(with_chain)) == ({"parity": "exact"}, 0)


def test_signals_before_a_deployment_began_are_not_asked_for():
    record = deployment()
    record["since"] = record["signals"][5]["time"]
    assert ask("certify", record)[0]["parity"] == "different"
    record["signals"] = [signal for signal in record["signals"] if signal["time"] >= record["since"]]
    assert ask("certify", record)[0] == {"parity": "exact"}


def test_the_first_difference_is_told():
    missing, extra, other, bars = deployment(), deployment(), deployment(), deployment()
    gone = missing["signals"].pop(3)
    extra["signals"].append({"time": ROWS[-1][0] + 60, "side": "buy", "size": 1.0})
    other["signals"][2]["size"] = 0.75
    bars["bars"] = copy.deepcopy(ROWS)
    bars["bars"][40][4] = bars["bars"][40][2]
    assert ask("certify", missing)[0]["signal"] == 3
    assert ask("certify", missing)[0]["expected"] == gone
    assert (ask("certify", missing)[0]["field"], ask("certify", missing)[0]["bar_time"]) == ("signal", gone["time"])
    assert (ask("certify", extra)[0]["field"], ask("certify", extra)[0]["bar_time"]) == ("signal", ROWS[-1][0] + 60)
    assert ask("certify", extra)[0]["expected"] is None
    assert ask("certify", other)[0] == {
        "parity": "different",
        "signal": 2,
        "bar_time": other["signals"][2]["time"],
        "field": "size",
        "expected": deployment()["signals"][2],
        "recorded": other["signals"][2],
    }
    assert ask("certify", bars)[0]["parity"] == "different"
    assert ask("certify", deployment() | {"version_hash": "0" * 64})[0]["parity"] == "different"


def test_a_past_that_was_written_anew_is_a_difference():
    """Told where it is, whether a signal was touched or only the chain of their hashes."""
    other, broken, cut = deployment(True), deployment(True), deployment(True)
    cut["head"] = cut["signals"][-1]["hash"]
    assert ask("certify", cut)[0] == {"parity": "exact"}
    other["signals"][2]["side"] = "buy" if other["signals"][2]["side"] == "sell" else "sell"
    broken["signals"][4]["hash"] = "0" * 64
    cut["bars"] = [row for row in ROWS if row[0] < cut["signals"][-1]["time"]]
    cut["signals"] = [signal for signal in cut["signals"] if signal["time"] < cut["signals"][-1]["time"]]
    found = [ask("certify", record) for record in (other, broken, cut)]
    assert [status for _, status in found] == [0, 0, 0]
    assert [(body["signal"], body["field"]) for body, _ in found] == [
        (2, "side"),
        (4, "hash"),
        (len(cut["signals"]), "head"),
    ]
    assert found[1][0]["bar_time"] == broken["signals"][4]["time"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"signals": 5}, "invalid_record"),
        ({"signals": [{"time": 5}]}, "invalid_record"),
        ({"since": "yesterday"}, "invalid_record"),
        ({"since": [1]}, "invalid_record"),
        ({"skipped": [[0]]}, "invalid_record"),
        ({"skipped": [[0, 10**400]]}, "invalid_record"),
        ({"formula": "bye()"}, "invalid_formula"),
        ({"formula": None}, "invalid_request"),
        ({"parameters": [1]}, "invalid_request"),
        ({"bars": None}, "invalid_request"),
    ],
)
def test_a_record_of_a_deployment_that_cannot_be_read_is_refused(change, code):
    body, status = ask("certify", deployment() | change)
    assert (body["error"], status) == (code, 2)


def live_record(count=120, published=10 * DAY, trades=1, mean=0.002, versions=1):
    rng = np.random.default_rng(7)
    days = [
        {
            "day": DAY * (10 + i),
            "net_return": float(rng.normal(mean, 0.01)),
            "exposure": 0.5,
            "market_return": float(rng.normal(0.0005, 0.01)),
            "closed_trades": trades,
        }
        for i in range(count)
    ]
    record = {"version_hash": VERSION, "published_at": published, "versions": versions, "days": days}
    return chained(record, {"version_hash": VERSION, "published_at": published}, "days")


def test_a_score_follows_its_formula():
    record = live_record()
    days = [Day(d["net_return"], d["exposure"], d["market_return"], d["closed_trades"]) for d in record["days"]]
    found = performance_score(days, 1)
    excess = np.array([d.net_return - 0.5 * d.market_return for d in days])
    weights = 0.5 ** (np.arange(119, -1, -1) / 180)
    weights /= weights.sum()
    mean = weights @ excess
    sharpe = mean / math.sqrt(weights @ (excess - mean) ** 2)
    z = (excess - excess.mean()) / excess.std()
    spread = 1 - (z**3).mean() * sharpe + ((z**4).mean() - 1) / 4 * sharpe**2
    error = math.sqrt(spread / (round(1 / (weights @ weights)) - 1))
    shrink = 120 / (120 + 252)
    lower = math.sqrt(252) * (shrink * sharpe - 1.645 * shrink * error)
    assert found.parts["drawdown_factor"] == 1.0
    assert found.parts["lower_bound"] == pytest.approx(lower)
    assert found.score == pytest.approx(100 * NormalDist().cdf(lower))
    assert ask("score", record) == ({"score": found.score, "parts": found.parts}, 0)


def test_spraying_versions_lowers_a_score():
    scores = [ask("score", live_record(versions=count))[0]["score"] for count in (1, 5, 100)]
    assert scores[0] > scores[1] > scores[2]


@pytest.mark.parametrize(("count", "trades"), [(59, 1), (120, 0), (0, 0)])
def test_too_little_to_judge_is_unrated(count, trades):
    body, status = ask("score", live_record(count=count, trades=trades))
    assert (body["score"], status) == (None, 0)
    assert body["parts"]["days"] == count


def test_days_before_publication_do_not_count():
    assert ask("score", live_record(published=40 * DAY))[0]["parts"]["days"] == 90
    assert ask("score", live_record(published=71 * DAY))[0]["score"] is None


def test_a_deep_fall_takes_the_score_away():
    days = [Day(0.02 if i % 2 else -0.005, 0.0, 0.0, 1) for i in range(100)]
    calm = performance_score(days, 1)
    fell = performance_score([*days[:50], Day(-0.4, 0.0, 0.0, 1), *days[50:]], 1)
    sunk = performance_score([*days[:50], Day(-0.7, 0.0, 0.0, 1), *days[50:]], 1)
    assert calm.score > 50
    assert fell.parts["drawdown_factor"] == pytest.approx((0.6 - 0.4) / 0.4, abs=0.02)
    assert sunk.score == 0.0


def test_a_short_history_counts_in_part():
    assert performance_score([Day(0.01 * (i % 3), 0.0, 0.0, 1) for i in range(63)], 1).parts["length_factor"] == 0.7


def test_returns_that_never_vary_have_no_sharpe_ratio():
    assert performance_score([Day(0.0, 0.0, 0.0, 1)] * 100, 1).score < 50


@pytest.mark.parametrize("place", [0, 17, 119])
def test_a_day_that_was_changed_after_it_was_written_is_found(place):
    record = live_record()
    record["days"][place]["net_return"] += 0.01
    body, status = ask("score", record)
    assert status == 2
    assert body == {"error": "invalid_record", "message": f"the chain of hashes is broken at entry {place}"}


def test_bad_days_that_were_cut_off_at_the_end_are_found():
    """What is left is a chain without a fault; only its head says that there was more."""
    record = live_record()
    record["head"] = record["days"][-1]["hash"]
    assert ask("score", record)[1] == 0
    record["days"] = record["days"][:-10]
    body, status = ask("score", record)
    assert (status, body["error"]) == (2, "invalid_record")
    assert "does not end at the head" in body["message"]
    assert ask("score", record | {"days": []})[1] == 2


def test_a_day_that_was_left_out_or_moved_is_found():
    header = {"version_hash": VERSION, "published_at": 10 * DAY}
    days = live_record()["days"]
    assert first_broken(header, days) is None
    assert first_broken(header, [*days[:5], *days[6:]]) == 5
    assert first_broken(header, days[1:]) == 0
    assert first_broken(header, [*days[:5], days[6], days[5], *days[7:]]) == 5
    assert first_broken(header | {"published_at": 9 * DAY}, days) == 0


@pytest.mark.parametrize(
    "change",
    [{"days": None}, {"days": [1]}, {"published_at": "x"}, {"versions": None}, {"published_at": True}],
)
def test_a_live_record_that_cannot_be_read_is_refused(change):
    body, status = ask("score", live_record() | change)
    assert (body["error"], status) == ("invalid_record", 2)


@pytest.mark.parametrize("odd", [{"net_return": -1.0}, {"exposure": -10.5}, {"market_return": None}, {"day": 0}])
def test_a_day_that_cannot_be_is_refused_though_its_chain_holds(odd):
    record = live_record()
    record["days"][50].update(odd)
    chained(record, {"version_hash": VERSION, "published_at": 10 * DAY}, "days")
    assert ask("score", record)[0]["error"] == "invalid_record"
