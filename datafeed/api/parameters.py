"""Reading the query parameters of the datafeed, each of which has more than one spelling."""

import re
from dataclasses import dataclass

from rest_framework.request import Request

from kernel.errors import Invalid

MOST_BARS = 5_000
MILLISECONDS_FROM = 10**11
"""A time above this is in milliseconds, since it would lie in the year 5138 as seconds."""

_WHOLE = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class BarsQuery:
    """Which bars are wanted: `since` inclusive, `until` exclusive (epoch seconds), and how many."""

    symbol: str
    resolution: str
    since: int
    until: int
    count: int | None


def bars_query(request: Request) -> BarsQuery:
    """The parameters of a request for bars; raises `Invalid` naming every one that is missing or wrong."""
    faults: dict[str, list[str]] = {}
    symbol, resolution = (_text(request, name, faults) for name in ("symbol", "resolution"))
    since = _whole(request, ("from_time", "from"), faults, required=True)
    until = _whole(request, ("to_time", "to"), faults, required=True)
    count = _whole(request, ("count_back", "countback"), faults)
    if count is not None and count < 1:
        faults[_spelling(request, ("count_back", "countback"))] = ["Must be at least 1."]
    if faults or since is None or until is None:
        raise Invalid(errors=faults)
    return BarsQuery(symbol, resolution, _in_seconds(since), _in_seconds(until), count)


def spelled(request: Request, *names: str) -> str | None:
    """The first of `names` that the query has."""
    return next((request.query_params[name] for name in names if name in request.query_params), None)


def _text(request: Request, name: str, faults: dict[str, list[str]]) -> str:
    text = request.query_params.get(name, "")
    if not text:
        faults[name] = ["This parameter is required."]
    return text


def _whole(
    request: Request, names: tuple[str, ...], faults: dict[str, list[str]], *, required: bool = False
) -> int | None:
    text = spelled(request, *names) or ""
    if not text:
        if required:
            faults[names[0]] = ["This parameter is required."]
        return None
    if not _WHOLE.fullmatch(text):
        faults[_spelling(request, names)] = ["A whole number is required."]
        return None
    return int(text)


def _spelling(request: Request, names: tuple[str, ...]) -> str:
    return next((name for name in names if name in request.query_params), names[0])


def _in_seconds(time: int) -> int:
    return time // 1_000 if abs(time) > MILLISECONDS_FROM else time
