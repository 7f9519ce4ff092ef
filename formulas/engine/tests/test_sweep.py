"""Sweeps, walking forward, and what is left under worse conditions."""

import json

import pytest

from formulas.engine import FormulaError, Terms, Trade, compile_formula, robustness
from formulas.engine import sweep as sweep_module
from formulas.engine.accounts import Accounts
from formulas.engine.backtest import backtest
from formulas.engine.bars import Bars
from formulas.engine.broker import LateBroker
from formulas.engine.robustness import monte_carlo, stress
from formulas.engine.sweep import (
    SweepError,
    SweepPart,
    compiled,
    grid,
    joined,
    random_points,
    sweep,
    sweep_part,
    walk_forward,
)
from formulas.engine.tests.markets import bits, closes, random_walk

WALK = Bars.from_rows([(86_400 * i, *bar[1:]) for i, bar in enumerate(random_walk(17, 700).rows())])
CROSS = "fast = param(5, min=2, max=50)\nslow = param(20)\nif crossover(sma(fast), sma(slow)): buy()\n"
CROSS += "if crossunder(sma(fast), sma(slow)): sell()"
POINTS = grid({"fast": [3, 5, 8], "slow": [15, 20, 30, 40]})


def test_a_sweep_gives_each_point_what_it_gets_alone():
    alone = [backtest(compile_formula(CROSS, point), WALK) for point in POINTS]
    accounts = Accounts(compiled(CROSS, POINTS), WALK, Terms())
    together = [accounts.curve(place) for place in range(len(POINTS))]
    assert [bits(curve.equity.tolist()) for curve in together] == [bits(one.equity.tolist()) for one in alone]
    swept = sweep(CROSS, WALK, POINTS)
    assert swept.metrics == [one.metrics for one in alone]
    sharpes = [one.metrics["sharpe"] for one in alone]
    assert swept.best == sharpes.index(max(sharpes))
    assert 0.0 <= swept.deflated_sharpe < alone[swept.best].metrics["psr"]
    assert 0.0 <= swept.overfitting <= 1.0


@pytest.mark.parametrize("mode", ["off", "on"])
def test_parts_join_to_the_whole_bit_for_bit(monkeypatch, mode):
    monkeypatch.setenv("SIGNALBOX_KERNELS", mode)
    whole = sweep(CROSS, WALK, POINTS, threads=3)
    parts = [sweep_part(CROSS, WALK, POINTS[first:stop]) for first, stop in ((0, 1), (1, 7), (7, 12))]
    sent = [SweepPart.from_dict(json.loads(json.dumps(part.as_dict()))) for part in parts]
    for again in (joined(parts), joined(sent), sweep(CROSS, WALK, POINTS, threads=1)):
        assert again.points == whole.points
        assert again.metrics == whole.metrics
        assert (again.best, again.deflated_sharpe) == (whole.best, whole.deflated_sharpe)
        assert again.overfitting == whole.overfitting


def test_a_grid_has_every_combination_and_at_most_2000():
    assert POINTS[:2] == [{"fast": 3, "slow": 15}, {"fast": 3, "slow": 20}]
    assert len(POINTS) == 12
    for values in ({"a": range(41), "b": range(50)}, {"a": []}):
        with pytest.raises(SweepError):
            grid(values)


def test_random_points_are_drawn_by_their_seed_and_never_twice():
    values = {"a": range(100), "b": range(1000)}
    drawn = random_points(values, 500, seed=4)
    assert drawn == random_points(values, 500, seed=4) != random_points(values, 500, seed=5)
    assert len({tuple(point.items()) for point in drawn}) == 500
    assert sorted(random_points({"a": range(3), "b": range(2)}, 6, 1), key=str) == sorted(
        grid({"a": range(3), "b": range(2)}), key=str
    )
    for count in (0, 7):
        with pytest.raises(SweepError):
            random_points({"a": range(3), "b": range(2)}, count, 1)


def test_a_point_that_the_formula_refuses_stops_the_sweep():
    with pytest.raises(FormulaError):
        sweep(CROSS, WALK, [{"fast": 5}, {"fast": 99}])
    with pytest.raises(SweepError):
        sweep(CROSS, WALK, [])


