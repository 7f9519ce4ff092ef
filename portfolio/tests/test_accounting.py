"""The arithmetic of holdings: nothing appears and nothing is lost, whatever the order of fills."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio.accounting import Holding, fill


def after(*fills: tuple[str, str]) -> Holding:
    held = Holding()
    for quantity, price in fills:
        held = fill(held, Decimal(quantity), Decimal(price))
    return held


@pytest.mark.parametrize(
    ("fills", "quantity", "average", "realized"),
    [
        ([("100", "150")], "100", "150", "0"),
        ([("100", "150"), ("100", "170")], "200", "160", "0"),
        ([("100", "150"), ("100", "170"), ("-50", "180")], "150", "160", "1000"),
        ([("100", "150"), ("-100", "149.5")], "0", "0", "-50"),
        ([("-10", "20"), ("-10", "30")], "-20", "25", "0"),
        ([("-10", "20"), ("4", "15")], "-6", "20", "20"),
        ([("10", "100"), ("-15", "110")], "-5", "110", "100"),
        ([("-10", "100"), ("15", "90")], "5", "90", "100"),
        ([("10", "1"), ("-10", "2"), ("5", "7")], "5", "7", "10"),
        ([("0.00000001", "0.00000001"), ("-0.00000001", "100")], "0", "0", "0.000001"),
    ],
)
def test_fills_move_a_holding(fills: list[tuple[str, str]], quantity: str, average: str, realized: str) -> None:
    held = after(*fills)
    assert (held.quantity, held.average_price, held.realized_pnl) == (
        Decimal(quantity),
        Decimal(average),
        Decimal(realized),
    )


def test_an_average_without_end_costs_nobody_a_cent() -> None:
    held = after(("1", "10"), ("1", "10"), ("1", "11"))
    assert held.average_price == Decimal("10.33333333")
    assert after(("1", "10"), ("1", "10"), ("1", "11"), ("-3", "11")).realized_pnl == 2
    thirds = after(("1", "10"), ("1", "10"), ("1", "11"), ("-1", "11"), ("-1", "11"), ("-1", "11"))
    assert abs(thirds.realized_pnl - 2) <= Decimal("0.00000001")
    assert thirds.cost == 0


numbers = st.decimals("-1000000", "1000000", places=8).filter(bool)
prices = st.decimals("0.00000001", "1000000", places=8)


@given(st.lists(st.tuples(numbers, prices), min_size=1, max_size=12), prices)
def test_profit_is_what_came_in_less_what_went_out(fills: list[tuple[Decimal, Decimal]], price: Decimal) -> None:
    held = Holding()
    for quantity, paid in fills:
        held = fill(held, quantity, paid)
    with localcontext(prec=80):
        spent = sum(quantity * paid for quantity, paid in fills)
        earned = held.quantity * price - spent
    assert held.quantity == sum(quantity for quantity, _ in fills)
    assert abs(held.realized_pnl + held.unrealized_pnl(price) - earned) <= len(fills) * Decimal("0.00000001")
    assert held.cost * held.quantity >= 0


def test_a_holding_without_a_price_counts_at_its_cost() -> None:
    held = after(("-4", "2.5"))
    assert (held.value(None), held.unrealized_pnl(None)) == (-10, 0)
    assert (held.value(Decimal(2)), held.unrealized_pnl(Decimal(2))) == (-8, 2)
