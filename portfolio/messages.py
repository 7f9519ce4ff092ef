"""What portfolios say and take on sockets."""

from decimal import Decimal

from kernel.realtime import Payload, Push, Request

PORTFOLIO_TOPIC = "portfolio:{}"


class PositionPayload(Payload, frozen=True, kw_only=True):
    """A position without what depends on the market: its client has the price from the bars."""

    id: int
    symbol: str
    quantity: Decimal
    average_price: Decimal
    realized_pnl: Decimal
    formula_id: int | None
    opened_at: str


class PositionUpdated(Push, frozen=True, kw_only=True, tag="position.updated"):
    """One of one's own positions was opened, changed or closed."""

    payload: PositionPayload


class PortfolioSubscribe(Request, frozen=True, kw_only=True):
    """One's own positions."""


class PortfolioUnsubscribe(Request, frozen=True, kw_only=True):
    """No more of them."""
