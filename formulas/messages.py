"""What formulas say and take on sockets."""

from decimal import Decimal
from typing import Any

from kernel.realtime import Payload, Push, Request

SIGNALS_TOPIC = "signals:{}"


class SignalPayload(Payload, frozen=True, kw_only=True):
    """A signal as REST shows it; `bar_time` is the opening of the bar, ISO 8601 UTC."""

    id: int
    formula_id: int
    formula_name: str
    symbol: str
    resolution: str
    side: str
    price: Decimal
    bar_time: str
    reason: list[dict[str, Any]]


class SignalCreated(Push, frozen=True, kw_only=True, tag="signal.created"):
    """A formula one may see has raised a signal."""

    payload: SignalPayload


class SignalsSubscribe(Request, frozen=True, kw_only=True):
    """Which signals: of some formulas, on some symbols, or all that one may see."""

    formula_ids: list[int] | None = None
    symbols: list[str] | None = None


class SignalsUnsubscribe(Request, frozen=True, kw_only=True):
    formula_ids: list[int] | None = None
