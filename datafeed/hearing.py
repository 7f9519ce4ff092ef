"""Whether a provider that is connected still says something: judged by its pace and by its instruments' sessions."""

from collections.abc import Mapping
from dataclasses import dataclass

from datafeed.providers.base import SeriesKey
from datafeed.sessions import Hours, segments_of

PATIENCE = 3.0  # paces without a word
USUAL_GAPS = 20.0  # of a series that is seldom heard, so many of its usual gaps
LEARNED = 20  # updates from which on a series' gaps are known
SMOOTHING = 0.1
MOST_PATIENCE = 16.0


@dataclass
class _Ear:
    """What is known of one series."""

    hours: Hours
    heard_at: float
    updates: int = 0
    gap: float = 0.0


class Hearing:
    """Listens for a provider that falls silent without hanging up. All times are epoch seconds of the wall clock.

    Only time in which a market is open counts. A provider is mute when none of its open series was heard for
    `PATIENCE` paces, or for twenty times the usual gap between two updates where that is longer; and when one series
    that was heard well before is silent for as long by its own measure. Every restart that brought nothing doubles the
    patience with the next one, up to sixteen times.
    """

    def __init__(self, series: Mapping[SeriesKey, Hours], pace: float, now: float, *, patience: float = 1.0) -> None:
        self.pace = pace
        self.patience = min(patience, MOST_PATIENCE)
        self._ears = {key: _Ear(hours, now) for key, hours in series.items()}

    @property
    def was_heard(self) -> bool:
        return any(ear.updates for ear in self._ears.values())

    def hear(self, key: SeriesKey, now: float) -> None:
        """Something was said of `key`."""
        ear = self._ears.get(key)
        if ear is None:
            return
        since = self._silence(ear, now)
        if since is not None and ear.updates:
            ear.gap = since if ear.updates == 1 else ear.gap + SMOOTHING * (since - ear.gap)
        ear.heard_at, ear.updates = now, ear.updates + 1

    def mute_since(self, now: float) -> tuple[float, str] | None:
        """Since when it says nothing, and of what; none while it speaks or need not."""
        silent: list[tuple[float, SeriesKey, _Ear]] = []
        for key, ear in self._ears.items():
            silence = self._silence(ear, now)
            if silence is not None:
                silent.append((silence, key, ear))
        if not silent:
            return None
        silence, key, ear = min(silent, key=lambda one: one[0])
        if silence > self._limit(ear):
            return now - silence, f"all of {len(silent)} open series" if len(silent) > 1 else key.symbol
        for silence, key, ear in silent:
            if ear.updates >= LEARNED and silence > self._limit(ear):
                return now - silence, key.symbol
        return None

    def _limit(self, ear: _Ear) -> float:
        usual = USUAL_GAPS * ear.gap if ear.updates >= LEARNED else 0.0
        return self.patience * max(PATIENCE * self.pace, usual)

    def _silence(self, ear: _Ear, now: float) -> float | None:
        """For how long the market of `ear` has been open without a word; none where it is closed."""
        span = ear.hours.span(int(now))
        if (span.start, span.end) not in segments_of(ear.hours, span.day):
            return None
        return now - max(ear.heard_at, span.start)
