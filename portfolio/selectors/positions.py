"""Positions at today's prices, and the figures of all of them together."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from kernel.permissions import Person
from portfolio.accounting import EXACT, ZERO
from portfolio.models import Position
from portfolio.selectors.prices import newest_prices

PERCENT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class ValuedPosition:
    """A position beside its instrument's last price; everything that depends on that is none where there is none."""

    position: Position
    current_price: Decimal | None

    @property
    def market_value(self) -> Decimal | None:
        return None if self.current_price is None else self.position.holding.value(self.current_price)

    @property
    def unrealized_pnl(self) -> Decimal | None:
        return None if self.current_price is None else self.position.holding.unrealized_pnl(self.current_price)

    @property
    def unrealized_pnl_percentage(self) -> Decimal | None:
        """Of what the position cost."""
        return None if self.unrealized_pnl is None else percentage(self.unrealized_pnl, abs(self.position.cost))


@dataclass(frozen=True, slots=True)
class PortfolioStats:
    """A person's positions as a whole. Totals add up amounts as they stand, without converting `currencies`.

    A position whose instrument has no price yet counts at its cost; `unpriced_positions` says how many do.
    """

    total_value: Decimal
    total_unrealized_pnl: Decimal
    total_realized_pnl: Decimal
    total_return_percentage: Decimal
    positions_count: int
    invested: Decimal
    long_value: Decimal
    short_value: Decimal
    gross_exposure: Decimal
    largest_position_percentage: Decimal
    unpriced_positions: int
    currencies: list[str]


def percentage(part: Decimal, whole: Decimal) -> Decimal:
    """`part` in per cent of `whole`, to four places; 0 where there is no whole."""
    return EXACT.quantize(EXACT.divide(100 * part, whole), PERCENT) if whole else ZERO


def open_positions(user: Person) -> QuerySet[Position]:
    """What `user` holds, newest first, with what valuing it needs."""
    return _with_series(Position.objects.visible_to(user).open())


def _with_series(positions: QuerySet[Position]) -> QuerySet[Position]:
    return positions.select_related("instrument").prefetch_related("instrument__series")


def value_positions(positions: Iterable[Position]) -> list[ValuedPosition]:
    """Each of `positions` at its instrument's last price, in their order."""
    held = list(positions)
    prices = newest_prices({position.instrument_id: position.instrument for position in held}.values())
    return [ValuedPosition(position, prices.get(position.instrument_id)) for position in held]


def portfolio_stats(user: Person) -> PortfolioStats:
    """The whole of what `user` holds and has ever earned."""
    everything = list(_with_series(Position.objects.visible_to(user)))
    held = value_positions(position for position in everything if position.quantity)
    values = [one.position.holding.value(one.current_price) for one in held]
    unrealized = sum((one.unrealized_pnl or ZERO for one in held), ZERO)
    realized = sum((position.realized_pnl for position in everything), ZERO)
    invested = sum((position.invested for position in everything), ZERO)
    gross = sum(map(abs, values), ZERO)
    return PortfolioStats(
        total_value=sum(values, ZERO),
        total_unrealized_pnl=unrealized,
        total_realized_pnl=realized,
        total_return_percentage=percentage(unrealized + realized, invested),
        positions_count=len(held),
        invested=invested,
        long_value=sum((value for value in values if value > 0), ZERO),
        short_value=sum((value for value in values if value < 0), ZERO),
        gross_exposure=gross,
        largest_position_percentage=percentage(max(map(abs, values), default=ZERO), gross),
        unpriced_positions=sum(one.current_price is None for one in held),
        currencies=sorted({one.position.instrument.currency for one in held}),
    )
