"""What happens to formulas that others act upon."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from kernel.events import Event


@dataclass(frozen=True)
class SignalRaised(Event):
    """A deployed formula said buy or sell on a closed bar. Times are epoch seconds; `price` is the bar's close."""

    durable: ClassVar[bool] = True

    signal_id: int
    deployment_id: int
    formula_id: int
    formula_name: str
    instrument_id: int
    symbol: str
    resolution: str
    side: str
    price: Decimal
    bar_time: int
    closed_at: int
    reason: list[dict[str, Any]] = field(default_factory=list)
    price_increment: Decimal | None = None  # the instrument's smallest step, with whose decimals prices are told


@dataclass(frozen=True)
class AlertRaised(Event):
    """A deployed formula gave alert `number` on a closed bar: something to look at, and no order."""

    durable: ClassVar[bool] = True

    deployment_id: int
    formula_id: int
    formula_name: str
    symbol: str
    resolution: str
    number: float
    price: Decimal
    bar_time: int
    reason: list[dict[str, Any]] = field(default_factory=list)
    price_increment: Decimal | None = None


@dataclass(frozen=True)
class SubscriptionChanged(Event):
    """Somebody subscribed to a formula, switched the subscription on or off, or ended it."""

    durable: ClassVar[bool] = True

    user_id: int
    formula_id: int
    is_active: bool