@pytest.mark.parametrize("threads", [2, 5])
def test_walking_forward_is_the_same_however_the_points_are_shared_out(monkeypatch, threads):
    monkeypatch.setattr(sweep_module, "FEWEST_FOR_A_THREAD", 1)
    assert walk_forward(CROSS, WALK, POINTS, threads=threads) == walk_forward(CROSS, WALK, POINTS, threads=1)


def test_walking_forward_chooses_on_the_past_and_is_judged_on_the_future():
    walked = walk_forward(CROSS, WALK, POINTS)
    assert [(fold.first, fold.stop) for fold in walked.folds] == [
        (116, 233),
        (233, 350),
        (350, 466),
        (466, 583),
        (583, 700),
    ]
    for fold in walked.folds:
        before = Bars.from_rows(list(WALK.rows(0, fold.first)))
        results = [backtest(compile_formula(CROSS, point), before).metrics["sharpe"] for point in POINTS]
        known = [result or 0.0 for result in results]
        assert fold.point == POINTS[known.index(max(known))]
        assert fold.in_sample["sharpe"] == pytest.approx(max(known))
    after = [fold.out_of_sample["cagr"] for fold in walked.folds]
    before = [fold.in_sample["cagr"] for fold in walked.folds]
    expected = sum(after) / sum(before) if sum(before) > 0 else None
    assert walked.efficiency == (None if expected is None else pytest.approx(expected))
    with pytest.raises(SweepError):
        walk_forward(CROSS, closes(1, 2, 3), POINTS)


def test_points_are_drawn_from_more_combinations_than_a_machine_can_number():
    values = {f"p{place}": range(2000) for place in range(8)}
    drawn = random_points(values, 50, seed=4)
    assert len({tuple(point.items()) for point in drawn}) == 50
    assert drawn == random_points(values, 50, seed=4) != random_points(values, 50, seed=5)


def test_trades_are_drawn_again_with_a_seed():
    trades = [Trade(i, i + 1, 10.0, 11.0, 1.0, pnl, 0.0) for i, pnl in enumerate([5.0, -3.0, 4.0, -2.0])]
    trades.append(Trade(9, None, 10.0, None, 1.0, 500.0, 0.0))
    drawn = monte_carlo(trades, 100.0, runs=4000, seed=3)
    assert drawn == monte_carlo(trades, 100.0, runs=4000, seed=3) != monte_carlo(trades, 100.0, runs=4000, seed=4)
    low, middle, high = drawn.total_return
    assert -0.12 <= low < middle < high <= 0.2
    assert middle == pytest.approx(0.04, abs=0.02)
    assert -0.12 <= drawn.max_drawdown[0] < drawn.max_drawdown[2] <= 0.0
    assert 0.2 < drawn.loss_probability < 0.35
    assert monte_carlo(trades[4:], 100.0) is None


def test_trades_that_do_not_fit_into_memory_together_are_drawn_in_lots_with_the_same_bits(monkeypatch):
    trades = [Trade(i, i + 1, 10.0, 11.0, 1.0, pnl, 0.0) for i, pnl in enumerate([5.0, -3.0, 4.0, -2.0, 1.5])]
    whole = monte_carlo(trades, 100.0)
    monkeypatch.setattr(robustness, "MOST_DRAWN", 33)
    assert monte_carlo(trades, 100.0) == whole


def test_stress_doubles_costs_and_fills_late():
    program = compile_formula(CROSS)
    found = stress(program, WALK)
    dear = backtest(program, WALK, Terms(fee_bps=10.0, slippage_bps=4.0)).metrics
    assert found.double_costs["total_return"] == dear["total_return"]
    assert found.late_fills["trades"] == dear["trades"]
    assert found.late_fills["total_return"] != backtest(program, WALK).metrics["total_return"]


@pytest.mark.parametrize("formula", ["if bar_index == 0: buy()", "if bar_index == 0 and position == 0: buy()"])
def test_a_late_fill_is_that_of_the_open_after_the_next(formula):
    found = stress(compile_formula(formula), closes(10, 12, 15, 30), Terms(1000.0, 0.0, 0.0))
    assert found.late_fills["total_return"] == pytest.approx(1.0)
    assert LateBroker(Terms()).all_trades() == []
