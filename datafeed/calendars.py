"""Days on which exchanges stay closed or close early, by rule where there is one. Pure and without Django.

New York and London are computed for 2000 to 2030, with the closures that no rule foresees up to 2025. The festivals of
India and Hong Kong follow the moon and are tables, of 2000 to 2026 and 2015 to 2026; for other years only their fixed
holidays are known.
Evening sessions on an Indian holiday, late openings and halts within a day are not known. Before and after, every
weekday counts as open.
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
    **dict.fromkeys(("HKEX", "SEHK", "XHKG"), "hong_kong"),
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
    2000: "0126 0317 0320 0414 0421 0501 0815 0901 1002 1225",
    2001: "0101 0126 0306 0405 0413 0501 0815 0822 1002 1026 1116 1130 1217 1225",
    2002: "0325 0329 0501 0815 0910 1002 1015 1106 1119 1225",
    2003: "0213 0314 0318 0414 0418 0501 0815 1002 1126 1225",
    2004: "0101 0126 0202 0302 0409 0414 0426 1013 1022 1115 1126",
    2005: "0121 0126 0325 0414 0728 0815 0907 1012 1103 1104 1115",
    2006: "0111 0126 0209 0315 0406 0411 0414 0501 0815 1002 1024 1025 1225",
    2007: "0101 0126 0130 0216 0327 0406 0501 0502 0815 1002 1221 1225",
    2008: "0306 0320 0321 0414 0418 0501 0519 0815 0903 1002 1009 1030 1113 1127 1209 1225",
    2009: "0108 0126 0223 0310 0311 0403 0407 0410 0414 0430 0501 0921 0928 1002 1013 1019 1102 1225 1228",
    2010: "0101 0126 0212 0301 0324 0402 0414 0910 1117 1217",
    2011: "0126 0302 0412 0414 0422 0815 0831 0901 1006 1027 1107 1110 1206",
    2012: "0126 0220 0308 0405 0406 0501 0815 0820 0919 1002 1024 1114 1128 1225",
    2013: "0327 0329 0419 0424 0501 0809 0815 0909 1002 1016 1104 1114 1225",
    2014: "0227 0317 0408 0414 0418 0424 0501 0729 0815 0829 1002 1003 1006 1015 1023 1024 1104 1106 1225",
    2015: "0126 0217 0306 0402 0403 0414 0501 0917 0925 1002 1022 1111 1112 1125 1225",
    2016: "0126 0307 0324 0325 0414 0415 0419 0706 0815 0905 0913 1011 1012 1031 1114",
    2017: "0126 0224 0313 0404 0414 0501 0626 0815 0825 1002 1019 1020 1225",
    2018: "0126 0213 0302 0329 0330 0501 0815 0822 0913 0920 1002 1018 1107 1108 1123 1225",
    2019: "0304 0321 0417 0419 0429 0501 0605 0812 0815 0902 0910 1002 1008 1021 1028 1112 1225",
    2020: "0221 0310 0402 0406 0410 0414 0501 0525 1002 1116 1130 1225",
    2021: "0126 0311 0329 0402 0414 0421 0513 0721 0819 0910 1015 1104 1105 1119",
    2022: "0126 0301 0318 0414 0415 0503 0809 0815 0831 1005 1024 1026 1108",
    2023: "0126 0307 0330 0404 0407 0414 0501 0629 0815 0919 1002 1024 1114 1127 1225",
    2024: "0122 0126 0308 0325 0329 0411 0417 0501 0520 0617 0717 0815 1002 1101 1115 1120 1225",
    2025: "0226 0314 0331 0410 0414 0418 0501 0815 0827 1002 1021 1022 1105 1225",
    2026: "0115 0126 0303 0326 0331 0403 0414 0501 0528 0626 0914 1002 1020 1110 1124 1225",
}
_INDIA_FIXED = "0126 0414 0501 0815 1002 1225"


def _india_closed(year: int) -> Iterator[date]:
    yield from _days(year, _INDIA.get(year, _INDIA_FIXED))
    if year not in _INDIA:
        yield easter(year) - timedelta(days=2)


def _days(year: int, text: str) -> Iterator[date]:
    return (date(year, int(day[:2]), int(day[2:])) for day in text.split())


# With the days on which a storm kept it closed.
_HONG_KONG = {
    2015: "0101 0219 0220 0403 0406 0407 0501 0525 0701 0903 0928 1001 1021 1225",
    2016: "0101 0208 0209 0210 0325 0328 0404 0502 0609 0701 0802 0916 1010 1021 1226 1227",
    2017: "0102 0130 0131 0404 0414 0417 0501 0503 0530 0823 1002 1005 1225 1226",
    2018: "0101 0216 0219 0330 0402 0405 0501 0522 0618 0702 0925 1001 1017 1225 1226",
    2019: "0101 0205 0206 0207 0405 0419 0422 0501 0513 0607 0701 1001 1007 1225 1226",
    2020: "0101 0127 0128 0410 0413 0430 0501 0625 0701 1001 1002 1013 1026 1225",
    2021: "0101 0212 0215 0402 0405 0406 0519 0614 0701 0922 1001 1013 1014 1227",
    2022: "0201 0202 0203 0405 0415 0418 0502 0509 0603 0701 0912 1004 1226 1227",
    2023: "0102 0123 0124 0125 0405 0407 0410 0501 0526 0622 0717 0901 0908 1002 1023 1225 1226",
    2024: "0101 0212 0213 0329 0401 0404 0501 0515 0610 0701 0906 0918 1001 1011 1225 1226",
    2025: "0101 0129 0130 0131 0404 0418 0421 0501 0505 0701 1001 1007 1029 1225 1226",
    2026: "0101 0217 0218 0219 0403 0406 0407 0501 0525 0619 0701 1001 1019 1225",
}
_HONG_KONG_FIXED = "0101 0501 0701 1001 1225 1226"
_NEW_YEARS_EVES = {  # of the moon's year, where it is a weekday
    2015: "0218", 2017: "0127", 2018: "0215", 2019: "0204", 2020: "0124",
    2021: "0211", 2022: "0131", 2024: "0209", 2025: "0128", 2026: "0216",
}  # fmt: skip


def _hong_kong_closed(year: int) -> Iterator[date]:
    yield from _days(year, _HONG_KONG.get(year, _HONG_KONG_FIXED))
    if year not in _HONG_KONG:
        yield from (easter(year) - timedelta(days=2), easter(year) + timedelta(days=1))


def _hong_kong_early(year: int) -> Iterator[tuple[date, int]]:
    """The eves on which only the morning is traded."""
    eves = _days(year, f"{_NEW_YEARS_EVES.get(year, '')} 1224 1231")
    return ((eve, 12 * 60) for eve in eves if eve.weekday() < SATURDAY)


def _never(year: int) -> Iterable[tuple[date, int]]:
    return ()


_RULES: dict[str, tuple[Callable[[int], Iterable[date]], Callable[[int], Iterable[tuple[date, int]]]]] = {
    "new_york": (_new_york_closed, _new_york_early),
    "london": (_london_closed, _london_early),
    "india": (_india_closed, _never),
    "hong_kong": (_hong_kong_closed, _hong_kong_early),
}
