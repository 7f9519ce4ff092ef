"""What a fill does to what is held: exact arithmetic at average cost, without tables."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

ZERO = Decimal(0)
MONEY = Decimal("0.00000001")
COST = Decimal("0.0000000000000001")
# Wide enough for the product of two full columns, so that nothing is rounded but where it is said.
EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held of one instrument.

    `quantity` is negative for a short position; `cost` is what the open part was bought (sold short) for and has the
    sign of `quantity`, with 16 places so that quantity times price is exact. `realized_pnl` is what closed parts have
    earned, `invested` what every opening, closed since or not, has cost; both in the instrument's currency.
    """

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    invested: Decimal = ZERO

    @property
    def average_price(self) -> Decimal:
        """Cost for one piece, to eight places; 0 where nothing is held."""
        with localcontext(EXACT):
            return (self.cost / self.quantity).quantize(MONEY) if self.quantity else ZERO

    def value(self, price: Decimal | None) -> Decimal:
        """What is held at `price`, negative for a short position; at its cost where no price is known."""
        with localcontext(EXACT):
            return (self.cost if price is None else self.quantity * price).quantize(MONEY)

    def unrealized_pnl(self, price: Decimal | None) -> Decimal:
        """What closing at `price` would earn; 0 where no price is known."""
        with localcontext(EXACT):
            return ZERO if price is None else (self.quantity * price - self.cost).quantize(MONEY)


def fill(held: Holding, quantity: Decimal, price: Decimal) -> Holding:
    """`held` after `quantity` (positive bought, negative sold) at `price` for each piece.

    The average-cost method: what adds to a position moves its average, what reduces it realises the difference to the
    average and leaves that alone. A fill larger than an opposite position closes it and opens the rest at `price`.
    The cost that was put in is either still there or has been realised, so that no fraction is lost by the average.
    """
    with localcontext(EXACT):
        is_opposite = held.quantity * quantity < 0
        closed = min(abs(held.quantity), abs(quantity)).copy_sign(held.quantity) if is_opposite else ZERO
        opened = quantity + closed
        released = (held.cost * closed / held.quantity).quantize(COST) if closed else ZERO
        return Holding(
            quantity=held.quantity + quantity,
            cost=held.cost - released + opened * price,
            realized_pnl=held.realized_pnl + (closed * price - released).quantize(MONEY),
            invested=held.invested + abs(opened * price).quantize(MONEY),
        )
