"""Higher timeframes: bars built from the closed bars of the chart, and seen only when they are complete."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from formulas.engine.bars import Bar

PERIOD = re.compile(r"([1-9][0-9]{0,3})?([mhdwDW]?)")
SECONDS = {"": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST = 4 * SECONDS["w"]
FIRST_MONDAY = 4 * SECONDS["d"]
NOT_RELEASED = math.inf
STATE_DOUBLES = 10


def seconds_of(text: str) -> int | None:
    """The length of a period such as 15m, 4h, 1d or 1w, or of a number of minutes; None when it is none."""
    match = PERIOD.fullmatch(text)
    if match is None or not text:
        return None
    seconds = int(match[1] or 1) * SECONDS[match[2].lower()]
    return seconds if seconds <= LONGEST else None


class HigherBar(NamedTuple):
    """A complete bar of a higher timeframe; `bar_index` counts them from 0."""

    bar: Bar
    bar_index: int


class Aggregator:
    """Builds the bars of one period from the chart's bars.

    A higher bar is complete with the first bar that closes at its end or later. How long the chart's bars last is
    taken from the smallest distance between two of them so far. Periods begin at midnight UTC, weeks on Monday.
    """

    __slots__ = ("_offset", "_period", "_state")

    def __init__(self, period: int) -> None:
        self._period = period
        self._offset = FIRST_MONDAY if period % SECONDS["w"] == 0 else 0
        # Begun, start, open, high, low, close, volume, bars so far, last time + 1, smallest distance.
        self._state = [0.0] * STATE_DOUBLES

    def push(self, bar: Bar) -> list[HigherBar]:
        """The higher bars that are complete with this bar: none, one, or two after a gap."""
        s = self._state
        start = float((bar.time - self._offset) // self._period * self._period + self._offset)
        distance = bar.time + 1.0 - s[8]
        if s[8] != 0.0 and (s[9] == 0.0 or distance < s[9]):
            s[9] = distance
        s[8] = bar.time + 1.0
        released = [self._release()] if s[0] != 0.0 and s[1] != start else []
        self._add(bar, start)
        lasts = s[9] if 0.0 < s[9] <= self._period else 0.0
        if lasts and bar.time + lasts >= start + self._period:
            released.append(self._release())
        return released

    def dump(self) -> list[float]:
        """The whole state."""
        return list(self._state)

    def load(self, state: list[float]) -> None:
        """Go on from a dump."""
        self._state[:] = state

    def _add(self, bar: Bar, start: float) -> None:
        s = self._state
        if s[0] == 0.0:
            s[0] = 1.0
            s[1:7] = [start, float(bar.open), float(bar.high), float(bar.low), 0.0, 0.0]
        s[3] = max(s[3], float(bar.high))
        s[4] = min(s[4], float(bar.low))
        s[5] = float(bar.close)
        s[6] += float(bar.volume)

    def _release(self) -> HigherBar:
        s = self._state
        s[0] = 0.0
        s[7] += 1.0
        return HigherBar(Bar(int(s[1]), s[2], s[3], s[4], s[5], s[6]), int(s[7]) - 1)
