"""What portfolios do when something happens to them."""

from kernel import clock
from kernel.realtime import push
from portfolio.events import PositionChanged
from portfolio.messages import PORTFOLIO_TOPIC, PositionPayload, PositionUpdated


def push_position(event: PositionChanged) -> None:
    """Show the position on its owner's sockets."""
    payload = PositionPayload(
        id=event.position_id,
        symbol=event.symbol,
        quantity=event.quantity,
        average_price=event.average_price,
        realized_pnl=event.realized_pnl,
        formula_id=event.formula_id,
        opened_at=clock.isoformat(event.opened_at),
    )
    push(PORTFOLIO_TOPIC.format(event.user_id), PositionUpdated(payload=payload, event_id=f"fill-{event.fill_id}"))
