"""What a provider of bars must say and do."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from datafeed.bars import RawBar
from datafeed.sessions import Hours

NEW_YORK = "America/New_York"


class SeriesKey(NamedTuple):
    """A series as providers name it: a symbol and a base resolution."""

    symbol: str
    resolution: str


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """An instrument that a provider brings with it, as it is created where it is not known yet."""

    symbol: str
    name: str
    exchange: str
    type: str = "stock"
    currency: str = "USD"
    price_increment: Decimal = Decimal("0.01")
    lot_size: Decimal = Decimal(1)
    session: str = "0930-1600"
    timezone: str = NEW_YORK


@dataclass(frozen=True, slots=True)
class BarUpdate:
    """What a live stream tells: a bar of one of its series, still forming or closed for good."""

    series: SeriesKey
    bar: RawBar
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, and whether its live bars may count towards a verified score."""

    history: bool = True
    live: bool = True
    counts_towards_score: bool = False


Positions = Mapping[SeriesKey, int | None]
"""The stamp of the newest bar the store has of each series; none for an empty one."""


class Provider(ABC):
    """A source of bars. Required: `series`, `instruments`, `history`; `live` where it is capable of it.

    Bars come in ascending order, closed ones never change, and asking again from a position goes on from there.
    """

    key: str
    label: str
    attribution: str = ""
    is_simulated: bool = False
    capabilities: Capabilities = Capabilities()
    hours: Hours | None = None
    """Hours of its own that win over the instrument's: a simulated market never closes."""

    @abstractmethod
    def instruments(self) -> Sequence[InstrumentSpec]:
        """What it knows of the instruments it has bars of."""

    @abstractmethod
    def series(self) -> Sequence[SeriesKey]:
        """The series it gives, each of them of one of its instruments."""

    @abstractmethod
    def history(self, series: SeriesKey, after: int | None) -> Iterable[RawBar]:
        """The closed bars it has at once, those with a stamp later than `after`. Blocking."""

    def live(self, positions: Positions) -> AsyncIterator[BarUpdate]:
        """What happens after `positions`, as it happens; ends where nothing more will ever come."""
        raise TypeError(f"{self.label} has no live bars")

    def broadcasts(self, resolution: str) -> bool:
        """Whether forming bars of `resolution` are pushed to sockets; closed ones always are."""
        return True

    def standing(self, positions: Positions) -> str:
        """One line on how it goes, for health pages."""
        return "live" if self.capabilities.live else "history only"
