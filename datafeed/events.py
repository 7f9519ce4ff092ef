"""What happens to market data that others may want to know."""

from dataclasses import dataclass
from decimal import Decimal

from kernel.events import Event


@dataclass(frozen=True)
class BarClosed(Event):
    """A bar of `resolution`, recorded or built from recorded ones, is final.

    `opened_at` is its stamp and `closed_at` the instant its time ran out, both epoch seconds UTC. Not durable: the
    store is the truth, and whoever missed one reads it there.
    """

    series_id: int
    instrument_id: int
    symbol: str
    resolution: str
    provider: str
    opened_at: int
    closed_at: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True)
class GapFilled(Event):
    """Bars that an instrument's series had missed are there now. Not durable, as the store is the truth."""

    series_id: int
    instrument_id: int
    since: int
    until: int


@dataclass(frozen=True)
class FeedFell(Event):
    """A provider gives nothing any more, for `reason`; `since` is epoch seconds UTC."""

    provider: str
    reason: str
    since: int


@dataclass(frozen=True)
class FeedRecovered(Event):
    """A provider that had fallen gives bars again; `since` is when it fell, epoch seconds UTC."""

    provider: str
    since: int
