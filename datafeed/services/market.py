"""Setting up the market of the enabled providers, and beginning the replay again."""

import logging
from collections.abc import Callable
from dataclasses import asdict

from django.core.cache import cache
from django.db import transaction

from datafeed.models import Bar, BarRevision, Instrument, Series
from datafeed.providers import enabled_providers, find_provider
from datafeed.providers.base import InstrumentSpec
from datafeed.providers.replay import ReplayProvider
from datafeed.selectors import newest_time
from datafeed.selectors.bars import forming_key
from datafeed.services.editions import note_rewritten
from datafeed.services.history import load_history

logger = logging.getLogger(__name__)


def ensure_demo_market(*, progress: Callable[[str, int], None] | None = None) -> int:
    """See that every enabled provider has its instruments, series and history; the number of bars that were new.

    Harmless to repeat: what is there is left alone, and what came since is caught up. `progress` is told the series
    and its new bars so far.
    """
    added = 0
    for provider in enabled_providers():
        specs = {spec.symbol: spec for spec in provider.instruments()}
        for key in provider.series():
            series = ensure_series(spec=specs[key.symbol], resolution=key.resolution, provider=provider.key)
            if series is None:
                continue
            say = (lambda count, name=str(series): progress(name, count)) if progress else None
            added += load_history(series=series, bars=provider.history(key, newest_time(series)), progress=say)
    return added


@transaction.atomic
def ensure_series(*, spec: InstrumentSpec, resolution: str, provider: str, vendor_symbol: str = "") -> Series | None:
    """The series of `provider`, made with its instrument where missing; none where another provider owns it."""
    values = asdict(spec)
    instrument, _ = Instrument.objects.get_or_create(symbol=values.pop("symbol"), defaults=values)
    series, _ = Series.objects.get_or_create(
        instrument=instrument,
        resolution=resolution,
        defaults={"provider": provider, "vendor_symbol": vendor_symbol},
    )
    if series.provider != provider:
        logger.warning("%s belongs to another provider than %s, which leaves it alone", series, provider)
        return None
    return series


@transaction.atomic
def reset_replay() -> int:
    """Forget what was played, so that the replay begins again after its history; the number of bars forgotten.

    A server that is running notices and begins again by itself.
    """
    replay = find_provider(ReplayProvider.key)
    assert isinstance(replay, ReplayProvider)  # noqa: S101  the registry's own entry
    forgotten = 0
    for key in replay.series():
        mine = Series.objects.filter(
            instrument__symbol=key.symbol, resolution=key.resolution, provider=replay.key
        ).first()
        if mine is not None:
            played = Bar.objects.filter(series=mine, opened_at__gte=replay.first_live(key))
            note_rewritten(series_id=mine.pk)
            forgotten += played.delete()[0]
            BarRevision.objects.filter(series=mine, opened_at__gte=replay.first_live(key)).delete()
            cache.delete(forming_key(mine.pk))
    return forgotten
