"""Higher timeframes: bars built from the closed bars of the chart, and seen only when they are complete."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from formulas.engine.bars import Bar
from formulas.engine.steps.frames import FRAME_DOUBLES, RELEASED_DOUBLES, push

PERIOD = re.compile(r"([1-9][0-9]{0,3})?([mhdwDW]?)")
SECONDS = {"": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST = 4 * SECONDS["w"]
FIRST_MONDAY = 4 * SECONDS["d"]
NOT_RELEASED = math.inf
STATE_DOUBLES = FRAME_DOUBLES


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

    __slots__ = ("_offset", "_period", "_released", "_state")

    def __init__(self, period: int) -> None:
        self._period = period
        self._offset = offset_of(period)
        self._state = [0.0] * STATE_DOUBLES
        self._released = [0.0] * (2 * RELEASED_DOUBLES)

    def push(self, bar: Bar) -> list[HigherBar]:
        """The higher bars that are complete with this bar: none, one, or two after a gap."""
        new = self._released
        time, opening, high, low, close, volume = bar
        count = push(self._state, self._period, self._offset, time, opening, high, low, close, volume, new)
        return [
            HigherBar(Bar(int(new[i]), *new[i + 1 : i + 6]), int(new[i + 6])) for i in (0, RELEASED_DOUBLES)[:count]
        ]

    def dump(self) -> list[float]:
        """The whole state."""
        return list(self._state)

    def load(self, state: list[float]) -> None:
        """Go on from a dump."""
        self._state[:] = state


def _higher_bar(released: list[float]) -> HigherBar:
    time, opening, high, low, close, volume, index = released
    return HigherBar(Bar(int(time), opening, high, low, close, volume), int(index))


def offset_of(period: int) -> int:
    """When one of the periods begins, in seconds since 1970."""
    return FIRST_MONDAY if period % SECONDS["w"] == 0 else 0
