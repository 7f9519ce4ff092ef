"""Session strings: the hours of each weekday that they say, and since when. Pure and without Django."""

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

ALWAYS = "24x7"
DAY = 1_440  # minutes

_TIME = r"([0-4][0-9])([0-5][0-9])(?:F([1-6])?)?"
_SEGMENT = re.compile(rf"({_TIME})-({_TIME})")
_DAYS = re.compile(r"[1-7]{1,7}")
_DATE = re.compile(r"[0-9]{8}")

Segment = tuple[int, int]
"""Opening and closing in minutes from the trading day's local midnight; an opening before it is negative."""

Week = tuple[tuple[Segment, ...], ...]
"""The segments of each weekday, Monday first."""


class Schedule(NamedTuple):
    """What a session string says: weeks, each with the day it begins to hold, and the first weekday (0 is Monday)."""

    weeks: tuple[tuple[date, Week], ...]
    first_weekday: int

    def segments(self, day: date) -> tuple[Segment, ...]:
        """The segments of the trading day `day`; none on a day off."""
        week = next(week for since, week in reversed(self.weeks) if since <= day)
        return week[day.weekday()]


@lru_cache(maxsize=256)
def parse_session(text: str) -> Schedule:
    """What `text` says; raises `ValueError` where it is no session we know.

    Understood: `24x7`; `HHMM-HHMM` (Monday to Friday, overnight where the start is not before the end, `F` or `Fn` for
    one or n days earlier); several segments joined by `,`; day rules `segments:days` joined by `|`, where 1 is Sunday;
    a first day of the week before or after a `;`; earlier hours as `OLD#YYYYMMDD/NEW`, which end with the first week
    that begins on that date or later.
    """
    body, first_weekday = _without_first_day(text)
    *earlier, newest = body.split("/")
    weeks, since = [], date.min
    for era in earlier:
        hours, _, until = era.partition("#")
        weeks.append((since, _week(hours, text)))
        since = _week_from(_date(until, text), first_weekday)
    weeks.append((since, _week(newest, text)))
    if [begin for begin, _ in weeks] != sorted({begin for begin, _ in weeks}):
        raise ValueError(f"session {text[:60]!r}: the dates of its changes are not in order")
    return Schedule(tuple(weeks), first_weekday)


def segment_text(segment: Segment) -> str:
    """`segment` as a session string says it."""
    return f"{_time_text(segment[0])}-{_time_text(segment[1])}"


def _time_text(minutes: int) -> str:
    days, rest = divmod(minutes, DAY)
    earlier = "" if days >= 0 else "F" if days == -1 else f"F{-days}"
    hours, minute = divmod(max(minutes, rest) if days > 0 else rest, 60)
    return f"{hours:02d}{minute:02d}{earlier}"


def _without_first_day(text: str) -> tuple[str, int]:
    before, semicolon, after = text.partition(";")
    if not semicolon:
        return text, 0
    digit, body = (before, after) if len(before) == 1 else (after, before)
    if len(digit) != 1 or not _DAYS.fullmatch(digit):
        raise ValueError(f"session {text[:60]!r}: the first day of the week is a digit from 1 (Sunday) to 7 (Saturday)")
    return body, _weekday(digit)


def _weekday(digit: str) -> int:
    return (int(digit) - 2) % 7


def _date(text: str, session: str) -> date:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise ValueError(f"session {session[:60]!r}: a change of hours has a date such as #20181114/") from None


def _week_from(day: date, first_weekday: int) -> date:
    return day + timedelta(days=(first_weekday - day.weekday()) % 7)


def _week(text: str, session: str) -> Week:
    if text == ALWAYS:
        return (((0, DAY),),) * 7
    named: dict[int, tuple[Segment, ...]] = {}
    default: tuple[Segment, ...] = ()
    for rule in text.split("|"):
        hours, colon, days = rule.partition(":")
        segments = tuple(sorted(_segment(part, session) for part in hours.split(",")))
        if not colon:
            default = segments
        elif not _DAYS.fullmatch(days):
            raise ValueError(f"session {session[:60]!r}: days are digits from 1 (Sunday) to 7 (Saturday)")
        else:
            named.update({_weekday(digit): segments for digit in days})
    week = tuple(named.get(weekday, default if weekday < 5 else ()) for weekday in range(7))
    _check_order(week, session)
    return week


def _segment(part: str, session: str) -> Segment:
    match = _SEGMENT.fullmatch(part)
    if match is None:
        raise ValueError(f"session {session[:60]!r}: hours are written 0930-1600, or 24x7 for always")
    start, end = _minutes(match[1]), _minutes(match[5])
    if start > DAY or end > 2 * DAY:
        raise ValueError(f"session {session[:60]!r}: an hour is out of range")
    if start == end == 0:
        return 0, DAY
    if "F" not in part:
        return (start - DAY, end) if start >= end else (start, end)
    if start >= end:
        raise ValueError(f"session {session[:60]!r}: hours end before they begin")
    return start, end


def _minutes(text: str) -> int:
    """Minutes from the trading day's midnight; negative where an `F` says an earlier day."""
    clock, earlier, days = text.partition("F")
    return int(clock[:2]) * 60 + int(clock[2:]) - (DAY * int(days or 1) if earlier else 0)


def _check_order(week: Week, session: str) -> None:
    placed = [(day * DAY + start, day * DAY + end) for day, segments in enumerate(week) for start, end in segments]
    if not placed:
        raise ValueError(f"session {session[:60]!r} never opens")
    again = (placed[0][0] + 7 * DAY, placed[0][1] + 7 * DAY)
    for (_, end), (start, _) in zip(placed, [*placed[1:], again], strict=True):
        if start < end:
            raise ValueError(f"session {session[:60]!r}: hours overlap")
