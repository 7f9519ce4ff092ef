"""Positions on sockets."""

from typing import Any

from kernel.realtime import Socket, operation
from portfolio.messages import PORTFOLIO_TOPIC, PortfolioSubscribe, PortfolioUnsubscribe


@operation("portfolio.subscribe", PortfolioSubscribe)
async def subscribe_to_portfolio(socket: Socket, request: PortfolioSubscribe) -> dict[str, Any]:
    """Receive `position.updated` of one's own positions."""
    await socket.listen(PORTFOLIO_TOPIC.format(socket.user.pk))
    return {}


@operation("portfolio.unsubscribe", PortfolioUnsubscribe)
async def unsubscribe_from_portfolio(socket: Socket, request: PortfolioUnsubscribe) -> dict[str, Any]:
    """Receive no more `position.updated`."""
    await socket.stop_listening(PORTFOLIO_TOPIC.format(socket.user.pk))
    return {}
