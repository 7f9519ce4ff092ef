"""Trading hours: session strings, the days and spans they make, and the bucket every bar falls into.

Pure and without Django. Times are epoch seconds UTC; a *day stamp* is 00:00 UTC of a trading day.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from datafeed.calendars import FIRST_YEAR, LAST_YEAR, year_of
from datafeed.resolutions import is_intraday, seconds, unit
from datafeed.schedules import ALWAYS, Segment, parse_session, segment_text

DAY = 86_400
LONGEST_GAP = 10  # days without a segment that a weekly pattern can have, and some to spare


class Span(NamedTuple):
    """A stretch of time with one grid: a segment of a session, or the gap before one. `end` is exclusive."""

    start: int
    end: int
    day: date


class Bucket(NamedTuple):
    """Where a bar belongs: the stamp and the close of the bar it is part of.

    Bars with a stamp before `until` and not before that of the one asked about belong to the same bucket.
    """

    start: int
    end: int
    until: int


class Hours(NamedTuple):
    """When an instrument trades: a session string, its time zone, and the calendar of its exchange if it keeps one."""

    session: str
    timezone: str
    calendar: str = ""

    def check(self) -> None:
        """Raise `ValueError` saying what is wrong with the session or the time zone."""
        if self.timezone not in _zone_names():
            raise ValueError(f"{self.timezone[:40]!r} is not a time zone")
        parse_session(self.session)

    def bucket(self, resolution: str, opened_at: int, base: str = "1") -> Bucket:
        """The bucket of `resolution` for a bar stamped `opened_at` of the resolution `base`.

        An intraday grid starts anew with each segment. What trades outside the session counts to the trading day
        that follows. Weeks are stamped with their first day, Monday unless the session says another; a month with the
        trading day asked about, so that its first bar names it.
        """
        if not is_intraday(base):
            return _bucket_of_day(self, resolution, opened_at)
        span = self.span(opened_at)
        if is_intraday(resolution):
            step = seconds(resolution)
            start = span.start + (opened_at - span.start) // step * step
            end = min(start + step, span.end)
            return Bucket(start, end, end)
        end = _close_of(self, last_day(self, resolution, span.day))
        return Bucket(_stamp_of(self, resolution, span.day), end, end)

    def day_begins(self, instant: int) -> int:
        """The close before the trading day that `instant` counts to: what trades from then on is part of the day."""
        day = self.span(instant).day - timedelta(days=1)
        while not segments_of(self, day):
            day -= timedelta(days=1)
        return segments_of(self, day)[-1][1]

    def following(self, resolution: str, opened_at: int) -> int | None:
        """The stamp of the bar that is due next after one of `resolution`; none for weeks and months."""
        if is_intraday(resolution):
            end = self.bucket(resolution, opened_at, resolution).end
            span = self.span(end)
            is_open = (span.start, span.end) in segments_of(self, span.day)
            return end if is_open else span.end
        if unit(resolution) != "D":
            return None
        day = datetime.fromtimestamp(opened_at, tz=UTC).date() + timedelta(days=1)
        while not segments_of(self, day):
            day += timedelta(days=1)
        return day_stamp(day)

    def span(self, instant: int) -> Span:
        """The segment `instant` lies in, or the gap before the next one."""
        first = datetime.fromtimestamp(instant, tz=_zone(self.timezone)).date() - timedelta(days=2)
        previous = None
        for offset in range(-LONGEST_GAP, LONGEST_GAP + 3):
            day = first + timedelta(days=offset)
            for start, end in segments_of(self, day):
                if start <= instant < end:
                    return Span(start, end, day)
                if instant < start:
                    return Span(previous if previous is not None else start - DAY, start, day)
                previous = end
        raise ValueError(f"{self.session!r} never opens")


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=16_384)
def segments_of(hours: Hours, day: date) -> tuple[tuple[int, int], ...]:
    """The segments of the trading day `day` as instants; none where the exchange is closed."""
    instants = ((_instant(hours, day, start), _instant(hours, day, end)) for start, end in _minutes_of(hours, day))
    # Where the clocks leap over a whole segment nothing is left of it.
    return tuple((start, end) for start, end in instants if start < end)


def _minutes_of(hours: Hours, day: date) -> tuple[Segment, ...]:
    usual = parse_session(hours.session).segments(day)
    if not hours.calendar or hours.session == ALWAYS:
        return usual
    year = year_of(hours.calendar, day.year)
    if day in year.closed:
        return ()
    closing = year.early.get(day)
    return usual if closing is None else _until(usual, closing)


def _until(segments: tuple[Segment, ...], closing: int) -> tuple[Segment, ...]:
    return tuple((start, min(end, closing)) for start, end in segments if start < closing)


class Exceptions(NamedTuple):
    """The days on which an instrument does not keep its session, as charting libraries are told.

    `holidays` are `YYYYMMDD` joined by commas; `corrections` are `session:days` joined by semicolons.
    """

    holidays: str
    corrections: str


@lru_cache(maxsize=256)
def exceptions_of(hours: Hours) -> Exceptions:
    """Every exception that the calendar of `hours` knows of; empty texts where it keeps none."""
    holidays: list[str] = []
    corrected: dict[str, list[str]] = {}
    if hours.session == ALWAYS:
        return Exceptions("", "")
    schedule = parse_session(hours.session)
    for number in range(FIRST_YEAR, LAST_YEAR + 1):
        year = year_of(hours.calendar, number)
        holidays += (f"{day:%Y%m%d}" for day in sorted(year.closed) if schedule.segments(day))
        for day, closing in sorted(year.early.items()):
            usual = schedule.segments(day)
            if usual and _until(usual, closing) != usual:
                text = ",".join(map(segment_text, _until(usual, closing)))
                corrected.setdefault(text, []).append(f"{day:%Y%m%d}")
    corrections = ";".join(f"{session}:{','.join(days)}" for session, days in corrected.items())
    return Exceptions(",".join(holidays), corrections)


def _instant(hours: Hours, day: date, minutes: int) -> int:
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001  made aware below
    return int(local.replace(tzinfo=_zone(hours.timezone)).timestamp())


def day_stamp(day: date) -> int:
    """00:00 UTC of `day`."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _stamp_of(hours: Hours, resolution: str, day: date) -> int:
    return day_stamp(_week_begins(hours, day) if unit(resolution) == "W" else day)


