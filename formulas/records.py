"""The live record of a published version: a day is written once it is over, linked to the day before, for good."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max, Prefetch

from formulas.accounts import DAY, Markets, days_of
from formulas.engine.chain import linked
from formulas.models import Publication, PublishedSymbol, RecordDay
from formulas.services.publications import counts
from kernel import clock

# A market that has no later bar yet (a halt, a holiday) does not hold the others up for longer.
PATIENCE = 2 * DAY
WORST_DAY = -0.9999  # of an account that is ruined
FIELDS = ("day", "net_return", "exposure", "market_return", "closed_trades")

Entry = dict[str, Any]


def append_days(publication: Publication, markets: Markets | None = None) -> int:
    """Write down the days that are over and not on record yet, oldest first; how many they were.

    The accounts go on from where the last day ended. Two that do it at once do not write a day twice: the second
    finds another head and leaves it at that.
    """
    head, entries = publication.head, []
    symbols = list(publication.symbols.select_related("instrument", "deployment"))
    for entry in _new_days(publication, symbols, markets or Markets()):
        head = linked(head, entry)
        entries.append(RecordDay(publication=publication, hash=head, **entry))
    is_verified = publication.is_verified and _all_count(publication)
    with transaction.atomic():
        mine = Publication.objects.filter(pk=publication.pk, head=publication.head, ended_at=None)
        if not entries or not mine.update(head=head, is_verified=is_verified):
            return 0
        RecordDay.objects.bulk_create(entries)
        PublishedSymbol.objects.bulk_update(symbols, ["account", "market", "edition"])
    publication.head, publication.is_verified = head, is_verified
    return len(entries)


def due_publications() -> list[int]:
    """Those on record of which a day may be over that is not written down yet.

    Bars are looked at once for each series, and not at all for a record that has yesterday's day by the clock.
    """
    today = int(clock.now().timestamp()) // DAY * DAY
    rows, days = Publication.objects.current().order_by("pk"), RecordDay.objects.filter(publication__ended_at=None)
    newest = dict(days.order_by().values_list("publication").annotate(Max("day")))
    symbols = PublishedSymbol.objects.select_related("instrument").prefetch_related("instrument__series")
    markets = Markets()
    due: list[int] = []
    for row in rows.prefetch_related(Prefetch("symbols", queryset=symbols)):
        begin = _begin(row, newest.get(row.pk))
        is_up_to_date = row.is_verified and begin >= today
        if not is_up_to_date and _first_unfinished(row, row.symbols.all(), markets) > begin:
            due.append(row.pk)
    return due


def entries_of(publication: Publication) -> list[Entry]:
    """The days on record with their hashes, oldest first, as `python -m formulas.engine score` reads them."""
    return list(publication.days.values(*FIELDS, "hash"))


def _all_count(publication: Publication) -> bool:
    symbols = publication.symbols.select_related("instrument")
    return all(counts(symbol.instrument, publication.resolution) for symbol in symbols)


def _new_days(publication: Publication, symbols: Sequence[PublishedSymbol], markets: Markets) -> Iterator[Entry]:
    newest = publication.days.order_by("-day").values_list("day", flat=True).first()
    begin, end = _begin(publication, newest), _first_unfinished(publication, symbols, markets)
    if end <= begin or any(symbol.deployment.is_warming for symbol in symbols):
        return
    found = [days_of(publication, symbol, markets, begin, end) for symbol in symbols]
    for day in sorted({day for one in found for day in one.net_return if begin <= day < end}):
        yield {
            "day": day,
            "net_return": max(WORST_DAY, _mean([one.net_return.get(day, 0.0) for one in found])),
            "exposure": _mean([one.exposure.get(day, 0.0) for one in found]),
            "market_return": _mean([one.market_return.get(day, 0.0) for one in found]),
            "closed_trades": sum(one.closed_trades.get(day, 0) for one in found),
        }


def _begin(publication: Publication, newest_day: int | None) -> int:
    """The earliest start of a day that is still to be written after `newest_day`, epoch seconds."""
    return publication.published_at if newest_day is None else newest_day + DAY


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _first_unfinished(publication: Publication, symbols: Iterable[PublishedSymbol], markets: Markets) -> int:
    """The start of the first day that is not over everywhere: one with later bars is, or one long ago.

    What time it is says the clock, or the newest bar where the market is not of today.
    """
    newest = [markets.newest(symbol.instrument, publication.resolution) for symbol in symbols]
    now = clock.now().timestamp() if publication.is_verified else max(newest)
    return max(min(newest) // DAY * DAY, int(now - PATIENCE) // DAY * DAY)
