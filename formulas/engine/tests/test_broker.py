"""The account of a formula: when orders fill, at what price, and what they cost."""

import math

import pytest

from formulas.engine import LiveProgram, SnapshotError, Terms, compile_formula
from formulas.engine.bars import Bars
from formulas.engine.tests.markets import random_walk

FREE = Terms(initial_capital=1000.0, fee_bps=0.0, slippage_bps=0.0)


def bars(*rows):
    """Bars from (open, high, low, close)."""
    return Bars.from_rows([(60 * i, *row, 1.0) for i, row in enumerate(rows)])


def trade_over(formula, rows, terms=FREE):
    live = LiveProgram(compile_formula(formula), terms)
    equity = []
    for index in range(len(rows)):
        live.advance(rows.row(index))
        equity.append(live.broker.equity)
    return live.broker, equity


def flat(*prices):
    return bars(*[(p, p, p, p) for p in prices])


def ended(broker):
    return [(t.entry_bar, t.exit_bar, t.entry_price, t.exit_price, t.ending) for t in broker.trades]


def test_a_decision_at_the_close_fills_at_the_next_open():
    rows = bars((10, 11, 9, 10), (12, 15, 12, 14), (20, 21, 19, 20), (25, 25, 25, 25))
    broker, equity = trade_over("if bar_index == 0: buy()\nif bar_index == 2: sell()", rows)
    assert ended(broker) == [(1, 3, 12.0, 25.0, "signal")]
    units = 1000 / 12
    assert equity == pytest.approx([1000, units * 14, units * 20, units * 25])


def test_slippage_is_against_the_trader_on_both_sides_of_both_kinds():
    terms = Terms(1000.0, fee_bps=0.0, slippage_bps=100.0)
    long, _ = trade_over("if bar_index == 0: buy()\nif bar_index == 1: sell()", flat(10, 10, 10), terms)
    short, _ = trade_over("if bar_index == 0: short()\nif bar_index == 1: cover()", flat(10, 10, 10), terms)
    assert ended(long)[0][2:4] == pytest.approx((10.1, 9.9))
    assert ended(short)[0][2:4] == pytest.approx((9.9, 10.1))


def test_a_fee_is_paid_on_each_side_and_out_of_the_share():
    terms = Terms(1000.0, fee_bps=100.0, slippage_bps=0.0)
    broker, equity = trade_over("if bar_index == 0: buy()\nif bar_index == 1: sell()", flat(10, 10, 20), terms)
    (trade,) = broker.trades
    notional = 1000 / 1.01
    assert trade.size == pytest.approx(notional / 10)
    assert trade.fees == pytest.approx(notional * 0.01 + 2 * notional * 0.01)
    assert trade.pnl == pytest.approx(notional - trade.fees)
    assert equity == pytest.approx([1000, notional, 1000 + trade.pnl])


def test_a_minimum_fee_counts_where_the_rate_gives_less():
    terms = Terms(1000.0, fee_bps=1.0, slippage_bps=0.0, minimum_fee=5.0)
    broker, equity = trade_over("if bar_index == 0: buy()\nif bar_index == 1: sell()", flat(10, 10, 10), terms)
    assert broker.trades[0].fees == 10.0
    assert equity == pytest.approx([1000, 995, 990])


def test_a_size_is_a_share_of_equity_and_units_replace_it():
    formula = "if bar_index == 0: buy(size=0.25)"
    assert trade_over(formula, flat(10, 10))[0].units == 25.0
    assert trade_over(formula, flat(10, 10), Terms(1000.0, 0.0, 0.0, size_units=3.0))[0].units == 3.0


def test_nothing_is_added_to_a_position_and_an_opposite_entry_turns_it():
    broker, _ = trade_over("if bar_index < 3: buy()\nelse: short()", flat(10, 10, 12, 12, 12, 6))
    assert ended(broker) == [(1, 4, 10.0, 12.0, "signal")]
    assert broker.units == -100.0
    assert broker.equity == 1200 + 600
    assert broker.open_trade().pnl == 600.0


def test_sell_closes_only_a_long_and_cover_only_a_short_position():
    assert trade_over("if bar_index == 0: buy()\nelse: cover()", flat(10, 10, 10))[0].units == 100.0
    assert trade_over("if bar_index == 0: short()\nelse: sell()", flat(10, 10, 10))[0].units == -100.0
    assert trade_over("sell()", flat(10, 10))[0].units == 0.0
    for entry in ("buy", "short"):
        assert trade_over(f"if bar_index == 0: {entry}()\nelse: close()", flat(10, 10, 10))[0].units == 0.0


