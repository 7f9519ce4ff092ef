"""The score over REST: from verified days since publication alone, deflated by all that its author published."""

import json
import math
from collections.abc import Iterable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from datafeed.models import Bar
from formulas import engine, scoring
from formulas.accounts import Markets
from formulas.engine.backtest import backtest
from formulas.engine.command import answer
from formulas.models import Formula, Publication
from formulas.records import append_days
from formulas.scoring import rate
from formulas.services import Costs, change_formula, create_formula, publish_formula
from formulas.tests.conftest import DAY, FIRST_DAY, Market
from kernel import clock, jobs

pytestmark = pytest.mark.django_db

V1 = "/api/v1"
AFTER_A_FALL = "if close < close[1]: buy()\nelse: sell()"
CODE = "n = param(2, min=1, max=900)\nif close < close[{n}]: buy()\nelse: sell()"


@pytest.fixture
def verified(market: Market) -> Market:
    """A market whose bars come from a provider that counts towards a score."""
    market.series.provider = "alpaca"
    market.series.save()
    return market


def swings(count: int, seed: int = 1, turns: float = 0.85) -> list[float]:
    """Closes that go up or down by about one percent, and turn more often than not: an edge that can be planted."""
    draw, closes, sign = Random(seed), [100.0], 1
    for _ in range(count - 1):
        sign = -sign if draw.random() < turns else sign
        closes.append(round(closes[-1] * math.exp(sign * draw.uniform(0.006, 0.014)), 4))
    return closes


def store(market: Market, closes: Iterable[float]) -> None:
    """Bars that open where the one before closed, so that what is decided at a close is filled at its price."""
    closes = list(closes)
    before = closes[0]
    rows = []
    for number, close in enumerate(closes):
        high, low = max(before, close), min(before, close)
        stamp = FIRST_DAY + (market.days + number) * DAY
        rows.append(
            Bar(series=market.series, opened_at=stamp, open=before, high=high, low=low, close=close, volume=100)
        )
        before = close
    Bar.objects.bulk_create(rows)
    market.days += len(closes)


def publish(author: Any, market: Market, code: str) -> Publication:
    """Publish as it was when the market's newest bar had just closed; everything after is long over by now."""
    formula = create_formula(author=author, name="Swing", formula_code=code)
    with pytest.MonkeyPatch.context() as then:
        then.setattr(clock, "now", lambda: clock.from_epoch(FIRST_DAY) + timedelta(days=market.days))
        return publish_formula(formula=formula, instruments=[market.instrument], resolution="1D", costs=Costs())[0]


def publish_more(like: Publication, count: int) -> None:
    """As many more by the same author, of formulas that say the same: they weigh as all others do."""
    author = like.formula.author
    formulas = Formula.objects.bulk_create(
        Formula(author=author, name="More", version=like.version) for _ in range(count)
    )
    fields = {field.attname: getattr(like, field.attname) for field in Publication._meta.concrete_fields}
    Publication.objects.bulk_create(Publication(**{**fields, "id": None, "formula_id": one.pk}) for one in formulas)


def keep_records() -> None:
    job = scoring.start_keeping_records()
    assert job is not None
    assert jobs.run_job(job.pk)
    job.refresh_from_db()
    assert job.status == "succeeded", job.error


def test_an_edge_on_verified_days_is_rated_and_shown_on_the_formula(
    person: Any, client_of: Any, verified: Market
) -> None:
    ann = person("ann")
    closes = swings(220)
    store(verified, closes[:40])
    published = publish(ann, verified, AFTER_A_FALL)
    assert (published.is_verified, published.published_at) == (True, FIRST_DAY + 40 * DAY)
    address = f"{V1}/formulas/{published.formula_id}"
    store(verified, closes[40:90])
    keep_records()
    unrated = client_of(ann).get(f"{address}/performance").json()
    assert (unrated["score"], unrated["summary"]["days"]) == (None, 50)
    store(verified, closes[90:])
    keep_records()
    body = client_of(ann).get(f"{address}/performance").json()
    assert body["score_parts"]["trades"] > 30
    assert body["score"] == round(body["provisional_score"], 2) > 60
    assert client_of(ann).get(address).json()["performance_score"] == body["score"]
    text, status = answer(["score"], client_of(ann).get(f"{address}/record").content.decode())
    assert (status, json.loads(text)["score"]) == (0, body["provisional_score"])