def _week_begins(hours: Hours, day: date) -> date:
    return day - timedelta(days=(day.weekday() - parse_session(hours.session).first_weekday) % 7)


def last_day(hours: Hours, resolution: str, day: date) -> date:
    """The last trading day of the day, week or month that the trading day `day` is in."""
    match unit(resolution):
        case "W":
            last = _week_begins(hours, day) + timedelta(days=6)
        case "M":
            last = (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        case _:
            return day
    while last > day and not segments_of(hours, last):
        last -= timedelta(days=1)
    return last


def _close_of(hours: Hours, day: date) -> int:
    segments = segments_of(hours, day)
    return segments[-1][1] if segments else day_stamp(day) + DAY


def _bucket_of_day(hours: Hours, resolution: str, stamp: int) -> Bucket:
    day = datetime.fromtimestamp(stamp, tz=UTC).date()
    if unit(resolution) == "D":
        return Bucket(stamp, _close_of(hours, day), stamp + DAY)
    # A bar stamped with a day off counts to the trading day that follows, as it does within a day.
    while not segments_of(hours, day):
        day += timedelta(days=1)
    last = last_day(hours, resolution, day)
    return Bucket(_stamp_of(hours, resolution, day), _close_of(hours, last), day_stamp(last) + DAY)


def bucket(resolution: str, session: str, timezone: str, opened_at: int, base: str = "1") -> Bucket:
    """`Hours.bucket` for a session and time zone given as text."""
    return Hours(session, timezone).bucket(resolution, opened_at, base)