def test_orders_of_one_bar_are_carried_out_as_one_in_the_order_of_the_formula():
    assert trade_over("buy()\nsell()", flat(10, 10))[0].units == 0.0
    broker, _ = trade_over(
        "if bar_index == 0: buy()\nif bar_index == 1: sell()\nif bar_index == 1: buy()", flat(*[10] * 4)
    )
    assert broker.trades == []
    assert broker.units == 100.0


def test_a_size_of_nothing_enters_nothing():
    assert trade_over("buy(size=0)", flat(10, 10))[0].units == 0.0


PROTECTED = [
    # what happens in the bar after that of entry (open, high, low, close), its ending and price
    ("buy", (100, 103, 99, 100), None, None),
    ("buy", (100, 101, 98, 100), "stop_loss", 98.0),
    ("buy", (97, 99, 96, 98), "stop_loss", 97.0),
    ("buy", (100, 104, 100, 100), "take_profit", 104.0),
    ("buy", (107, 108, 106, 107), "take_profit", 107.0),
    ("buy", (100, 110, 90, 100), "stop_loss", 98.0),
    ("short", (100, 101, 97, 100), None, None),
    ("short", (100, 102, 100, 100), "stop_loss", 102.0),
    ("short", (103, 104, 101, 102), "stop_loss", 103.0),
    ("short", (100, 101, 96, 100), "take_profit", 96.0),
    ("short", (95, 96, 94, 95), "take_profit", 95.0),
    ("short", (100, 110, 90, 100), "stop_loss", 102.0),
]


# The bar of entry has no gap over a level that its own open sets.
ON_ENTRY = [(case, True) for case in PROTECTED if case[1][0] == 100]


@pytest.mark.parametrize(("case", "entry_bar"), [*((case, False) for case in PROTECTED), *ON_ENTRY])
def test_stops_and_targets_fill_inside_the_bar_worst_case_first(case, entry_bar):
    action, bar, ending, price = case
    formula = f"if bar_index == 0:\n    {action}()\n    stop_loss(pct=2)\n    take_profit(pct=4)"
    rows = [(100, 100, 100, 100), (100, 100, 100, 100), bar]
    if entry_bar:
        rows = [(100, 100, 100, 100), bar]
    broker, _ = trade_over(formula, bars(*rows))
    expected = [] if ending is None else [(1, len(rows) - 1, 100.0, pytest.approx(price), ending)]
    assert ended(broker) == expected


def test_a_stop_at_a_price_moves_when_it_is_set_again():
    rows = bars((10, 10, 10, 10), (10, 14, 10, 14), (14, 14, 13, 13), (13, 13, 11, 11))
    broker, _ = trade_over("if bar_index == 0: buy()\nstop_loss(close - 2)", rows)
    assert ended(broker) == [(1, 3, 10.0, 11.0, "stop_loss")]


def test_a_stop_that_was_set_once_stays_until_the_position_ends():
    rows = bars((10, 10, 10, 10), (10, 14, 10, 14), (14, 14, 9, 9), (9, 9, 5, 5), (5, 5, 4, 4))
    formula = "if bar_index == 0:\n    buy()\n    stop_loss(8)\nif bar_index == 3: buy()"
    broker, _ = trade_over(formula, rows)
    assert ended(broker) == [(1, 3, 10.0, 8.0, "stop_loss")]
    assert broker.units > 0


def test_a_stop_set_while_flat_without_an_entry_is_forgotten():
    rows = bars((10, 10, 10, 10), (10, 10, 10, 10), (10, 10, 5, 5))
    broker, _ = trade_over("if bar_index == 0: stop_loss(8)\nif bar_index == 1: buy()", rows)
    assert broker.trades == []


def test_a_trailing_stop_follows_the_best_price_of_earlier_bars():
    rows = bars((100, 100, 100, 100), (100, 110, 95, 110), (110, 120, 109, 115), (112, 113, 100, 101))
    broker, _ = trade_over("if bar_index == 0:\n    buy()\n    trail(pct=10)", rows)
    assert ended(broker) == [(1, 3, 100.0, 108.0, "trail")]
    rows = bars((100, 100, 100, 100), (100, 105, 80, 80), (80, 87, 70, 70), (70, 78, 70, 78))
    broker, _ = trade_over("if bar_index == 0:\n    short()\n    trail(pct=10)", rows)
    assert ended(broker) == [(1, 3, 100.0, pytest.approx(77.0), "trail")]


