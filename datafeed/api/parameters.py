"""Reading the query parameters of the datafeed, each of which has more than one spelling."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kernel.errors import Invalid

Query = Mapping[str, str]
"""The parameters of a request, the last of each name."""

MILLISECONDS_FROM = 10**11
"""A time above this is in milliseconds, since it would lie in the year 5138 as seconds."""

LATEST_SECOND = 253_402_300_799
"""The end of the year 9999; nobody means a time so far from 1970, on either side."""

MOST_COUNTED = 1_000_000
"""An answer has fewer bars than that; who counts further has mistaken something else for a count."""

_WHOLE = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class BarsQuery:
    """Which bars are wanted: `since` inclusive, `until` exclusive (epoch seconds), and how many."""

    symbol: str
    resolution: str
    since: int
    until: int
    count: int | None


def bars_query(query: Query) -> BarsQuery:
    """The parameters of a request for bars; raises `Invalid` naming every one that is missing or wrong."""
    return _bars_query(query, ("from_time", "from"), ("to_time", "to"), ("count_back", "countback"))


def history_query(query: Query) -> BarsQuery:
    """The same in the classic spelling alone, where a count makes up for a missing `from`."""
    return _bars_query(query, ("from",), ("to",), ("countback",), is_counted_enough=True)


def window(query: Query) -> tuple[str, str, int | None, int | None]:
    """Symbol, resolution, `from` and `to` (epoch seconds), of which the times may be missing; raises `Invalid`."""
    faults: dict[str, list[str]] = {}
    symbol, resolution = (_text(query, name, faults) for name in ("symbol", "resolution"))
    since, until = (_time(query, (name,), faults) for name in ("from", "to"))
    if faults:
        raise Invalid(errors=faults)
    return symbol, resolution, since, until


def _bars_query(
    query: Query,
    since_names: tuple[str, ...],
    until_names: tuple[str, ...],
    count_names: tuple[str, ...],
    *,
    is_counted_enough: bool = False,
) -> BarsQuery:
    faults: dict[str, list[str]] = {}
    symbol, resolution = (_text(query, name, faults) for name in ("symbol", "resolution"))
    count = _whole(query, count_names, faults)
    since = _time(query, since_names, faults, required=not (is_counted_enough and count))
    until = _time(query, until_names, faults, required=True)
    if count is not None and not 1 <= count <= MOST_COUNTED:
        faults[_spelling(query, count_names)] = [
            "Must be at least 1." if count < 1 else f"Must be at most {MOST_COUNTED}."
        ]
    if until is not None and since is not None and count is None and since > until:
        faults[_spelling(query, since_names)] = ["Must not be later than the end of the window."]
    if faults or until is None:
        raise Invalid(errors=faults)
    return BarsQuery(symbol, resolution, since or 0, until, count)


def spelled(query: Query, *names: str) -> str | None:
    """The first of `names` that the query has."""
    return next((query[name] for name in names if name in query), None)


def _text(query: Query, name: str, faults: dict[str, list[str]]) -> str:
    text = query.get(name, "")
    if not text:
        faults[name] = ["This parameter is required."]
    return text


def _whole(query: Query, names: tuple[str, ...], faults: dict[str, list[str]], *, required: bool = False) -> int | None:
    text = spelled(query, *names) or ""
    if not text:
        if required:
            faults[names[0]] = ["This parameter is required."]
        return None
    if not _WHOLE.fullmatch(text):
        faults[_spelling(query, names)] = ["A whole number is required."]
        return None
    return int(text)


def _time(query: Query, names: tuple[str, ...], faults: dict[str, list[str]], *, required: bool = False) -> int | None:
    """The same for a time: epoch seconds, whichever unit it came in."""
    found = _whole(query, names, faults, required=required)
    if found is None:
        return None
    time = _in_seconds(found)
    if abs(time) > LATEST_SECOND:
        faults[_spelling(query, names)] = ["Must be a time before the year 10000, in epoch seconds or milliseconds."]
    return time


def _spelling(query: Query, names: tuple[str, ...]) -> str:
    return next((name for name in names if name in query), names[0])


def _in_seconds(time: int) -> int:
    return time // 1_000 if abs(time) > MILLISECONDS_FROM else time