def test_days_that_do_not_count_give_no_score(person: Any, client_of: Any, market: Market) -> None:
    ann = person("ann")
    closes = swings(220)
    store(market, closes[:40])
    published = publish(ann, market, AFTER_A_FALL)
    store(market, closes[40:])
    keep_records()
    body = client_of(ann).get(f"{V1}/formulas/{published.formula_id}/performance").json()
    assert body["provisional_score"] > 60
    assert (body["score"], body["publication"]["verified"]) == (None, False)
    assert Formula.objects.get().performance_score is None


def test_a_provider_that_no_longer_counts_ends_what_is_verified(person: Any, verified: Market) -> None:
    closes = swings(220)
    store(verified, closes[:40])
    publish(person("ann"), verified, AFTER_A_FALL)
    store(verified, closes[40:200])
    keep_records()
    assert Formula.objects.get().performance_score is not None
    verified.series.provider = "replay"
    verified.series.save()
    store(verified, closes[200:])
    keep_records()
    assert (Publication.objects.get().is_verified, Formula.objects.get().performance_score) == (False, None)


def test_bars_of_before_the_publication_do_not_count(person: Any, verified: Market) -> None:
    store(verified, swings(220))
    publish(person("ann"), verified, AFTER_A_FALL)
    keep_records()
    assert Publication.objects.get().days.count() == 0


def test_another_code_takes_the_score_away(person: Any, verified: Market) -> None:
    closes = swings(220)
    store(verified, closes[:40])
    published = publish(person("ann"), verified, AFTER_A_FALL)
    store(verified, closes[40:200])
    keep_records()
    formula = Formula.objects.get()
    assert formula.performance_score is not None
    change_formula(formula=formula, formula_code=CODE.format(n=3))
    formula.refresh_from_db()
    assert formula.performance_score is None
    # The published version stays on record, and its score on the record alone.
    store(verified, closes[200:])
    keep_records()
    formula.refresh_from_db()
    published.refresh_from_db()
    assert (formula.performance_score, published.days.count()) == (None, 180)
    assert published.score is not None


def test_spraying_does_not_pay_and_a_planted_edge_is_found(person: Any, market: Market, verified: Market) -> None:
    ann = person("ann")
    draw = Random(11)
    noise = [100.0]
    for _ in range(169):
        noise.append(round(noise[-1] * math.exp(draw.gauss(0.0, 0.01)), 4))
    store(verified, noise[:60])
    codes = [
        f"if bar_index % 3 == {turn} or close > sma(close, {length}) * 1.02: buy()\nelse: sell()"
        for turn in range(3)
        for length in range(2, 12)
    ]
    sprayed = [publish(ann, verified, code) for code in codes]
    publish_more(sprayed[0], 170)
    store(verified, noise[60:])
    edge = Market.__new__(Market)
    edge.instrument = verified.instrument.__class__.objects.create(
        symbol="EDGE", name="Edge", exchange="X", session="24x7", timezone="Etc/UTC"
    )
    edge.series, edge.days = edge.instrument.series.create(resolution="1D", provider="alpaca"), 0
    closes = swings(170, turns=0.9)
    store(edge, closes[:60])
    planted = publish(ann, edge, AFTER_A_FALL)
    store(edge, closes[60:])
    stamps = range(FIRST_DAY, FIRST_DAY + 170 * DAY, DAY)
    bars = engine.Bars.from_rows([(stamp, c, c, c, c, 1.0) for stamp, c in zip(stamps, noise, strict=True)])
    sharpes = [backtest(engine.compile_formula(code), bars).metrics["sharpe"] or 0.0 for code in codes]
    recorded, markets = Publication.objects.filter(pk__in=[one.pk for one in (*sprayed, planted)]), Markets()
    for published in recorded.select_related("formula", "version"):
        append_days(published, markets)
        rate(published)
    scores = recorded.exclude(pk=planted.pk).values_list("score", flat=True)
    planted.refresh_from_db()
    assert max(sharpes) > 1.0
    assert planted.score_parts["versions"] == 201
    rated = [score for score in scores if score is not None]
    assert len(rated) > 20
    assert max(rated) < 5 < 50 < (planted.score or 0.0)
