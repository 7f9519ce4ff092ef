"""Bars as plain values: one exact bar, one forming bar, and columns of many."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Floats = NDArray[np.float64]


class RawBar(NamedTuple):
    """A bar as a provider gives it, exact. `opened_at` is its stamp in epoch seconds UTC."""

    opened_at: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class FormingBar(NamedTuple):
    """A bar as far as it has come, for showing; never stored. `opened_at` is epoch seconds UTC."""

    opened_at: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True, eq=False)
class BarColumns:
    """Bars as columns of equal length, ascending by `time` (epoch seconds UTC, int64; the rest float64)."""

    time: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def of(cls, bars: Iterable[Sequence[int | float | Decimal]]) -> Self:
        """Columns of bars given as (time, open, high, low, close, volume), in that order."""
        rows = list(bars)
        if not rows:
            return cls.empty()
        table = np.array(rows, dtype=np.float64).T
        return cls(table[0].astype(np.int64), *np.ascontiguousarray(table[1:]))

    @classmethod
    def empty(cls) -> Self:
        return cls(np.empty(0, dtype=np.int64), *(np.empty(0) for _ in range(5)))

    @property
    def values(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Open, high, low, close and volume, in that order."""
        return self.open, self.high, self.low, self.close, self.volume

    def cut(self, start: int | None = None, stop: int | None = None) -> "BarColumns":
        """The bars from position `start` to before `stop`."""
        return BarColumns(self.time[start:stop], *(column[start:stop] for column in self.values))

    def at_places(self, places: NDArray[Any]) -> "BarColumns":
        """The bars at `places`: their numbers, or a mask of all bars."""
        return BarColumns(self.time[places], *(column[places] for column in self.values))

    def between(self, since: int | None, until: int | None) -> "BarColumns":
        """The bars with `since <= time < until`; none leaves that side open."""
        start = None if since is None else int(np.searchsorted(self.time, since))
        stop = None if until is None else int(np.searchsorted(self.time, until))
        return self.cut(start, stop)

    def joined(self, later: "BarColumns") -> "BarColumns":
        """These bars and then the `later` ones."""
        pairs = zip(self.values, later.values, strict=True)
        return BarColumns(np.concatenate((self.time, later.time)), *(np.concatenate(pair) for pair in pairs))

    def at(self, position: int) -> FormingBar:
        """One bar as plain numbers."""
        return FormingBar(int(self.time[position]), *(float(column[position]) for column in self.values))

    def rows(self) -> list[FormingBar]:
        """Every bar as plain numbers."""
        columns = (self.time.tolist(), *(column.tolist() for column in self.values))
        return [FormingBar(*row) for row in zip(*columns, strict=True)]
