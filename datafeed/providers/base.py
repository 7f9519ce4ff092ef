"""What a provider of bars must say and do."""

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from datafeed.bars import RawBar
from datafeed.schedules import ALWAYS
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
    """What a live stream tells: a bar of one of its series, still forming or closed for good.

    One that `was_missed` was read from history, which proves nothing about the stream. One that `is_correction` is a
    later word on a bar that had closed.
    """

    series: SeriesKey
    bar: RawBar
    is_closed: bool
    was_missed: bool = False
    is_correction: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, and whether its live bars may count towards a verified score.

    `live` is bars as they form, `ticks` that they are built here from single trades, `quotes` that prices are fresh
    enough to be quoted, `symbols` that it can describe an instrument by itself, `is_sparse` that a time in which
    nothing was traded has no bar. `calls_per_second` is what its vendor allows, none where there is no such limit.
    """

    history: bool = True
    live: bool = True
    ticks: bool = False
    quotes: bool = True
    symbols: bool = False
    is_sparse: bool = False
    needs_key: bool = False
    calls_per_second: float | None = None
    resolutions: tuple[str, ...] = ("1",)
    counts_towards_score: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a provider must be told before it can be used. A secret one is never shown again."""

    name: str
    label: str
    help: str = ""
    is_secret: bool = False
    is_required: bool = True
    default: str = ""
    pattern: str = r"[!-~]{1,512}"

    def fault(self, value: str) -> str | None:
        """What is wrong with `value`; none where it will do."""
        if not value:
            return "This field is required." if self.is_required and not self.default else None
        return None if re.fullmatch(self.pattern, value) else f"This is not a valid {self.label.lower()}."


class Listing(NamedTuple):
    """How an instrument is called where its bars come from, and when it trades."""

    vendor_symbol: str
    hours: Hours = Hours(ALWAYS, "Etc/UTC")


class Described(NamedTuple):
    """An instrument as a vendor tells of it, and what the vendor calls it in requests."""

    vendor_symbol: str
    spec: InstrumentSpec


@dataclass(frozen=True, slots=True)
class Setup:
    """What an installation tells a provider: its account's values, secret ones among them, and its series."""

    key: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    listings: Mapping[SeriesKey, Listing] = field(default_factory=dict)


class ProviderFailed(Exception):
    """A provider could not be asked or did not answer properly. Its text is safe to show and holds no secret.

    Worth another try, after `retry_after` seconds where the vendor said so, unless it `is_permanent`: then somebody
    has to change something first.
    """

    def __init__(self, reason: str, *, is_permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent
        self.retry_after = retry_after


class SignInExpired(ProviderFailed):
    """The vendor no longer takes the key or token we have."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, is_permanent=True)


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
    fields: Sequence[Field] = ()
    """What it must be told; one without fields needs no account."""
    hours: Hours | None = None
    """Hours of its own that win over the instrument's: a simulated market never closes."""
    pace: float | None = None
    """Seconds within which something is heard of it while its market is open; none where silence means nothing."""
    put_aside = 0
    """How many things it was told that made no sense and were left out."""

    @abstractmethod
    def instruments(self) -> Sequence[InstrumentSpec]:
        """The instruments it brings with it; none where operators choose what it is asked for."""

    @abstractmethod
    def series(self) -> Sequence[SeriesKey]:
        """The series it gives."""

    @abstractmethod
    def history(self, series: SeriesKey, after: int | None) -> Iterable[RawBar]:
        """The closed bars it has at once, those with a stamp later than `after`. Blocking.

        Raises `ProviderFailed`; what came before that is good.
        """

    def live(self, positions: Positions) -> AsyncIterator[BarUpdate]:
        """What happens after `positions`, as it happens; ends where nothing more will ever come.

        Raises `ProviderFailed` when the connection is lost: whoever follows it then asks again, from where the store
        is by then.
        """
        raise TypeError(f"{self.label} has no live bars")

    def broadcasts(self, resolution: str) -> bool:
        """Whether forming bars of `resolution` are pushed to sockets; closed ones always are."""
        return True

    def standing(self, positions: Positions) -> str:
        """One line on how it goes, for health pages."""
        return "live" if self.capabilities.live else "history only"
