"""What happens to portfolios that others act upon."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from kernel.events import Event


@dataclass(frozen=True)
class PositionChanged(Event):
    """A fill has moved a position; the figures are those after it. `quantity` is 0 where it was closed."""

    fill_id: int
    position_id: int
    user_id: int
    instrument_id: int
    symbol: str
    formula_id: int | None
    quantity: Decimal
    average_price: Decimal
    realized_pnl: Decimal
    opened_at: datetime
