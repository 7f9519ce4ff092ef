"""Bars while they form: built up in memory, kept in the cache for readers, shown to whoever listens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.core.cache import cache

from datafeed.bars import BarColumns, FormingBar, RawBar
from datafeed.builder import BarBuilder
from datafeed.errors import PositionLost
from datafeed.messages import QuotePayload, QuotesUpdate, QuotesUpdatePayload, bars_topic, quotes_topic
from datafeed.models import Series
from datafeed.providers.base import BarUpdate, Provider, SeriesKey
from datafeed.selectors import newest_time, resolutions_of
from datafeed.selectors.bars import forming_key, open_builder
from datafeed.selectors.health import STANDING_KEY
from datafeed.selectors.quotes import is_quote_source, read_quote
from datafeed.services.history import checked
from datafeed.services.recording import push_bar, record_bar
from kernel.realtime import push

FORMING_FOR = 600  # seconds that a forming bar is believed after its provider fell silent
STANDING_FOR = 60


@dataclass
class Audience:
    """Who may be listening, and what was sent to them: the broadcaster's counters."""

    has_listeners: Callable[[str], bool]
    broadcasts_sent: int = 0
    broadcasts_skipped: int = 0
    errors: int = 0

    def counters(self) -> dict[str, int]:
        return {name: value for name, value in vars(self).items() if name != "has_listeners"}


@dataclass
class LiveSeries:
    """A series whose bars are coming in: the newest recorded one and the builders of the higher ones."""

    series: Series
    provider: Provider
    newest: int | None
    builders: dict[str, BarBuilder]
    quotes: bool


def open_live(*, provider: Provider) -> dict[SeriesKey, LiveSeries]:
    """The stored series of `provider`, ready to go on where the store ends."""
    found: dict[SeriesKey, LiveSeries] = {}
    wanted = set(provider.series())
    for series in Series.objects.filter(provider=provider.key).select_related("instrument"):
        key = SeriesKey(series.instrument.symbol, series.resolution)
        if key not in wanted:
            continue
        higher = [name for name in resolutions_of(series) if name != series.resolution]
        builders = {name: open_builder(series, name) for name in higher}
        quotes = is_quote_source(series)
        found[key] = LiveSeries(series, provider, newest_time(series), builders, quotes)
    return found


def take_update(*, live: LiveSeries, update: BarUpdate, audience: Audience) -> None:
    """Record a closed bar, or show a forming one and the higher bars it is part of."""
    if update.is_closed:
        _close(live, update.bar, audience)
    else:
        _grow(live, update.bar, audience)
    if live.quotes:
        _show_quote(live.series, audience)


def _close(live: LiveSeries, bar: RawBar, audience: Audience) -> None:
    if newest_time(live.series) != live.newest:
        raise PositionLost(f"{live.series}: the recorded bars have changed")
    if not record_bar(series=live.series, bar=bar):
        return
    live.newest = bar.opened_at
    exact = BarColumns.of([checked(bar, live.series.resolution)])
    for builder in live.builders.values():
        builder.add(exact)
    growing = {name: builder.forming for name, builder in live.builders.items()}
    _show(live, {name: forming for name, forming in growing.items() if forming}, audience)


def _grow(live: LiveSeries, bar: RawBar, audience: Audience) -> None:
    bar = checked(bar, live.series.resolution)
    if live.newest is not None and bar.opened_at <= live.newest:
        return
    base = FormingBar(bar.opened_at, *map(float, bar[1:]))
    higher = {name: builder.preview(base) for name, builder in live.builders.items()}
    _show(live, {live.series.resolution: base, **higher}, audience)


def _show(live: LiveSeries, forming: dict[str, FormingBar], audience: Audience) -> None:
    """Keep the forming bars for readers of every process and push them to whoever listens."""
    cache.set(forming_key(live.series.pk), {name: tuple(bar) for name, bar in forming.items()}, FORMING_FOR)
    symbol = live.series.instrument.symbol
    for resolution, bar in forming.items():
        if not live.provider.broadcasts(resolution):
            continue
        if audience.has_listeners(bars_topic(symbol, resolution)):
            push_bar(symbol, resolution, bar)
            audience.broadcasts_sent += 1
        else:
            audience.broadcasts_skipped += 1


def _show_quote(series: Series, audience: Audience) -> None:
    topic = quotes_topic(series.instrument.symbol)
    if audience.has_listeners(topic):
        quote = read_quote(series.instrument)
        payload = QuotePayload(s="ok" if quote else "error", n=series.instrument.symbol, v=quote)
        push(topic, QuotesUpdate(payload=QuotesUpdatePayload(topic=topic, payload=payload)), newest_only=topic)


def say_standing(*, audience: Audience, standings: Mapping[str, str], faults: Mapping[str, str]) -> None:
    """Leave word for health pages of every process: the counters, and how each provider stands."""
    cache.set(
        STANDING_KEY,
        {"counters": audience.counters(), "standings": dict(standings), "faults": dict(faults)},
        STANDING_FOR,
    )