def test_a_trailing_stop_at_a_price_never_moves_away():
    rows = bars((10, 10, 10, 10), (10, 20, 10, 20), (20, 20, 19, 19), (19, 19, 18.5, 18.5), (18.5, 18.5, 17.5, 17.5))
    broker, _ = trade_over("if bar_index == 0: buy()\ntrail(close - 2)", rows)
    assert ended(broker) == [(1, 4, 10.0, 18.0, "trail")]


def test_a_target_counts_before_a_trailing_stop_of_the_same_bar():
    rows = bars((100, 100, 100, 100), (100, 100, 100, 100), (100, 106, 90, 100))
    broker, _ = trade_over("if bar_index == 0:\n    buy()\n    take_profit(pct=5)\n    trail(pct=5)", rows)
    assert ended(broker) == [(1, 2, 100.0, 105.0, "take_profit")]


def test_the_formula_reads_its_account():
    formula = "if position == 0: buy(size=0.5)\nif bars_held >= 2 and close > entry_price: close()"
    broker, _ = trade_over(formula, flat(10, 10, 11, 12, 12))
    assert [(t.entry_bar, t.exit_bar) for t in broker.trades] == [(1, 3)]
    live = LiveProgram(compile_formula("if bars_held > 1 and position > 0 and equity > 1: sell()\nbuy(size=0.5)"), FREE)
    for index in range(3):
        live.advance(flat(10, 10, 14).row(index))
    by_name = {node.op: live.values[i] for i, node in enumerate(live.program.nodes)}
    assert by_name["position"] == 700 / 1200
    assert (by_name["bars_held"], by_name["equity"]) == (2.0, 1200.0)


def test_flat_has_no_entry_price():
    broker, _ = trade_over("if na(entry_price): buy()\nelse: close()", flat(10, 10, 10, 10, 10))
    assert [(t.entry_bar, t.exit_bar) for t in broker.trades] == [(1, 2), (3, 4)]


def test_a_position_that_loses_all_is_ended_and_nothing_is_entered_again():
    broker, equity = trade_over("short()", flat(10, 10, 25, 10, 10))
    assert ended(broker) == [(1, 2, 10.0, 25.0, "ruin")]
    assert equity == [1000.0, 1000.0, -500.0, -500.0, -500.0]


def test_an_entry_whose_stop_is_unknown_is_refused_and_counted():
    live = LiveProgram(compile_formula("if bar_index > 1: buy()\nstop_loss(log(5 - close))"), FREE)
    for index in range(5):
        live.advance(flat(1, 1, 7, 7, 1).row(index))
    assert live.refused == 2 + 2
    assert live.broker.units == 0.0
    assert math.isnan(live.broker.entry_price)


def test_a_distance_that_is_not_above_zero_is_refused():
    live = LiveProgram(compile_formula("buy()\nstop_loss(pct=close - 1)"), FREE)
    live.advance(flat(1).row(0))
    assert live.refused == 2


@pytest.mark.parametrize("split", [0, 1, 37, 120, 200])
def test_an_account_goes_on_from_a_snapshot(split):
    walk = random_walk(4, 200)
    formula = (
        "if crossover(close, sma(9)): buy(size=0.7)\nif rsi(5) > 70: short()\nstop_loss(pct=1)\ntrail(close * 0.99)"
    )
    whole, terms = LiveProgram(compile_formula(formula), Terms()), Terms()
    parts = LiveProgram(compile_formula(formula), terms)
    trades = []
    for index in range(200):
        if index == split:
            trades += parts.broker.trades
            fresh = LiveProgram(compile_formula(formula), terms)
            fresh.restore(parts.snapshot())
            parts = fresh
        whole.advance(walk.row(index))
        parts.advance(walk.row(index))
        assert parts.broker.equity.hex() == whole.broker.equity.hex()
    assert trades + parts.broker.trades == whole.broker.trades
    assert len(whole.broker.trades) > 5


def test_a_snapshot_on_other_terms_is_refused_with_nothing_changed():
    program = compile_formula("if position == 0: buy()\nif sma(3) > 0: sell()")
    live = LiveProgram(program)
    for index in range(9):
        live.advance(random_walk(1, 9).row(index))
    other = LiveProgram(program, FREE)
    before = other.snapshot()
    with pytest.raises(SnapshotError, match="other terms"):
        other.restore(live.snapshot())
    assert other.snapshot() == before
