"""Old bars go where that is wanted, and PostgreSQL has a partition ready for each year."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from datafeed.models import Bar, Gap, Series
from datafeed.selectors.charts import chart_page
from datafeed.selectors.held import find_served
from datafeed.services import forget_old_bars, keeping, load_history, make_partitions
from datafeed.tests.conftest import DAY, MONDAY, bar
from datafeed.tests.test_tables import imported
from kernel import clock

on_postgresql = connection.vendor == "postgresql"


def stamps(series: Series) -> list[int]:
    return list(Bar.objects.filter(series=series).order_by("opened_at").values_list("opened_at", flat=True))


@pytest.fixture
def two_weeks_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: clock.from_epoch(MONDAY + 14 * DAY))


@pytest.mark.usefixtures("two_weeks_later")
def test_bars_older_than_their_resolution_is_kept_go_and_no_others(
    ten_days: Series, minutes: Series, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 2)
    load_history(series=minutes, bars=[bar(MONDAY)])
    for until in (MONDAY + DAY, MONDAY + 9 * DAY):
        Gap.objects.create(series=ten_days, since=until - 60, until=until)
    chart_page(find_served("IBM", "1D"), since=0, until=2**33)
    settings.BARS_KEPT = {"1D": 7}
    assert forget_old_bars() == 5
    assert stamps(ten_days) == [MONDAY + day * DAY for day in range(7, 12)]
    assert chart_page(find_served("IBM", "1D"), since=0, until=2**33).times() == stamps(ten_days)
    assert (stamps(minutes), [gap.until for gap in Gap.objects.all()]) == ([MONDAY], [MONDAY + 9 * DAY])
    assert forget_old_bars() == 0


def test_without_a_word_every_bar_is_kept(ten_days: Series) -> None:
    assert forget_old_bars() == 0
    assert len(stamps(ten_days)) == 10


@pytest.mark.parametrize("year", [1970, 1999, 2000, 2013, 2026])
def test_a_bar_of_any_year_is_recorded_once(daily: Series, year: int) -> None:
    stamp = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    for _ in range(2):
        load_history(series=daily, bars=[bar(stamp), bar(stamp + DAY)])
        imported(daily, f"{stamp + 2 * DAY},10,11,9,10,1")
    assert stamps(daily) == [stamp, stamp + DAY, stamp + 2 * DAY]


@pytest.mark.django_db
def test_partitions_are_made_before_their_year_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    make_partitions()
    this_year = clock.now().year
    monkeypatch.setattr(clock, "now", lambda: datetime(this_year + 3, 6, 1, tzinfo=UTC))
    made = make_partitions()
    wanted = [f"datafeed_bar_{year}" for year in range(this_year + 2, this_year + 5)]
    assert made == (wanted if on_postgresql else [])
    assert make_partitions() == []


def test_bars_from_the_future_are_in_nobodys_way(daily: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    far = int((clock.now() + timedelta(days=5 * 365)).timestamp()) // DAY * DAY
    load_history(series=daily, bars=[bar(far)])
    monkeypatch.setattr(clock, "now", lambda: clock.from_epoch(far))
    with transaction.atomic():
        assert make_partitions() == []
    assert stamps(daily) == [far]
