"""Prices of many instruments in a fixed number of queries."""

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import OuterRef, Subquery

from datafeed.models import Bar, Instrument, Series
from datafeed.selectors import forming_bar, sources


def newest_prices(instruments: Iterable[Instrument]) -> dict[int, Decimal]:
    """Instrument id → its last price: that of the forming bar of its finest resolution, else the last close.

    An instrument without any bar is left out. One query, where the instruments come with their `series`.
    """
    finest = {one.pk: (one, *next(iter(found.items()))) for one in instruments if (found := sources(one))}
    closes = _last_closes(series for _, _, series in finest.values())
    prices: dict[int, Decimal] = {}
    for pk, (instrument, resolution, series) in finest.items():
        closed_at, close = closes[series.pk]
        forming = forming_bar(instrument, resolution)
        if forming is not None and (closed_at is None or forming.opened_at > closed_at):
            prices[pk] = Decimal(repr(forming.close))
        elif close is not None:
            prices[pk] = close
    return prices


def _last_closes(series: Iterable[Series]) -> dict[int, tuple[int | None, Decimal | None]]:
    newest = Bar.objects.filter(series=OuterRef("pk")).order_by("-opened_at")
    rows = (
        Series.objects.filter(pk__in=[one.pk for one in series])
        .order_by()
        .annotate(closed_at=Subquery(newest.values("opened_at")[:1]), last_close=Subquery(newest.values("close")[:1]))
        .values_list("pk", "closed_at", "last_close")
    )
    return {pk: (closed_at, close) for pk, closed_at, close in rows}
