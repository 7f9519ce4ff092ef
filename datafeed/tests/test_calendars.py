"""Holidays and early closes are those the exchanges kept, and bars are built around them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datafeed.calendars import calendar_of, year_of
from datafeed.providers import find_provider
from datafeed.providers.base import SeriesKey
from datafeed.sessions import DAY, Hours, day_stamp, exceptions_of, segments_of

NEW_YORK = Hours("0930-1600", "America/New_York", "new_york")
LONDON = Hours("0800-1630", "Europe/London", "london")
INDIA = Hours("0915-1530", "Asia/Kolkata", "india")
FUTURES = Hours("1800F-1700", "America/New_York", "new_york")
BROKEN = Hours("0930-1200,1300-1600", "America/New_York", "new_york")
ALL = [NEW_YORK, LONDON, INDIA, FUTURES, BROKEN, Hours("1;1700-1700", "America/New_York", "new_york")]
LADDER = ["1", "5", "15", "30", "60", "240", "1D", "1W", "1M"]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def closed(calendar: str, year: int) -> list[str]:
    return [f"{day:%m%d}" for day in sorted(year_of(calendar, year).closed)]


def test_new_york_is_open_on_exactly_the_days_that_were_traded_from_2000_to_2013() -> None:
    provider = find_provider("replay")
    assert provider is not None
    key = SeriesKey("IBM", "1D")
    traded = {bar.opened_at for bar in provider.history(key, None)}
    day, expected = date(2000, 3, 1), set()
    while day_stamp(day) <= max(traded):
        if segments_of(NEW_YORK, day):
            expected.add(day_stamp(day))
        day += timedelta(days=1)
    assert len(expected) > 2_000
    assert expected == traded


@pytest.mark.parametrize(
    ("calendar", "year", "days"),
    [
        ("new_york", 2026, "0101 0119 0216 0403 0525 0619 0703 0907 1126 1225"),
        ("new_york", 2022, "0117 0221 0415 0530 0620 0704 0905 1124 1226"),
        ("new_york", 2012, "0102 0116 0220 0406 0528 0704 0903 1029 1030 1122 1225"),
        ("london", 2026, "0101 0403 0406 0504 0525 0831 1225 1228"),
        ("london", 2022, "0103 0415 0418 0502 0602 0603 0829 0919 1226 1227"),
        ("london", 2021, "0101 0402 0405 0503 0531 0830 1227 1228"),
        ("london", 2020, "0101 0410 0413 0508 0525 0831 1225 1228"),
        ("india", 2025, "0226 0314 0331 0410 0414 0418 0501 0815 0827 1002 1021 1022 1105 1225"),
        ("india", 2030, "0419 0501 0815 1002 1225"),
        ("new_york", 1999, ""),
        ("new_york", 2031, ""),
        ("", 2026, ""),
    ],
)
def test_the_holidays_of_a_year(calendar: str, year: int, days: str) -> None:
    assert closed(calendar, year) == days.split()


@pytest.mark.parametrize(
    ("calendar", "year", "days"),
    [
        ("new_york", 2026, {"1127": 780, "1224": 780}),
        ("new_york", 2023, {"0703": 780, "1124": 780}),
        ("new_york", 2002, {"0705": 780, "1129": 780, "1224": 780}),
        ("new_york", 2021, {"1126": 780}),
        ("london", 2026, {"1224": 750, "1231": 750}),
        ("london", 2022, {"1223": 750, "1230": 750}),
    ],
)
def test_the_early_closes_of_a_year(calendar: str, year: int, days: dict[str, int]) -> None:
    found = {f"{day:%m%d}": minutes for day, minutes in year_of(calendar, year).early.items()}
    assert found == days


@pytest.mark.parametrize(
    ("exchange", "calendar"),
    [("NYSE", "new_york"), ("nasdaq", "new_york"), ("LSE", "london"), ("BSE", "india"), ("FOREX", ""), ("", "")],
)
def test_an_exchange_keeps_its_calendar(exchange: str, calendar: str) -> None:
    assert calendar_of(exchange) == calendar


def test_charting_libraries_are_told_of_every_exception() -> None:
    told = exceptions_of(NEW_YORK)
    assert {"20261126", "20261225", "20010911"} <= set(told.holidays.split(","))
    session, days = told.corrections.split(":")
    assert session == "0930-1300"
    assert {"20261127", "20261224"} <= set(days.split(","))
    assert exceptions_of(LONDON).corrections.startswith("0800-1230:")
    assert exceptions_of(BROKEN).corrections.startswith("0930-1200:")
    assert exceptions_of(FUTURES).corrections.startswith("1800F-1300:")
    assert exceptions_of(Hours("24x7", "Etc/UTC", "new_york")) == ("", "")


def test_a_day_that_closes_early_ends_early_in_every_resolution() -> None:
    friday = at("2026-11-27")
    assert NEW_YORK.bucket("1D", friday, "1D").end == at("2026-11-27 18:00")
    assert NEW_YORK.bucket("1W", at("2026-11-23"), "1D").end == at("2026-11-27 18:00")
    assert NEW_YORK.bucket("240", at("2026-11-27 17:59"))[:2] == (at("2026-11-27 14:30"), at("2026-11-27 18:00"))
    assert NEW_YORK.bucket("1D", at("2026-11-27 19:00")).start == at("2026-11-30")


def test_a_week_that_ends_with_a_holiday_closes_the_day_before() -> None:
    assert NEW_YORK.bucket("1W", at("2026-03-30"), "1D")[:2] == (at("2026-03-30"), at("2026-04-02 20:00"))


def test_a_week_begins_on_the_day_its_session_says() -> None:
    hours = Hours("1;0000-0000|0000-0000:1", "Etc/UTC")
    assert hours.bucket("1W", at("2026-01-06 12:00")).start == at("2026-01-04")
    assert Hours("24x7;7", "Etc/UTC").bucket("1W", at("2026-01-06"), "1D").start == at("2026-01-03")


def test_hours_that_changed_hold_from_the_next_week_on() -> None:
    hours = Hours("0930-1600#20181114/0900-1700", "Etc/UTC")  # a Wednesday
    assert hours.bucket("1D", at("2018-11-16"), "1D").end == at("2018-11-16 16:00")
    assert hours.bucket("1D", at("2018-11-19"), "1D").end == at("2018-11-19 17:00")


def test_an_opening_days_earlier_belongs_to_the_day_it_names() -> None:
    hours = Hours("1900F3-2350F3:2|0930-1600:3456", "Etc/UTC")
    assert hours.bucket("1D", at("2026-01-02 20:00")).start == at("2026-01-05")


@pytest.mark.parametrize(
    ("hours", "resolution", "bar", "due"),
    [
        (NEW_YORK, "1D", "2026-04-02", "2026-04-06"),
        (NEW_YORK, "1D", "2026-04-06", "2026-04-07"),
        (NEW_YORK, "1", "2026-11-27 17:59", "2026-11-30 14:30"),
        (NEW_YORK, "60", "2026-04-01 13:30", "2026-04-01 14:30"),
        (BROKEN, "1", "2026-04-01 15:59", "2026-04-01 17:00"),
        (Hours("24x7", "Etc/UTC"), "1", "2026-04-01 23:59", "2026-04-02"),
        (Hours("1700-1700", "America/New_York"), "60", "2026-03-06 21:00", "2026-03-08 21:00"),
    ],
)
def test_the_bar_that_is_due_next_leaves_out_what_is_closed(hours: Hours, resolution: str, bar: str, due: str) -> None:
    assert hours.following(resolution, at(bar)) == at(due)


# The weeks in which clocks change in New York, London or neither, over all the years of the tables.
changes = st.sampled_from(
    [at(f"{year}-{month:02d}-01") for year in range(2000, 2031) for month in (3, 4, 10, 11, 12)]
).flatmap(lambda start: st.integers(start, start + 31 * DAY).map(lambda second: second // 60 * 60))


@given(st.sampled_from(ALL), st.sampled_from(LADDER), changes)
def test_every_instant_has_one_bucket_whatever_the_clocks_and_holidays_do(
    hours: Hours, resolution: str, moment: int
) -> None:
    found = hours.bucket(resolution, moment)
    assert moment < found.end == found.until
    last = hours.bucket(resolution, found.end - 60)
    assert last.end == found.end
    assert hours.bucket(resolution, found.end).end > found.end
    if resolution != "1M":
        assert last.start == found.start


@given(st.sampled_from(ALL), changes)
def test_spans_follow_one_another_over_holidays_and_changes_of_the_clock(hours: Hours, moment: int) -> None:
    spans = []
    for _ in range(12):
        spans.append(hours.span(moment))
        moment = spans[-1].end
    for earlier, later in pairwise(spans):
        assert earlier.end == later.start
        assert earlier.day <= later.day


@given(st.sampled_from(ALL), st.sampled_from(["1", "5", "60", "1D"]), changes)
def test_the_bar_due_next_is_open_and_nothing_open_lies_between(hours: Hours, resolution: str, moment: int) -> None:
    stamp = hours.bucket(resolution, moment).start
    due = hours.following(resolution, stamp)
    assert due is not None
    assert due > stamp
    if resolution == "1D":
        day = datetime.fromtimestamp(due, tz=UTC).date()
        assert segments_of(hours, day)
        between = [day - timedelta(days=number) for number in range(1, (due - stamp) // DAY)]
        assert not any(segments_of(hours, one) for one in between)
    else:
        assert hours.bucket(resolution, due).start == due
