"""Holes in a series are found against its calendar, filled from the provider's history, and told of."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from datafeed.bars import RawBar
from datafeed.models import Bar, Gap, Series
from datafeed.providers import find_provider
from datafeed.services import fill_gap, fill_gaps, load_history, look_again, record_bar
from datafeed.services.gaps import GIVE_UP, LOOK_AGAIN
from datafeed.tests.conftest import DAY, MONDAY, bar
from datafeed.tests.test_tables import imported
from kernel import clock

NEXT_MONDAY = MONDAY + 7 * DAY


@pytest.fixture
def at_provider(monkeypatch: pytest.MonkeyPatch) -> list[RawBar]:
    """What IBM's provider says it has."""
    bars: list[RawBar] = []

    def history(key: Any, after: int | None) -> Iterator[RawBar]:
        return iter([one for one in bars if after is None or one.opened_at > after])

    monkeypatch.setattr(find_provider("replay"), "history", history)
    return bars


@pytest.fixture
def gap(daily: Series) -> Gap:
    """Wednesday and Thursday are missing."""
    for day in (0, 1, 4):
        record_bar(series=daily, bar=bar(MONDAY + day * DAY))
    return Gap.objects.get()


def test_a_bar_after_a_hole_of_the_calendar_leaves_a_gap(gap: Gap) -> None:
    assert (gap.since, gap.until, gap.filled_at) == (MONDAY + 2 * DAY, MONDAY + 4 * DAY, None)


def test_weekends_holidays_and_nights_are_no_gaps(daily: Series, minutes: Series) -> None:
    # 2014-01-20 is Martin Luther King's day.
    for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 15):
        record_bar(series=daily, bar=bar(MONDAY + day * DAY))
    for minute in (0, 1, 2):
        record_bar(series=minutes, bar=bar(MONDAY + minute * 60))
    assert not Gap.objects.exists()
    record_bar(series=minutes, bar=bar(MONDAY + 5 * 60))
    assert Gap.objects.values_list("since", "until").get() == (MONDAY + 180, MONDAY + 300)


def test_a_gap_is_filled_from_the_providers_history(gap: Gap, at_provider: list[RawBar]) -> None:
    at_provider.extend(bar(MONDAY + day * DAY, 50 + day) for day in range(8))
    assert fill_gaps() == 1
    gap.refresh_from_db()
    assert (gap.filled_at is not None, gap.reason) == (True, "filled")
    closes = dict(Bar.objects.values_list("opened_at", "close"))
    assert closes == {MONDAY: 10, MONDAY + DAY: 10, MONDAY + 2 * DAY: 52, MONDAY + 3 * DAY: 53, MONDAY + 4 * DAY: 10}
    assert fill_gaps() == 0


def test_what_the_provider_does_not_have_stays_a_gap_and_says_so(gap: Gap, at_provider: list[RawBar]) -> None:
    at_provider.append(bar(MONDAY + 2 * DAY))
    assert not fill_gap(gap=gap)
    gap.refresh_from_db()
    assert (gap.since, gap.filled_at) == (MONDAY + 3 * DAY, None)
    assert "does not have" in gap.reason


def test_a_gap_that_somebody_else_filled_is_closed(gap: Gap, at_provider: list[RawBar]) -> None:
    load_history(series=gap.series, bars=[bar(MONDAY + 2 * DAY), bar(MONDAY + 3 * DAY)])
    assert fill_gaps() == 1


def test_a_gap_is_looked_for_once_an_hour_for_a_week(gap: Gap, at_provider: list[RawBar]) -> None:
    def tried() -> bool:
        before = Gap.objects.get().tried_at
        fill_gaps()
        return Gap.objects.get().tried_at != before

    assert (tried(), tried()) == (True, False)
    now = clock.now()
    Gap.objects.update(tried_at=now - LOOK_AGAIN - timedelta(seconds=1))
    assert tried()
    Gap.objects.update(tried_at=now - LOOK_AGAIN * 2, found_at=now - GIVE_UP - timedelta(seconds=1))
    assert not tried()
    assert look_again(gaps=Gap.objects.all()) == 1
    assert tried()


def test_a_gap_that_an_import_fills_is_closed_at_the_next_look(gap: Gap) -> None:
    assert fill_gaps() == 0
    Gap.objects.update(found_at=clock.now() - GIVE_UP * 2)
    imported(gap.series, f"{MONDAY},10,11,9,10,100")
    assert (fill_gaps(), Gap.objects.get().filled_at) == (0, None)
    imported(gap.series, *(f"{MONDAY + day * DAY},10,11,9,10,100" for day in (2, 3)))
    assert fill_gaps() == 1
    assert Gap.objects.get().filled_at is not None


def test_a_gap_of_a_provider_that_is_gone_stays_open(gap: Gap) -> None:
    Series.objects.update(provider="gone")
    assert fill_gaps() == 0
    assert Gap.objects.get().tried_at is not None


def test_the_health_of_the_datafeed_counts_gaps_and_names_the_newest(
    gap: Gap, client_of: Callable[..., APIClient]
) -> None:
    told = client_of(None).get("/api/v1/datafeed/health").json()["gaps"]
    assert told == {
        "open": 1,
        "filled": 0,
        "newest": [
            {
                "symbol": "IBM",
                "resolution": "1D",
                "since": MONDAY + 2 * DAY,
                "until": MONDAY + 4 * DAY,
                "reason": "",
            }
        ],
    }


@pytest.mark.parametrize(("resolution", "time"), [("1D", MONDAY + 4 * DAY), ("1W", MONDAY)])
def test_a_chart_is_told_below_the_bar_after_a_gap(
    gap: Gap, client_of: Callable[..., APIClient], resolution: str, time: int
) -> None:
    record_bar(series=gap.series, bar=bar(NEXT_MONDAY))
    query = {"symbol": "IBM", "resolution": resolution, "from": 0, "to": 4_000_000_000}
    [mark] = client_of(None).get("/udf/timescale_marks", query).json()
    assert (mark["time"], mark["label"]) == (time, "!")
    assert mark["tooltip"] == ["Bars are missing from 2014-01-08 00:00 UTC on."]
    outside = client_of(None).get("/udf/timescale_marks", {**query, "to": MONDAY})
    assert outside.json() == []


def test_the_panel_lists_gaps_and_has_them_looked_for_again(gap: Gap, person: Callable[..., Any]) -> None:
    user = person("root")
    user.role, user.is_staff, user.is_superuser = "admin", True, True
    user.save()
    panel = Client()
    panel.force_login(user)
    Gap.objects.update(tried_at=clock.now())
    assert b"IBM" in panel.get("/admin/datafeed/gap/?q=IBM").content
    assert panel.get(f"/admin/datafeed/gap/{gap.pk}/change/").status_code == 200
    assert panel.get("/admin/datafeed/gap/add/").status_code == 403
    panel.post("/admin/datafeed/gap/", {"action": "look_again", "_selected_action": [gap.pk]})
    assert Gap.objects.get().tried_at is None
