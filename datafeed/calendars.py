"""Days on which exchanges stay closed or close early, by rule where there is one. Pure and without Django.

New York and London are computed for 2000 to 2030, with the closures that no rule foresees up to 2025. India's festivals
follow the moon and are a table of 2021 to 2026; for other years only its fixed holidays are known. Evening sessions on
an Indian holiday, late openings and halts within a day are not known. Before and after, every weekday counts as open.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

FIRST_YEAR, LAST_YEAR = 2000, 2030
MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6
JUNETEENTH_SINCE = 2022


class Year(NamedTuple):
    """What is out of the ordinary in a year: days closed, and on other days the closing in minutes from midnight."""

    closed: frozenset[date]
    early: dict[date, int]


_EXCHANGES = {
    **dict.fromkeys(("NYSE", "NASDAQ", "AMEX", "ARCA", "BATS", "XNYS", "XNAS"), "new_york"),
    **dict.fromkeys(("LSE", "XLON"), "london"),
    **dict.fromkeys(("NSE", "BSE", "XNSE", "XBOM"), "india"),
}


def calendar_of(exchange: str) -> str:
    """The calendar that `exchange` keeps; empty where none is known, as for currencies and crypto."""
    return _EXCHANGES.get(exchange.upper(), "")


@lru_cache(maxsize=256)
def year_of(calendar: str, year: int) -> Year:
    """What is out of the ordinary in `year`; nothing where the calendar does not reach."""
    if calendar not in _RULES or not FIRST_YEAR <= year <= LAST_YEAR:
        return Year(frozenset(), {})
    closed, early = _RULES[calendar]
    days = frozenset(day for day in closed(year) if day.year == year and day.weekday() < SATURDAY)
    return Year(days, {day: minutes for day, minutes in early(year) if day not in days})


def easter(year: int) -> date:
    """Easter Sunday in the Gregorian calendar (Meeus, Jones and Butcher)."""
    golden, century, rest = year % 19, year // 100, year % 100
    correction = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - century // 4 - correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _last(year: int, month: int, weekday: int) -> date:
    fifth = _nth(year, month, weekday, 5)
    return fifth if fifth.month == month else fifth - timedelta(days=7)


def _nearest_weekday(day: date) -> date:
    return day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


def _monday_after(day: date) -> date:
    return day + timedelta(days=(7 - day.weekday()) % 7) if day.weekday() >= SATURDAY else day


def _new_york_closed(year: int) -> Iterator[date]:
    new_year = date(year, 1, 1)
    # On a Saturday it is not made up for: the Friday before is the last of the accounting year.
    yield new_year + timedelta(days=1) if new_year.weekday() == SUNDAY else new_year
    yield _nth(year, 1, MONDAY, 3)
    yield _nth(year, 2, MONDAY, 3)
    yield easter(year) - timedelta(days=2)
    yield _last(year, 5, MONDAY)
    if year >= JUNETEENTH_SINCE:
        yield _nearest_weekday(date(year, 6, 19))
    yield _nearest_weekday(date(year, 7, 4))
    yield _nth(year, 9, MONDAY, 1)
    yield _nth(year, 11, THURSDAY, 4)
    yield _nearest_weekday(date(year, 12, 25))
    yield from _NEW_YORK_ONCE


# The attacks of 2001, days of mourning for four presidents, and a hurricane.
_NEW_YORK_ONCE = [
    *(date(2001, 9, day) for day in (11, 12, 13, 14)),
    date(2004, 6, 11),
    date(2007, 1, 2),
    *(date(2012, 10, day) for day in (29, 30)),
    date(2018, 12, 5),
    date(2025, 1, 9),
]


def _new_york_early(year: int) -> Iterator[tuple[date, int]]:
    at_one = 13 * 60
    yield _nth(year, 11, THURSDAY, 4) + timedelta(days=1), at_one
    days = [date(year, 7, 5) if year == 2002 else date(year, 7, 3), date(year, 12, 24)]
    if year == 2003:
        days.append(date(year, 12, 26))
    yield from ((day, at_one) for day in days if day.weekday() < FRIDAY or year in {2002, 2003})


def _london_closed(year: int) -> Iterator[date]:
    sunday = easter(year)
    yield _monday_after(date(year, 1, 1))
    yield from (sunday - timedelta(days=2), sunday + timedelta(days=1))
    yield date(2020, 5, 8) if year == 2020 else _nth(year, 5, MONDAY, 1)
    if year not in _JUBILEES:
        yield _last(year, 5, MONDAY)
    yield from _JUBILEES.get(year, ())
    yield _last(year, 8, MONDAY)
    christmas, boxing = date(year, 12, 25), date(year, 12, 26)
    yield from (christmas, boxing)
    # Each of the two that falls on a weekend is made up for on the next working day that is still free.
    missed = sum(day.weekday() >= SATURDAY for day in (christmas, boxing))
    yield from (date(year, 12, day) for day in ((27, 28) if missed == 2 else _made_up(christmas) if missed else ()))
    yield from (date(2011, 4, 29), date(2022, 9, 19), date(2023, 5, 8))


_JUBILEES = {
    2002: (date(2002, 6, 3), date(2002, 6, 4)),
    2012: (date(2012, 6, 4), date(2012, 6, 5)),
    2022: (date(2022, 6, 2), date(2022, 6, 3)),
}


def _made_up(christmas: date) -> tuple[int]:
    return (27,) if christmas.weekday() == SUNDAY else (28,)


def _london_early(year: int) -> Iterator[tuple[date, int]]:
    for eve in (date(year, 12, 24), date(year, 12, 31)):
        yield eve - timedelta(days=max(0, eve.weekday() - FRIDAY)), 12 * 60 + 30


_INDIA = {
    2021: "0126 0311 0329 0402 0414 0421 0513 0721 0819 0910 1015 1104 1105 1119",
    2022: "0126 0301 0318 0414 0415 0503 0809 0815 0831 1005 1024 1026 1108",
    2023: "0126 0307 0330 0404 0407 0414 0501 0629 0815 0919 1002 1024 1114 1127 1225",
    2024: "0122 0126 0308 0325 0329 0411 0417 0501 0520 0617 0717 0815 1002 1101 1115 1120 1225",
    2025: "0226 0314 0331 0410 0414 0418 0501 0815 0827 1002 1021 1022 1105 1225",
    2026: "0115 0126 0303 0326 0331 0403 0414 0501 0528 0626 0914 1002 1020 1110 1124 1225",
}
_INDIA_FIXED = "0126 0414 0501 0815 1002 1225"


def _india_closed(year: int) -> Iterator[date]:
    for text in _INDIA.get(year, _INDIA_FIXED).split():
        yield date(year, int(text[:2]), int(text[2:]))
    if year not in _INDIA:
        yield easter(year) - timedelta(days=2)


def _never(year: int) -> Iterable[tuple[date, int]]:
    return ()


_RULES: dict[str, tuple[Callable[[int], Iterable[date]], Callable[[int], Iterable[tuple[date, int]]]]] = {
    "new_york": (_new_york_closed, _new_york_early),
    "london": (_london_closed, _london_early),
    "india": (_india_closed, _never),
}
