"""Closed bars as they enter the engine: one at a time or as columns, checked at the door."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

PRICE_COLUMNS = ("open", "high", "low", "close")
COLUMNS = ("time", *PRICE_COLUMNS, "volume")
LATEST_TIME = 2**53

Found = TypeVar("Found")


class BarError(ValueError):
    """Bars were refused; `index` is the first bad one, counted from 0."""

    def __init__(self, index: int, reason: str) -> None:
        self.index = index
        self.reason = reason
        super().__init__(f"bar {index}: {reason}")


class Bar(NamedTuple):
    """One closed bar; `time` is its start in seconds since 1970, UTC."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Closed bars as columns of one length; `time` is int64 seconds since 1970 UTC, the others float64.

    Raises BarError unless times rise strictly, all values are finite, volume is not negative, and open and
    close lie within low and high.
    """

    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    _found: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", np.ascontiguousarray(self.time, dtype=np.int64))
        for name in (*PRICE_COLUMNS, "volume"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=np.float64))
        if any(getattr(self, name).shape != (self.time.size,) for name in COLUMNS):
            raise BarError(0, "the columns differ in length")
        self._check_values()

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[float]]) -> Bars:
        """Bars from rows of (time in seconds, open, high, low, close, volume). Raises BarError."""
        kept = list(rows)
        for index, row in enumerate(kept):
            if len(row) != len(COLUMNS):
                raise BarError(index, "a bar is [time, open, high, low, close, volume]")
            if any(isinstance(value, bool) or not isinstance(value, int | float) for value in row):
                raise BarError(index, "a bar is made of numbers")
            if not (abs(row[0]) < LATEST_TIME and float(row[0]).is_integer()):
                raise BarError(index, "the time is not a whole number of seconds")
        try:
            table = np.array([row[1:] for row in kept], dtype=np.float64).reshape(-1, len(COLUMNS) - 1)
        except OverflowError:
            raise BarError(0, "a value is not finite") from None
        times = np.array([int(row[0]) for row in kept], dtype=np.int64)
        return cls(times, *table.T)

    @classmethod
    def gathered(cls, bars: Iterable[Bar]) -> Bars:
        """Bars that come one by one, in little more memory than their numbers take. Raises BarError."""
        table = np.fromiter(chain.from_iterable(bars), dtype=np.float64).reshape(-1, len(COLUMNS))
        return cls(table[:, 0].astype(np.int64), *table[:, 1:].T)

    def __len__(self) -> int:
        return int(self.time.size)

    def row(self, index: int) -> Bar:
        """The bar at an index, counted from 0."""
        return Bar(
            int(self.time[index]),
            float(self.open[index]),
            float(self.high[index]),
            float(self.low[index]),
            float(self.close[index]),
            float(self.volume[index]),
        )

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Bar]:
        """The bars in order, from one index up to another."""
        columns = (getattr(self, name)[start:stop].tolist() for name in COLUMNS)
        return map(Bar._make, zip(*columns, strict=True))

    def once(self, key: Hashable, find: Callable[[], Found]) -> Found:
        """What follows from the bars alone, found when it is first asked for."""
        if key not in self._found:
            self._found[key] = find()
        found: Found = self._found[key]
        return found

    def _check_values(self) -> None:
        values = np.stack([getattr(self, name) for name in (*PRICE_COLUMNS, "volume")])
        inside = (
            (self.low <= np.minimum(self.open, self.close))
            & (np.maximum(self.open, self.close) <= self.high)
            & (self.volume >= 0.0)
        )
        bad = ~(np.isfinite(values).all(axis=0) & inside)
        bad[1:] |= np.diff(self.time) <= 0
        if bad.any():
            index = int(np.argmax(bad))
            last_time = int(self.time[index - 1]) if index else None
            raise BarError(index, fault(self.row(index), last_time) or "the bar is not consistent")


def fault(bar: Bar, last_time: int | None) -> str | None:
    """Why a bar cannot follow the one that began at `last_time` (None: it is the first); None when it can."""
    if last_time is not None and bar.time <= last_time:
        return "its time is not after the bar before it"
    if not all(math.isfinite(value) for value in bar[1:]):
        return "a value is not finite"
    if bar.volume < 0.0:
        return "its volume is negative"
    if not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
        return "its open and close do not lie within its low and high"
    return None
