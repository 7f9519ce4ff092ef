"""Trading hours: session strings, the days and spans they make, and the bucket every bar falls into.

Pure and without Django. Times are epoch seconds UTC; a *day stamp* is 00:00 UTC of a trading day.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from datafeed.resolutions import is_intraday, seconds, unit

DAY = 86_400
LONGEST_GAP = 10  # days without a segment that a weekly pattern can have, and some to spare
ALWAYS = "24x7"

_SEGMENT = re.compile(r"([0-4][0-9])([0-5][0-9])-([0-4][0-9])([0-5][0-9])")
_DAYS = re.compile(r"[1-7]{1,7}")

Segment = tuple[int, int]
"""Opening and closing in minutes from the trading day's local midnight; an opening before it is negative."""


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
    """When an instrument trades: a session string and the time zone it is in."""

    session: str
    timezone: str

    def check(self) -> None:
        """Raise `ValueError` saying what is wrong with the session or the time zone."""
        if self.timezone not in _zone_names():
            raise ValueError(f"{self.timezone[:40]!r} is not a time zone")
        parse_session(self.session)

    def bucket(self, resolution: str, opened_at: int, base: str = "1") -> Bucket:
        """The bucket of `resolution` for a bar stamped `opened_at` of the resolution `base`.

        An intraday grid starts anew with each segment. What trades outside the session counts to the trading day
        that follows. Weeks are stamped with their Monday; a month with the trading day asked about, so that its
        first bar names it.
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
        return Bucket(_stamp_of(resolution, span.day), end, end)

    def day_begins(self, instant: int) -> int:
        """The close before the trading day that `instant` counts to: what trades from then on is part of the day."""
        day = self.span(instant).day - timedelta(days=1)
        while not segments_of(self, day):
            day -= timedelta(days=1)
        return segments_of(self, day)[-1][1]

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


@lru_cache(maxsize=256)
def parse_session(text: str) -> tuple[tuple[Segment, ...], ...]:
    """The segments of each weekday, Monday first; raises `ValueError` where `text` is no session we know.

    Understood: `24x7`, `HHMM-HHMM` (Monday to Friday, overnight where the start is not before the end),
    several segments joined by `,`, and day rules `segments:days` joined by `|`, where 1 is Sunday.
    """
    if text == ALWAYS:
        return (((0, 1440),),) * 7
    named: dict[int, tuple[Segment, ...]] = {}
    default: tuple[Segment, ...] = ()
    for rule in text.split("|"):
        hours, colon, days = rule.partition(":")
        segments = tuple(sorted(_segment(part, text) for part in hours.split(",")))
        if not colon:
            default = segments
        elif not _DAYS.fullmatch(days):
            raise ValueError(f"session {text[:60]!r}: days are digits from 1 (Sunday) to 7 (Saturday)")
        else:
            named.update({(int(digit) - 2) % 7: segments for digit in days})
    week = tuple(named.get(weekday, default if weekday < 5 else ()) for weekday in range(7))
    _check_order(week, text)
    return week


def _segment(part: str, session: str) -> Segment:
    match = _SEGMENT.fullmatch(part)
    if match is None:
        raise ValueError(f"session {session[:60]!r}: hours are written 0930-1600, or 24x7 for always")
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if start > 1440 or end > 2880:
        raise ValueError(f"session {session[:60]!r}: an hour is out of range")
    if start == end == 0:
        return 0, 1440
    return (start - 1440, end) if start >= end else (start, end)


def _check_order(week: tuple[tuple[Segment, ...], ...], session: str) -> None:
    placed = [(day * 1440 + start, day * 1440 + end) for day, segments in enumerate(week) for start, end in segments]
    if not placed:
        raise ValueError(f"session {session[:60]!r} never opens")
    again = (placed[0][0] + 7 * 1440, placed[0][1] + 7 * 1440)
    for (_, end), (start, _) in zip(placed, [*placed[1:], again], strict=True):
        if start < end:
            raise ValueError(f"session {session[:60]!r}: hours overlap")


@lru_cache(maxsize=16_384)
def segments_of(hours: Hours, day: date) -> tuple[tuple[int, int], ...]:
    """The segments of the trading day `day` as instants; none where the exchange is closed."""
    instants = (
        (_instant(hours, day, start), _instant(hours, day, end))
        for start, end in parse_session(hours.session)[day.weekday()]
    )
    # Where the clocks leap over a whole segment nothing is left of it.
    return tuple((start, end) for start, end in instants if start < end)


def _instant(hours: Hours, day: date, minutes: int) -> int:
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001  made aware below
    return int(local.replace(tzinfo=_zone(hours.timezone)).timestamp())


def day_stamp(day: date) -> int:
    """00:00 UTC of `day`."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _stamp_of(resolution: str, day: date) -> int:
    return day_stamp(day - timedelta(days=day.weekday()) if unit(resolution) == "W" else day)


def last_day(hours: Hours, resolution: str, day: date) -> date:
    """The last trading day of the day, week or month that the trading day `day` is in."""
    match unit(resolution):
        case "W":
            last = day + timedelta(days=6 - day.weekday())
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
    return Bucket(_stamp_of(resolution, day), _close_of(hours, last), day_stamp(last) + DAY)


def bucket(resolution: str, session: str, timezone: str, opened_at: int, base: str = "1") -> Bucket:
    """`Hours.bucket` for a session and time zone given as text."""
    return Hours(session, timezone).bucket(resolution, opened_at, base)
