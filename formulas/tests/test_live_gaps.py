"""Bars that come late, twice, otherwise or not at all: what live formulas do with each, and what they never do."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from datafeed.bars import RawBar
from datafeed.events import GapFilled
from datafeed.models import Bar, Gap
from datafeed.services import fill_gap, load_history, record_bar
from formulas import live, tasks
from formulas.handlers import go_on_after_gap
from formulas.models import Deployment, Formula, Signal
from formulas.services import deploy_formula, set_deployment_status
from formulas.tests.conftest import CROSSING, DAY, FIRST_DAY, UP_AND_DOWN, Market
from kernel import clock

pytestmark = pytest.mark.django_db

LONG = UP_AND_DOWN * 3


def bar(day: int, close: float) -> RawBar:
    price = Decimal(str(close))
    return RawBar(FIRST_DAY + day * DAY, price, price, price, price, Decimal(100))


def arrive(market: Market, days: list[int], closes: list[float] = LONG) -> None:
    """The bars of these days close one after the other, as a feed brings them."""
    for day in days:
        if record_bar(series=market.series, bar=bar(day, closes[day])):
            live.evaluate(market.instrument.pk, "1D")


def raised() -> list[tuple[int, str, Decimal]]:
    rows = Signal.objects.order_by("bar_time", "pk").values_list("bar_time", "side", "price")
    return [((time - FIRST_DAY) // DAY, side, price) for time, side, price in rows]


@pytest.fixture
def deployed(market: Market, person: Any, formula_of: Any) -> Deployment:
    """The crossing formula, running on a market with three bars."""
    market.close_bars(LONG[:3])
    formula = Formula.objects.get(pk=formula_of(person("ann"), CROSSING)["id"])
    return deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")


@pytest.fixture
def undisturbed(market: Market, deployed: Deployment) -> list[tuple[int, str, Decimal]]:
    """The signals of a feed in which nothing goes wrong; afterwards all is as it was before."""
    arrive(market, list(range(3, len(LONG))))
    found = raised()
    assert len(found) > 3, "the market of this test has crossings on both sides of its holes"
    Signal.objects.all().delete()
    Bar.objects.filter(opened_at__gte=FIRST_DAY + 3 * DAY).delete()
    Deployment.objects.update(evaluated_through=deployed.evaluated_through)
    live.forget()
    return found


def fill(market: Market, days: list[int]) -> None:
    """The provider's history brings the bars of these days, and the gap is looked at again."""
    load_history(series=market.series, bars=[bar(day, LONG[day]) for day in days])
    gap = Gap.objects.get()
    assert fill_gap(gap=gap)
    go_on_after_gap(GapFilled(gap.series_id, market.instrument.pk, gap.since, gap.until))


def test_repeated_late_and_contradicting_bars_change_no_signal(market: Market, undisturbed: list[Any]) -> None:
    arrive(market, [3, 4, 4, 5, 3, 6, 7])
    arrive(market, [5, 7], closes=[99.0] * len(LONG))
    arrive(market, list(range(6, len(LONG))))
    assert raised() == undisturbed


def test_nothing_is_decided_across_a_gap_and_all_of_it_once_the_bars_are_there(
    market: Market, deployed: Deployment, undisturbed: list[Any]
) -> None:
    arrive(market, [3, 4, 5, *range(11, 20)])
    assert raised() == [signal for signal in undisturbed if signal[0] < 6]
    fill(market, list(range(6, 11)))
    assert raised() == [signal for signal in undisturbed if signal[0] < 20]
    arrive(market, list(range(20, len(LONG))))
    assert raised() == undisturbed


def test_a_deployment_says_that_it_waits_and_that_it_went_on(
    market: Market, deployed: Deployment, client_of: Any
) -> None:
    client, url = client_of(deployed.formula.author), f"/deployments/{deployed.pk}"
    assert client.get(url).json()["stale_since"] is None
    arrive(market, [3, 4, 7])
    shown = client.get(url).json()
    assert shown["status"] == "running"
    assert shown["stale_since"]
    assert shown["detail"] == (
        "waits for bars that are missing: from 2001-01-06T00:00:00Z to before 2001-01-08T00:00:00Z"
    )
    assert shown["last_bar_time"] == "2001-01-05T00:00:00Z"
    fill(market, [5, 6])
    shown = client.get(url).json()
    assert shown["stale_since"] is None
    assert shown["detail"].startswith("went on at ")
    assert shown["last_bar_time"] == "2001-01-08T00:00:00Z"


def test_a_restart_while_it_waits_changes_nothing(market: Market, deployed: Deployment, undisturbed: list[Any]) -> None:
    for day in [*range(3, 9), *range(12, 18)]:
        live.forget()
        arrive(market, [day])
    live.forget()
    fill(market, [9, 10, 11])
    arrive(market, list(range(18, len(LONG))))
    assert raised() == undisturbed


def test_one_that_is_deployed_behind_a_gap_waits_until_its_past_is_whole(
    market: Market, deployed: Deployment, undisturbed: list[Any]
) -> None:
    set_deployment_status(deployment=deployed, status="stopped")
    arrive(market, [3, 4, 5, *range(11, 15)])
    late = deploy_formula(formula=deployed.formula, instrument=market.instrument, resolution="1D")
    arrive(market, [15, 16, 17, 18, 19])
    assert raised() == []
    fill(market, list(range(6, 11)))
    arrive(market, list(range(20, len(LONG))))
    assert raised() == [signal for signal in undisturbed if signal[0] > 14]
    assert set(Signal.objects.values_list("deployment_id", flat=True)) == {late.pk}


def test_bars_that_nobody_has_are_waited_for_two_hours(market: Market, deployed: Deployment) -> None:
    arrive(market, [3, 4, *range(7, len(LONG))])
    tasks.end_waits()
    deployed.refresh_from_db()
    assert deployed.stale_since
    before = raised()
    Gap.objects.update(found_at=clock.now() - timedelta(hours=2))
    tasks.end_waits()
    deployed.refresh_from_db()
    assert deployed.stale_since is None
    assert deployed.evaluated_through == FIRST_DAY + (len(LONG) - 1) * DAY
    assert len(raised()) > len(before)


def test_bars_that_come_after_that_change_what_indicators_see_and_no_signal_of_the_past(
    market: Market, deployed: Deployment, undisturbed: list[Any]
) -> None:
    arrive(market, [3, 4, 7])
    Gap.objects.update(found_at=clock.now() - timedelta(hours=2))
    arrive(market, list(range(8, 15)))
    before = raised()
    fill(market, [5, 6])
    assert raised() == before
    arrive(market, list(range(15, len(LONG))))
    assert raised() == [*before, *(signal for signal in undisturbed if signal[0] >= 15)]
