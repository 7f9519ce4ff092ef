"""Every write to portfolios: a position changes by fills alone."""

from decimal import Decimal
from typing import Any

from django.db import transaction

from datafeed.models import Instrument
from formulas.models import Formula
from kernel import clock
from kernel.errors import Invalid
from kernel.events import publish
from portfolio.accounting import MONEY, Holding, fill
from portfolio.columns import DIGITS, PLACES
from portfolio.events import PositionChanged
from portfolio.models import Fill, Position

LARGEST = Decimal(10) ** (DIGITS - PLACES)


@transaction.atomic
def add_position(
    *, user: Any, instrument: Instrument, quantity: Decimal, price: Decimal, formula: Formula | None = None
) -> Position:
    """Buy (positive `quantity`) or sell (negative) at `price` for each piece, in the instrument's currency.

    Both have at most eight places. Raises `Invalid` naming `quantity` or `average_price`.
    """
    _check(quantity, price)
    position = _lock_position(user, instrument, formula)
    before = position.holding
    after = fill(before, quantity, price)
    _check_size(after)
    now = clock.now()
    if not before.quantity:
        position.opened_at = now
    position.quantity, position.cost = after.quantity, after.cost
    position.realized_pnl, position.invested = after.realized_pnl, after.invested
    position.save()
    entry = Fill.objects.create(
        position=position,
        quantity=quantity,
        price=price,
        realized_pnl=after.realized_pnl - before.realized_pnl,
        filled_at=now,
    )
    publish(_changed(position, entry))
    return position


def _check(quantity: Decimal, price: Decimal) -> None:
    faults: dict[str, list[str]] = {}
    for name, value in (("quantity", quantity), ("average_price", price)):
        if not value.is_finite() or abs(value) >= LARGEST or value != value.quantize(MONEY):
            faults[name] = [f"Must be a number of at most {DIGITS - PLACES} digits and {PLACES} places."]
    if not faults and quantity == 0:
        faults["quantity"] = ["Must not be zero."]
    if not faults and price <= 0:
        faults["average_price"] = ["Must be greater than zero."]
    if faults:
        raise Invalid(errors=faults)


def _lock_position(user: Any, instrument: Instrument, formula: Formula | None) -> Position:
    """The position's row, held until the end of the transaction: two fills take their turns."""
    position, _ = Position.objects.get_or_create(user=user, instrument=instrument, formula=formula)
    return Position.objects.select_for_update(of=("self",)).select_related("instrument").get(pk=position.pk)


def _check_size(after: Holding) -> None:
    if any(abs(value) >= LARGEST for value in (after.quantity, after.cost, after.realized_pnl, after.invested)):
        raise Invalid.field("quantity", "The position would be worth more than can be kept.")


def _changed(position: Position, entry: Fill) -> PositionChanged:
    return PositionChanged(
        fill_id=entry.pk,
        position_id=position.pk,
        user_id=position.user_id,
        instrument_id=position.instrument_id,
        symbol=position.instrument.symbol,
        formula_id=position.formula_id,
        quantity=position.quantity,
        average_price=position.average_price,
        realized_pnl=position.realized_pnl,
        opened_at=position.opened_at,
    )
