"""Every instant belongs to exactly one bucket, whatever the hours, the zone and the clocks do."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datafeed.sessions import Hours, bucket

NEW_YORK = "America/New_York"
SESSIONS = ["24x7", "0930-1600", "1700-1700", "0930-1200,1300-1600", "0000-0000", "0900-1630|0900-1400:2", "0930-2730",
            "1700F-1600", "1900F3-2350F3:2|0930-1600", "0930-1600#20181114/0900-1700"]  # fmt: skip
ZONES = ["Etc/UTC", NEW_YORK, "Europe/London", "Asia/Kolkata", "Australia/Sydney", "Pacific/Chatham"]
LADDER = ["1", "5", "15", "30", "60", "240", "1D", "1W", "1M"]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


moments = st.integers(at("1999-01-01"), at("2035-01-01")).map(lambda second: second // 60 * 60)


@given(st.sampled_from(SESSIONS), st.sampled_from(ZONES), st.sampled_from(LADDER), moments)
def test_every_bar_of_a_bucket_names_the_same_bucket(session: str, zone: str, resolution: str, moment: int) -> None:
    found = bucket(resolution, session, zone, moment)
    assert moment < found.end == found.until
    last = bucket(resolution, session, zone, found.end - 60)
    assert last.end == found.end
    assert bucket(resolution, session, zone, found.end).end > found.end
    if resolution not in {"1M"}:
        assert last.start == found.start


@given(st.sampled_from(SESSIONS), st.sampled_from(ZONES), st.sampled_from(LADDER[:6]), moments)
def test_an_intraday_bar_holds_its_own_opening_and_no_more_than_its_length(
    session: str, zone: str, resolution: str, moment: int
) -> None:
    found = bucket(resolution, session, zone, moment)
    assert found.start <= moment < found.end <= found.start + int(resolution) * 60
    assert bucket(resolution, session, zone, found.start) == found


@given(st.sampled_from(SESSIONS), st.sampled_from(ZONES), moments)
def test_day_week_and_month_are_stamped_with_midnight_utc(session: str, zone: str, moment: int) -> None:
    for resolution in ("1D", "1W", "1M"):
        assert bucket(resolution, session, zone, moment).start % 86_400 == 0
    week = bucket("1W", session, zone, moment).start
    assert datetime.fromtimestamp(week, tz=UTC).weekday() == 0


@given(st.sampled_from(SESSIONS), st.sampled_from(ZONES), moments)
def test_spans_follow_one_another_without_gap_or_overlap(session: str, zone: str, moment: int) -> None:
    hours, spans = Hours(session, zone), []
    for _ in range(8):
        spans.append(hours.span(moment))
        moment = spans[-1].end
    for earlier, later in pairwise(spans):
        assert earlier.end == later.start
        assert earlier.day <= later.day


@given(st.sampled_from(SESSIONS), st.sampled_from(ZONES), moments, st.sampled_from(["1D", "1W", "1M"]))
def test_a_day_closes_at_the_same_instant_whether_read_from_minutes_or_from_its_stamp(
    session: str, zone: str, moment: int, resolution: str
) -> None:
    hours = Hours(session, zone)
    from_minutes = hours.bucket(resolution, moment)
    day = hours.bucket("1D", moment).start
    assert hours.bucket(resolution, day, "1D").end == from_minutes.end


def test_the_grid_starts_at_the_opening_and_ends_with_the_close() -> None:
    kolkata = Hours("0915-1530", "Asia/Kolkata")
    assert kolkata.bucket("60", at("2026-01-05 03:50")).start == at("2026-01-05 03:45")
    assert kolkata.bucket("60", at("2026-01-05 09:55"))[:2] == (at("2026-01-05 09:45"), at("2026-01-05 10:00"))


def test_each_segment_has_a_grid_of_its_own() -> None:
    hong_kong = Hours("0930-1200,1300-1600", "Asia/Hong_Kong")
    assert hong_kong.bucket("60", at("2026-01-05 03:59"))[:2] == (at("2026-01-05 03:30"), at("2026-01-05 04:00"))
    assert hong_kong.bucket("60", at("2026-01-05 05:00")).start == at("2026-01-05 05:00")
    assert hong_kong.bucket("1D", at("2026-01-05 02:00")).end == at("2026-01-05 08:00")


def test_the_opening_follows_daylight_saving() -> None:
    hours = Hours("0930-1600", NEW_YORK)
    assert hours.bucket("60", at("2026-03-06 14:40")).start == at("2026-03-06 14:30")
    assert hours.bucket("60", at("2026-03-09 13:40")).start == at("2026-03-09 13:30")


def test_a_day_that_never_closes_has_23_or_25_hours_when_the_clocks_change() -> None:
    hours = Hours("24x7", NEW_YORK)
    spring, autumn = hours.span(at("2026-03-08 12:00")), hours.span(at("2026-11-01 12:00"))
    assert (spring.end - spring.start, autumn.end - autumn.start) == (23 * 3600, 25 * 3600)


def test_an_overnight_session_belongs_to_the_day_it_ends_in() -> None:
    hours = Hours("1700-1700", NEW_YORK)
    sunday_evening = hours.bucket("1D", at("2026-01-04 22:30"))
    assert sunday_evening[:2] == (at("2026-01-05"), at("2026-01-05 22:00"))


def test_what_trades_after_the_close_counts_to_the_next_trading_day() -> None:
    hours = Hours("0930-1600", NEW_YORK)
    friday_evening = at("2026-01-02 21:30")
    assert hours.bucket("1D", friday_evening).start == at("2026-01-05")


def test_a_day_rule_wins_over_the_rule_without_days() -> None:
    hours = Hours("0900-1630|0900-1400:2", "Etc/UTC")  # 2 is Monday
    assert hours.bucket("1D", at("2026-01-05"), "1D").end == at("2026-01-05 14:00")
    assert hours.bucket("1D", at("2026-01-06"), "1D").end == at("2026-01-06 16:30")


def test_a_week_closes_with_its_last_trading_day_and_a_month_likewise() -> None:
    hours = Hours("0930-1600", NEW_YORK)
    tuesday = at("2026-01-06")
    assert hours.bucket("1W", tuesday, "1D")[:2] == (at("2026-01-05"), at("2026-01-09 21:00"))
    assert hours.bucket("1M", tuesday, "1D").end == at("2026-01-30 21:00")


@pytest.mark.parametrize(
    "session",
    [
        "",
        "9:30-16:00",
        "0930",
        "2500-2600",
        "0930-1600:8",
        "0930-1600,1500-1700",
        "0930-1600:",
        "x" * 500,
        "1600F-1200F",
        "1600F7-0930",
        "8;0930-1600",
        "0930-1600;",
        "0930-1600#2018/0930-1700",
        "0930-1600#20181399/0930-1700",
        "0930-1600#20181112/0900-1600#20171113/0930-1700",
        "0930-1600#20181112",
    ],
)
def test_a_session_that_cannot_be_read_is_refused(session: str) -> None:
    with pytest.raises(ValueError, match="session"):
        Hours(session, "Etc/UTC").check()


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "EST5\x00"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        Hours("24x7", zone).check()
