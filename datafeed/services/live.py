"""Bars while they form: built up in memory, kept in the cache for readers, shown to whoever listens."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.core.cache import cache

from datafeed.bars import BarColumns, FormingBar, RawBar
from datafeed.builder import BarBuilder
from datafeed.errors import PositionLost
from datafeed.events import BarClosed
from datafeed.messages import QuotePayload, QuotesUpdate, QuotesUpdatePayload, bars_topic, quotes_topic
from datafeed.models import Series
from datafeed.providers.base import BarUpdate, Provider, SeriesKey
from datafeed.recordable import checked
from datafeed.selectors import newest_time, read_bars, read_series, resolutions_of
from datafeed.selectors.bars import forming_key, open_builder
from datafeed.selectors.health import STANDING_KEY
from datafeed.selectors.quotes import is_quote_source, read_quote
from datafeed.services.recording import push_bar, push_closed, record_bar
from datafeed.services.revisions import note_correction
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
    shown: dict[str, int] = field(default_factory=dict)
    """Topic → stamp of the newest bar shown on it: no earlier one is shown after it."""
    positions: dict[int, int] = field(default_factory=dict)
    """Series → the newest bar the store had of it."""

    def counters(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("broadcasts_sent", "broadcasts_skipped", "errors")}

    def may_see(self, topic: str, opened_at: int) -> bool:
        """Whether a bar is not older than what `topic` was shown, which is then noted."""
        if opened_at < self.shown.get(topic, opened_at):
            return False
        self.shown[topic] = opened_at
        return True


@dataclass
class LiveSeries:
    """A series whose bars are coming in: the newest recorded one and the builders of the higher ones."""

    series: Series
    provider: Provider
    newest: int | None
    builders: dict[str, BarBuilder]
    quotes: bool
    edition: int
    """That of the bars which the builders have taken."""


def open_live(*, provider: Provider, audience: Audience | None = None) -> dict[SeriesKey, LiveSeries]:
    """The stored series of `provider`, ready to go on where the store ends, and its `audience` with them."""
    found: dict[SeriesKey, LiveSeries] = {}
    wanted = set(provider.series())
    for series in Series.objects.filter(provider=provider.key).select_related("instrument"):
        key = SeriesKey(series.instrument.symbol, series.resolution)
        if key not in wanted:
            continue
        higher = [name for name in resolutions_of(series) if name != series.resolution]
        edition = _edition_of(series)  # before the bars: what comes in between is noticed
        builders = {name: open_builder(series, name) for name in higher}
        found[key] = LiveSeries(series, provider, newest_time(series), builders, is_quote_source(series), edition)
        if audience is not None:
            _remember(audience, found[key])
    return found


def _remember(audience: Audience, live: LiveSeries) -> None:
    """Know what the audience of a series has seen, from another process too, unless the store has begun anew."""
    symbol, newest = live.series.instrument.symbol, live.newest
    topics = {name: bars_topic(symbol, name) for name in (live.series.resolution, *live.builders)}
    if newest is None or newest < audience.positions.get(live.series.pk, newest):
        for topic in topics.values():
            audience.shown.pop(topic, None)
    else:
        kept: dict[str, tuple[int, ...]] = cache.get(forming_key(live.series.pk)) or {}
        for name in topics.keys() & kept.keys():
            audience.may_see(topics[name], kept[name][0])
    if newest is not None:
        audience.positions[live.series.pk] = newest


def take_update(*, live: LiveSeries, update: BarUpdate, audience: Audience) -> None:
    """Record a closed bar, or show a forming one and the higher bars it is part of."""
    if update.is_correction:
        note_correction(series=live.series, bar=update.bar, source=live.series.provider)
        return
    if update.is_closed:
        _close(live, update.bar, audience)
    else:
        _grow(live, update.bar, audience)
    if live.quotes:
        _show_quote(live.series, audience)


def _close(live: LiveSeries, bar: RawBar, audience: Audience) -> None:
    if newest_time(live.series) != live.newest:
        raise PositionLost(f"{live.series}: the recorded bars have changed")
    if not record_bar(series=live.series, bar=bar, show=partial(_show_closed, audience)):
        return
    live.newest = audience.positions[live.series.pk] = bar.opened_at
    _build_on(live, bar)
    growing = {name: builder.forming for name, builder in live.builders.items()}
    _show(live, {name: forming for name, forming in growing.items() if forming}, audience)


def _build_on(live: LiveSeries, bar: RawBar) -> None:
    """Give the builders a bar that was just recorded; all of the bars where earlier ones came meanwhile."""
    edition = _edition_of(live.series)
    if edition != live.edition:
        live.edition, live.builders = edition, {name: open_builder(live.series, name) for name in live.builders}
        return
    exact = BarColumns.of([checked(bar, live.series.resolution)])
    for builder in live.builders.values():
        builder.add(exact)


def mend_live(*, lives: Iterable[LiveSeries], audience: Audience) -> None:
    """Where earlier bars of a series came meanwhile, such as those of a gap: build on all of them, and show what the
    newest bar of each resolution is by now."""
    known = {live.series.pk: live for live in lives}
    editions = Series.objects.filter(pk__in=known).values_list("pk", "edition")
    for live, edition in [(known[pk], edition) for pk, edition in editions]:
        if edition != live.edition:
            live.edition, live.builders = edition, {name: open_builder(live.series, name) for name in live.builders}
            _push(live, _newest_of(live), audience)


def show_newest(*, lives: Iterable[LiveSeries], audience: Audience) -> None:
    """Show the newest bar of each resolution, after a long absence that was filled from history."""
    for live in lives:
        base = read_series(live.series, last=1)
        _push(live, {live.series.resolution: base.at(-1)} if len(base) else {}, audience)
        _push(live, _newest_of(live), audience)


def _newest_of(live: LiveSeries) -> dict[str, FormingBar]:
    found = {name: builder.forming for name, builder in live.builders.items()}
    closed = {name: read_bars(live.series.instrument, name, last=1) for name, bar in found.items() if bar is None}
    newest = {name: bars.at(-1) for name, bars in closed.items() if len(bars)}
    return newest | {name: bar for name, bar in found.items() if bar is not None}


def _edition_of(series: Series) -> int:
    return Series.objects.values_list("edition", flat=True).get(pk=series.pk)


def _grow(live: LiveSeries, bar: RawBar, audience: Audience) -> None:
    bar = checked(bar, live.series.resolution)
    if live.newest is not None and bar.opened_at <= live.newest:
        return
    base = FormingBar(bar.opened_at, *map(float, bar[1:]))
    higher = {name: builder.preview(base) for name, builder in live.builders.items()}
    _show_ended(live, higher, audience)
    _show(live, {live.series.resolution: base, **higher}, audience)


def _show_ended(live: LiveSeries, higher: Mapping[str, FormingBar], audience: Audience) -> None:
    """Show the last of a higher bar whose end had no base bar, before the first of the next: afterwards is too late."""
    ended = {
        name: builder.forming
        for name, builder in live.builders.items()
        if builder.forming is not None and builder.forming.opened_at < higher[name].opened_at
    }
    _push(live, ended, audience)


def _show(live: LiveSeries, forming: dict[str, FormingBar], audience: Audience) -> None:
    """Keep the forming bars for readers of every process and push them to whoever listens."""
    cache.set(forming_key(live.series.pk), {name: tuple(bar) for name, bar in forming.items()}, FORMING_FOR)
    _push(live, forming, audience)


def _push(live: LiveSeries, bars: Mapping[str, FormingBar], audience: Audience) -> None:
    symbol = live.series.instrument.symbol
    for resolution, bar in bars.items():
        topic = bars_topic(symbol, resolution)
        if not live.provider.broadcasts(resolution) or not audience.may_see(topic, bar.opened_at):
            continue
        if audience.has_listeners(topic):
            push_bar(symbol, resolution, bar)
            audience.broadcasts_sent += 1
        else:
            audience.broadcasts_skipped += 1


def _show_closed(audience: Audience, event: BarClosed) -> None:
    if audience.may_see(bars_topic(event.symbol, event.resolution), event.opened_at):
        push_closed(event)


def _show_quote(series: Series, audience: Audience) -> None:
    topic = quotes_topic(series.instrument.symbol)
    if audience.has_listeners(topic):
        quote = read_quote(series.instrument)
        payload = QuotePayload(s="ok" if quote else "error", n=series.instrument.symbol, v=quote)
        push(topic, QuotesUpdate(payload=QuotesUpdatePayload(topic=topic, payload=payload)), newest_only=topic)


def say_standing(*, audience: Audience, states: Mapping[str, Mapping[str, Any]]) -> None:
    """Leave word for health pages of every process: the counters, and how each provider stands."""
    cache.set(STANDING_KEY, {"counters": audience.counters(), "states": dict(states)}, STANDING_FOR)
