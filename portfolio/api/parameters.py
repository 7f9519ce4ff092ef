"""Reading which part of a portfolio's history is asked for."""

from dataclasses import dataclass
from datetime import UTC, date, timedelta

from django.utils.dateparse import parse_date, parse_datetime
from rest_framework.request import Request

from datafeed.resolutions import canonical
from kernel import clock
from kernel.api.pagination import whole_number
from kernel.errors import Invalid
from portfolio.selectors import Interval

DEFAULT_DAYS, MOST_DAYS = 30, 3_660
EARLIEST, LATEST = date(1970, 1, 2), date(9999, 1, 1)


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """The days asked for, both included and none after today, and how far apart."""

    first: date
    last: date
    interval: Interval


def history_query(request: Request) -> HistoryQuery:
    """`from` and `to` (ISO 8601), or the last `days`, and `interval`; raises `Invalid` naming what is wrong."""
    today = clock.now().astimezone(UTC).date()
    last = min(_day(request, "to") or today, today)
    days = whole_number(request, "days", default=DEFAULT_DAYS, least=1, most=365)
    first = _day(request, "from") or last - timedelta(days - 1)
    if first > last:
        raise Invalid.field("from", "Must not be later than `to`, nor in the future.")
    if (last - first).days >= MOST_DAYS:
        raise Invalid.field("from", f"At most {MOST_DAYS} days are answered at once.")
    return HistoryQuery(first, last, _interval(request))


def _day(request: Request, name: str) -> date | None:
    """The day (UTC) of a date or an instant."""
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        # A plus sign that was not escaped arrives as a space.
        moment = parse_datetime(text.replace(" ", "+"))
        day = (moment.astimezone(UTC) if moment.tzinfo else moment).date() if moment else parse_date(text)
    except (ValueError, OverflowError):
        day = None
    if day is None or not text.isascii() or not EARLIEST <= day <= LATEST:
        raise Invalid.field(name, "A date or an instant in ISO 8601 is required, such as 2024-05-31.")
    return day


def _interval(request: Request) -> Interval:
    text = request.query_params.get("interval") or Interval.DAY
    try:
        return Interval(canonical(text))
    except ValueError:
        choice = ", ".join(Interval)
        raise Invalid.field("interval", f"Choose one of {choice}.") from None
