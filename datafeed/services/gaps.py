"""Holes in a series: noted when a bar arrives after one, filled from the provider's history."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import takewhile

from django.db import transaction
from django.db.models import Q, QuerySet

from datafeed.bars import RawBar
from datafeed.events import GapFilled
from datafeed.models import Bar, Gap, Series
from datafeed.providers.base import ProviderFailed, SeriesKey
from datafeed.selectors import hours_of
from datafeed.selectors.providers import provider_of
from datafeed.services.history import load_history
from kernel import clock
from kernel.events import publish

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(hours=1)
GIVE_UP = timedelta(days=7)
AT_ONCE = 50


@transaction.atomic
def note_gap(*, series: Series, previous: int, arrived: int) -> Gap | None:
    """Write down that bars are missing between two that follow one another; none where the market was closed.

    `previous` and `arrived` are the stamps of both, epoch seconds UTC.
    """
    due = hours_of(series).following(series.resolution, previous)
    if due is None or due >= arrived:
        return None
    gap, is_new = Gap.objects.get_or_create(series=series, until=arrived, defaults={"since": due})
    if is_new:
        logger.warning("%s: bars are missing from %s to before %s", series, due, arrived)
    return gap


def fill_gaps() -> int:
    """Look for the bars of gaps that were not looked for in the last hour; how many gaps are filled by it.

    After a week nobody looks any more, unless somebody asks for it.
    """
    now = clock.now()
    due = Q(tried_at=None) | Q(tried_at__lt=now - LOOK_AGAIN, found_at__gt=now - GIVE_UP)
    waiting = Gap.objects.filter(due, filled_at=None).select_related("series__instrument").order_by("pk")
    return sum(fill_gap(gap=gap) for gap in waiting[:AT_ONCE])


def fill_gap(*, gap: Gap) -> bool:
    """Ask the provider for the bars of `gap` and record what it has; whether none is missing any more.

    They are history, as if they had been there before; only what waited for them goes on, and does so late.
    """
    is_sparse = _first_missing(gap) is not None and _load_from_provider(gap)
    missing = _first_missing(gap)
    gap.tried_at = clock.now()
    if missing is None:
        gap.filled_at, gap.reason = gap.tried_at, "filled"
    elif is_sparse:
        gap.filled_at, gap.reason, missing = gap.tried_at, "nothing was traded in what is still missing", None
    else:
        gap.since, gap.reason = missing, "the provider's history does not have these bars"
    gap.save(update_fields=["since", "tried_at", "filled_at", "reason"])
    if missing is None:
        publish(_filled(gap))
    return missing is None


def _filled(gap: Gap) -> GapFilled:
    return GapFilled(gap.series_id, gap.series.instrument_id, gap.since, gap.until)


@transaction.atomic
def look_again(*, gaps: QuerySet[Gap]) -> int:
    """Have open `gaps` looked for again within a minute; how many there are."""
    return gaps.filter(filled_at=None).update(tried_at=None)


def _load_from_provider(gap: Gap) -> bool:
    """Record what the provider has; whether it says that there is nothing else, since nothing was traded."""
    series = gap.series
    provider = provider_of(series.provider)
    if provider is None or not provider.capabilities.history:
        return False
    key = SeriesKey(series.instrument.symbol, series.resolution)
    if key not in provider.series():
        return False
    beyond: list[RawBar] = []

    def until_then(bar: RawBar) -> bool:
        beyond.extend([bar] if bar.opened_at >= gap.until else [])
        return not beyond

    try:
        load_history(series=series, bars=takewhile(until_then, provider.history(key, gap.since - 1)))
    except ProviderFailed as failure:
        logger.warning("%s: its provider could not be asked for a gap: %s", series, failure)
    return bool(beyond) and provider.capabilities.is_sparse


def _first_missing(gap: Gap) -> int | None:
    stored = Bar.objects.filter(series=gap.series, opened_at__gte=gap.since, opened_at__lt=gap.until)
    known = set(stored.values_list("opened_at", flat=True))
    return next((stamp for stamp in _due(gap) if stamp not in known), None)


def _due(gap: Gap) -> Iterator[int]:
    """The stamps that the calendar has bars for, from the beginning of `gap` to its end."""
    hours, stamp = hours_of(gap.series), int(gap.since)
    while stamp < gap.until:
        yield stamp
        following = hours.following(gap.series.resolution, stamp)
        if following is None:
            return
        stamp = following
