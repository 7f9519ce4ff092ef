"""What a formula decides: which actions, on which bars, with what size, and why."""

import pytest

from formulas.engine import LiveProgram, compile_formula, run_history
from formulas.engine.history import run
from formulas.engine.tests import naive
from formulas.engine.tests.markets import closes, random_walk

WALK = random_walk(21, 400)


def decide(formula, *prices):
    return run_history(compile_formula(formula), closes(*prices))


def acted(formula, *prices):
    return [(d.bar_index, d.action) for d in decide(formula, *prices)]


def test_the_formula_of_the_first_example_runs_as_it_stands():
    decisions = run_history(compile_formula("if rsi < 30: buy()"), WALK)
    expected = [i for i, value in enumerate(naive.rsi(WALK.close.tolist(), 14)) if value < 30]
    assert expected
    assert [d.bar_index for d in decisions] == expected
    assert {(d.side, d.action, d.size) for d in decisions} == {("buy", "buy", 1.0)}
    assert all(d.price == WALK.close[d.bar_index] and d.time == WALK.time[d.bar_index] for d in decisions)


def test_an_action_follows_its_condition_on_every_bar():
    assert acted("if close > 2: buy()", 1, 3, 3, 2, 4) == [(1, "buy"), (2, "buy"), (4, "buy")]


def test_an_action_without_condition_acts_on_every_bar():
    assert acted("buy()", 1, 2) == [(0, "buy"), (1, "buy")]


@pytest.mark.parametrize(
    ("action", "side"),
    [("buy", "buy"), ("cover", "buy"), ("sell", "sell"), ("short", "sell"), ("close", "sell"), ("alert", None)],
)
def test_each_action_has_a_side(action, side):
    argument = "7" if action == "alert" else ""
    (decision,) = decide(f"{action}({argument})", 1)
    assert (decision.action, decision.side) == (action, side)
    assert decision.number == (7.0 if action == "alert" else None)


def test_branches_exclude_each_other():
    source = "if close > 5: buy()\nelif close > 3: sell()\nelse:\n    short()"
    assert acted(source, 6, 4, 2) == [(0, "buy"), (1, "sell"), (2, "short")]


def test_inner_conditions_need_the_outer_ones():
    source = "if close > 2:\n    if close < 5:\n        buy()\n    else:\n        sell()"
    assert acted(source, 1, 3, 6) == [(1, "buy"), (2, "sell")]


def test_an_unknown_condition_runs_neither_branch():
    source = "if log(close - 3) > 0: buy()\nelse: sell()"
    assert acted(source, 5, 2, 3.5) == [(0, "buy"), (2, "sell")]


def test_an_unknown_condition_stops_the_branches_after_it():
    assert acted("if log(close - 3) > 5: buy()\nelif close > 0: sell()", 2, 4) == [(1, "sell")]


def test_nothing_is_decided_before_the_warm_up_even_where_the_condition_is_known():
    source = "if close > 0 or sma(4) > 0: buy()"
    assert compile_formula(source).warmup_bars == 3
    assert acted(source, 1, 1, 1, 1, 1) == [(3, "buy"), (4, "buy")]


def test_not_of_an_unknown_does_not_buy_in_the_warm_up():
    assert acted("if not (sma(3) > 5): buy()", 1, 1, 1, 9, 9, 9) == [(2, "buy"), (3, "buy")]


def test_one_bar_gives_one_decision_for_each_side_the_first_in_the_program():
    source = "if close > 1: cover()\nif close > 2: buy()\nif close > 1: sell()\nclose()\nalert(1)\nalert(2)\nalert(1)"
    assert acted(source, 3) == [(0, "cover"), (0, "sell"), (0, "alert"), (0, "alert")]
    assert acted(source, 1) == [(0, "close"), (0, "alert"), (0, "alert")]


@pytest.mark.parametrize(
    ("size", "expected"), [("0.25", 0.25), ("close / 4", 0.5), ("9", 1.0), ("-1", 0.0), ("1 / close", 0.5)]
)
def test_a_size_is_a_share_between_0_and_1(size, expected):
    assert decide(f"buy(size={size})", 2)[0].size == expected


def test_an_unknown_size_is_refused_and_counted():
    program = compile_formula("buy(size=log(close - 3))\nshort(size=0.5)")
    bars = closes(2, 3.5, 3)
    result = run(program, bars)
    assert [(d.bar_index, d.action) for d in result.decisions] == [(0, "short"), (1, "buy"), (1, "short"), (2, "short")]
    live = LiveProgram(program)
    for index in range(3):
        live.advance(bars.row(index))
    assert result.refused == live.refused == 2


def test_a_refused_action_leaves_its_side_to_the_next():
    assert acted("buy(size=log(-1))\ncover()", 1) == [(0, "cover")]


def test_a_number_as_a_condition_is_true_when_it_is_not_zero():
    assert acted("if close - 2: buy()", 1, 2, 3) == [(0, "buy"), (2, "buy")]
    assert acted("if not (close - 2): buy()", 1, 2, 3) == [(1, "buy")]


def test_conditions_can_be_added_up():
    assert acted("if (close > 1) + (close > 2) + (close > 3) >= 2: buy()", 1, 2, 3, 4) == [(2, "buy"), (3, "buy")]


def test_a_decision_says_why_in_readable_parts():
    decisions = run_history(compile_formula("if rsi < 30 and close > 50: buy()"), WALK)
    first = decisions[0]
    assert [reason["expression"] for reason in first.why] == ["rsi(14)", "rsi(14) < 30", "close", "close > 50"]
    assert first.why[0]["value"] == pytest.approx(naive.rsi(WALK.close.tolist(), 14)[first.bar_index])
    assert first.why[1]["value"] is True
    assert first.why[2]["value"] == first.price


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("buy()", [("True", True)]),
        ("if close > 1: buy()", [("close", 2.0), ("close > 1", True)]),
        ("if 1 < close < 3: buy()", [("close", 2.0), ("1 < close", True), ("close < 3", True)]),
        ("if close > 5: sell()\nelse: buy()", [("close", 2.0), ("close > 5", False)]),
        ("if close: buy()", [("close", 2.0)]),
        ("if not close > 5 or log(-1) > close: buy()", [("close", 2.0), ("close > 5", False), ("na > close", None)]),
        ("x = (close + 1) * 2\nif x > 3: buy()", [("(close + 1) * 2", 6.0), ("(close + 1) * 2 > 3", True)]),
        ("if -close[0] < hl2 - (1 - 2): buy()", [("-close", -2.0), ("hl2 - -1", 3.0), ("-close < hl2 - -1", True)]),
        ("n = param(2)\nif sma(1) >= n: buy()", [("sma(1)", 2.0), ("sma(1) >= 2", True)]),
        ("a, b, c = bb(1)\nif a == 2: buy()", [("bb(1, 2).upper", 2.0), ("bb(1, 2).upper == 2", True)]),
        ("if ta.tr() == 0: buy()", [("tr", 0.0), ("tr == 0", True)]),
    ],
)  # fmt: skip
def test_reasons_read_like_the_formula(formula, expected):
    (decision,) = decide(formula, 2.0)
    assert [(reason["expression"], reason["value"]) for reason in decision.why] == expected


def test_a_long_calculation_reads_as_the_name_its_author_gave_it():
    source = "trend = sma(close, 1) + sma(open, 1) + sma(high, 1) + sma(low, 1) + sma(hl2, 1)\nif trend > 3: buy()"
    assert [reason["expression"] for reason in decide(source, 2.0)[0].why] == ["trend", "trend > 3"]
