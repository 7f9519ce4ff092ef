"""What charting clients are told of an exchange's days is what exchange_calendars knows of them, instant by instant."""

from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import exchange_calendars
import pandas
import pytest

from datafeed.calendars import calendar_of
from datafeed.sessions import Exceptions, Hours, exceptions_of, segments_of

# That package is older than the newest version of its own tools.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

YEARS = {"XNYS": (2000, 2027), "XNAS": (2000, 2027), "XLON": (2000, 2027), "XBOM": (2000, 2026), "XHKG": (2015, 2026)}
"""The first and the last that are compared: what that package knows, and our tables reach."""

EXCHANGES = {
    "XNYS": ("NYSE", "0930-1600", "America/New_York"),
    "XNAS": ("NASDAQ", "0930-1600", "America/New_York"),
    "XLON": ("LSE", "0800-1630", "Europe/London"),
    "XBOM": ("NSE", "0915-1530", "Asia/Kolkata"),
    "XHKG": ("HKEX", "0930-1200,1300-1600", "Asia/Hong_Kong"),
}
# A typhoon and a rainstorm that kept Hong Kong closed, which that package does not have.
STORMS = {"XHKG": {date(2023, 9, 1), date(2023, 9, 8)}}
Segments = tuple[tuple[int, int], ...]


def days(code: str) -> list[date]:
    first, last = (date(year, 1, 1) for year in (YEARS[code][0], YEARS[code][1] + 1))
    return [first + timedelta(days=number) for number in range((last - first).days)]


@cache
def kept(code: str) -> dict[date, Segments]:
    """The days that were traded, each with its segments as epoch seconds."""
    first, *_, last = days(code)
    calendar = exchange_calendars.get_calendar(code, start=first.isoformat(), end=last.isoformat())
    found = {}
    for row in calendar.schedule.itertuples():
        instants = [row.open, row.close]
        if not pandas.isna(row.break_start):
            instants[1:1] = [row.break_start, row.break_end]
        seconds = [int(instant.timestamp()) for instant in instants]
        found[row.Index.date()] = tuple(zip(seconds[::2], seconds[1::2], strict=True))
    return {day: segments for day, segments in found.items() if day not in STORMS.get(code, ())}


def hours_of(code: str) -> Hours:
    exchange, session, timezone = EXCHANGES[code]
    return Hours(session, timezone, calendar_of(exchange))


@pytest.mark.parametrize("code", EXCHANGES)
def test_every_day_opens_and_closes_when_the_exchange_did(code: str) -> None:
    ours = {day: segments_of(hours_of(code), day) for day in days(code)}
    assert {day: segments for day, segments in ours.items() if segments} == kept(code)


@pytest.mark.parametrize("code", EXCHANGES)
def test_a_client_that_reads_what_it_is_told_knows_the_same(code: str) -> None:
    hours = hours_of(code)
    told = exceptions_of(hours)
    found = {day: as_told(hours, told, day) for day in days(code)}
    assert {day: segments for day, segments in found.items() if segments} == kept(code)


def as_told(hours: Hours, told: Exceptions, day: date) -> Segments:
    """The segments of `day` as a charting library works them out: corrections, holidays, then the session."""
    rules = (rule.partition(":") for rule in told.corrections.split(";") if rule)
    corrected = {name: session for session, _, names in rules for name in names.split(",")}
    session = corrected.get(f"{day:%Y%m%d}", hours.session)
    if day.weekday() > 4 or (f"{day:%Y%m%d}" in told.holidays.split(",") and session == hours.session):
        return ()
    return tuple(
        (instant(hours, day, start), instant(hours, day, end))
        for start, end in (part.split("-") for part in session.split(","))
    )


def instant(hours: Hours, day: date, clock: str) -> int:
    zone = ZoneInfo(hours.timezone)
    return int(datetime(day.year, day.month, day.day, int(clock[:2]), int(clock[2:]), tzinfo=zone).timestamp())


def test_currencies_trade_from_sunday_evening_to_friday_evening_in_new_york() -> None:
    hours = Hours("1700-1700", "America/New_York", calendar_of("FOREX"))
    for day in days("XNYS"):
        segments = segments_of(hours, day)
        if day.weekday() > 4:
            assert segments == ()
        else:
            assert segments == ((instant(hours, day - timedelta(days=1), "1700"), instant(hours, day, "1700")),)


def test_crypto_never_closes() -> None:
    hours = Hours("24x7", "Etc/UTC", calendar_of("CRYPTO"))
    ends = [segments_of(hours, day) for day in days("XNYS")]
    assert all(earlier[0][1] == later[0][0] for earlier, later in pairwise(ends))
