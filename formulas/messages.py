"""What formulas say and take on sockets."""

from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta

from kernel.realtime import Answer, Payload, Push, Request

SIGNALS_TOPIC = "signals:{}"
FormulaIds = Annotated[list[Annotated[int, Meta(ge=1, le=2**63 - 1)]], Meta(max_length=500)]


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

    formula_ids: FormulaIds | None = None
    symbols: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=100)] | None = None


class SignalsUnsubscribe(Request, frozen=True, kw_only=True):
    formula_ids: FormulaIds | None = None


class FormulasAnswer(Answer, frozen=True, kw_only=True):
    """The formulas it was granted for."""

    formula_ids: list[int]
