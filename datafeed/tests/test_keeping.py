"""Old bars go where that is wanted, and PostgreSQL has a partition ready for each year."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import connection

from datafeed.models import Bar, Gap, Series
from datafeed.selectors.charts import chart_page
from datafeed.selectors.held import find_served
from datafeed.services import forget_old_bars, keeping, load_history, make_partitions, record_bar
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


def test_bars_that_came_before_their_partition_move_into_it(daily: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    make_partitions()
    far = datetime(clock.now().year + 5, 6, 1, tzinfo=UTC)
    stamp = int(far.timestamp())
    load_history(series=daily, bars=[bar(stamp), bar(stamp + 4 * 366 * DAY)])
    numbers = dict(Bar.objects.values_list("opened_at", "pk"))
    monkeypatch.setattr(clock, "now", lambda: far)
    assert len(make_partitions()) == (5 if on_postgresql else 0)
    if on_postgresql:
        assert [held_by(f"{far.year}"), held_by(f"{far.year - 1}"), held_by("later")] == [1, 0, 1]
    assert dict(Bar.objects.values_list("opened_at", "pk")) == numbers
    assert not record_bar(series=daily, bar=bar(stamp))
    assert record_bar(series=daily, bar=bar(stamp + 5 * 366 * DAY))


def held_by(partition: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM datafeed_bar_{partition}")
        return int(cursor.fetchone()[0])


def year(number: int) -> int:
    return int(datetime(number, 1, 1, tzinfo=UTC).timestamp())


@pytest.mark.skipif(not on_postgresql, reason="there are no partitions elsewhere")
@pytest.mark.parametrize("days", [{"1D": 365}, {"1D": 365, "1": 365}, {"1D": 365, "1": 10_000}])
def test_a_partition_that_is_all_old_is_emptied_at_once(
    daily: Series, minutes: Series, settings: Any, monkeypatch: pytest.MonkeyPatch, days: dict[str, int]
) -> None:
    times = [year(2012) - DAY, year(2012), year(2013) - DAY, year(2013), year(2014)]
    load_history(series=daily, bars=[bar(time) for time in times])
    load_history(series=minutes, bars=[bar(year(2012) + 60)])
    for until in (year(2012) + 60, year(2013)):
        Gap.objects.create(series=daily, since=until - 60, until=until)
        record_bar(series=daily, bar=bar(until // DAY * DAY, 99))
    monkeypatch.setattr(clock, "now", lambda: clock.from_epoch(year(2013) + 366 * DAY))
    settings.BARS_KEPT = days
    gone = days.get("1") == 365
    by_row: list[int] = []
    monkeypatch.setattr(keeping, "_forget_some", lambda series, until: by_row.append(series.pk) or 0)
    chart_page(find_served("IBM", "1D"), since=0, until=2**33)
    assert forget_old_bars() == (4 if gone else 1)  # 2011 has bars of one series alone
    assert stamps(daily) == (times[3:] if gone else times[1:])
    assert chart_page(find_served("IBM", "1D"), since=0, until=2**33).times() == stamps(daily)
    assert stamps(minutes) == ([] if gone else [year(2012) + 60])
    assert [gap.until for gap in Gap.objects.order_by("until")] == ([] if gone else [year(2012) + 60, year(2013)])
    assert set(by_row) == {series.pk for series in (daily, minutes) if series.resolution in days}
    monkeypatch.undo()
    settings.BARS_KEPT = days
    load_history(series=daily, bars=[bar(year(2012))])
    assert year(2012) in stamps(daily)


@pytest.mark.skipif(not on_postgresql, reason="there are no partitions elsewhere")
@pytest.mark.django_db(transaction=True)
def test_a_partition_that_somebody_reads_is_left_for_later(daily: Series, settings: Any) -> None:
    load_history(series=daily, bars=[bar(year(2012)), bar(year(2014))])
    settings.BARS_KEPT = {"1D": 365}
    with reading_of("datafeed_bar_2012") as reader:
        assert forget_old_bars() == 2
        assert reader.execute("SELECT count(*) FROM datafeed_bar_2012").fetchone() == (0,)
    assert stamps(daily) == []


@contextmanager
def reading_of(table: str) -> Iterator[psycopg.Connection]:
    """Another connection in the middle of a transaction that has read `table`."""
    told = connection.get_connection_params()
    with psycopg.connect(**{name: told[name] for name in ("dbname", "user", "host", "port") if name in told}) as other:
        other.execute(f"SELECT 1 FROM {table}")
        yield other
