"""Each metric on a curve small enough to work out by hand."""

import math
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pytest

from formulas.engine.backtest import part
from formulas.engine.broker import Trade
from formulas.engine.metrics import Curve, calendar_of, drawdown, measure, returns_of
from formulas.engine.statistics import (
    best_of_chance,
    block_sums,
    deflated_sharpe,
    moments,
    overfitting_probability,
    probabilistic_sharpe,
)

DAY = 86_400
RETURNS = np.array([0.10, -0.05, 0.02, -0.01])
EQUITY = 100 * np.cumprod(1 + RETURNS)
TRADES = [
    Trade(0, 2, 10.0, 12.0, 5.0, 9.0, 1.0, "signal"),
    Trade(3, 4, 12.0, 11.0, 5.0, -6.0, 1.0, "stop_loss"),
    Trade(5, 8, 10.0, 11.0, 5.0, 3.0, 2.0, "signal"),
    Trade(9, None, 10.0, None, 5.0, 0.0, 0.5),
]


def curve(equity=EQUITY, start=100.0, trades=(), held=None, spacing=DAY):
    count = len(equity)
    held = np.zeros(count, dtype=bool) if held is None else np.array(held)
    return Curve(start, np.arange(count, dtype=np.int64) * spacing, np.asarray(equity, dtype=float), held, trades)


def measured(periods=252.0, **more):
    one = curve(**more)
    return measure(one, calendar_of(one.times, periods))


def test_returns_begin_with_the_money_at_the_start():
    assert returns_of(curve(), calendar_of(curve().times, 252)).tolist() == pytest.approx(RETURNS.tolist())


def test_growth_risk_and_falls():
    found = measured()
    mean, deviation = 0.015, math.sqrt((0.085**2 + 0.065**2 + 0.005**2 + 0.025**2) / 3)
    total = 1.10 * 0.95 * 1.02 * 0.99 - 1
    assert found["total_return"] == pytest.approx(total)
    assert found["cagr"] == pytest.approx((1 + total) ** 63 - 1)
    assert found["volatility"] == pytest.approx(deviation * math.sqrt(252))
    assert found["sharpe"] == pytest.approx(mean / deviation * math.sqrt(252))
    assert found["sortino"] == pytest.approx(mean / math.sqrt((0.05**2 + 0.01**2) / 4) * math.sqrt(252))
    assert found["max_drawdown"] == pytest.approx(-0.05)
    assert found["max_drawdown_bars"] == 3
    assert found["calmar"] == pytest.approx(found["cagr"] / 0.05)


def test_the_money_at_the_start_is_a_peak():
    assert drawdown(100.0, np.array([90.0, 99.0, 110.0, 55.0])).tolist() == pytest.approx([-0.1, -0.01, 0.0, -0.5])
    assert measured(equity=[90, 99, 110, 55])["max_drawdown_bars"] == 2


def test_trades_count_when_they_are_closed_and_net_of_fees():
    found = measured(trades=TRADES)
    results = [9.0, -6.0, 3.0]
    assert (found["trades"], found["open_trades"]) == (3, 1)
    assert found["win_rate"] == pytest.approx(2 / 3)
    assert found["profit_factor"] == pytest.approx(12 / 6)
    assert found["expectancy"] == pytest.approx(2.0)
    assert found["payoff"] == pytest.approx(6.0 / 6.0)
    assert found["sqn"] == pytest.approx(math.sqrt(3) * 2 / np.std(results, ddof=1))
    assert found["avg_bars"] == pytest.approx(2.0)
    assert found["fees"] == 4.5


def test_exposure_and_turnover():
    found = measured(periods=4.0, trades=TRADES, held=[True, True, False, True])
    notional = 5 * (10 + 12) + 5 * (12 + 11) + 5 * (10 + 11) + 5 * 10
    assert found["exposure"] == 0.75
    assert found["turnover"] == pytest.approx(notional / EQUITY.mean())


def test_against_the_market():
    market = np.array([0.04, -0.03, 0.02, 0.01])
    one, other = curve(), curve(100 * np.cumprod(1 + market))
    found = measure(one, calendar_of(one.times, 252), other)
    beta = np.cov(RETURNS, market, ddof=1)[0, 1] / np.var(market, ddof=1)
    ahead = RETURNS - market
    assert found["beta"] == pytest.approx(beta)
    assert found["alpha"] == pytest.approx((RETURNS.mean() - beta * market.mean()) * 252)
    assert found["information_ratio"] == pytest.approx(ahead.mean() / ahead.std(ddof=1) * math.sqrt(252))
    assert found["buy_and_hold_return"] == pytest.approx(np.prod(1 + market) - 1)


def test_a_figure_without_an_answer_is_none():
    found = measured(equity=[100.0, 100.0, 100.0])
    nothing = ("sharpe", "sortino", "calmar", "psr", "win_rate", "profit_factor", "payoff", "sqn", "expectancy")
    assert {found[name] for name in nothing} == {None}
    assert (found["total_return"], found["volatility"], found["max_drawdown"]) == (0.0, 0.0, 0.0)


def test_a_lost_account_has_lost_all_a_year():
    assert measured(equity=[100.0, 50.0, -10.0])["cagr"] == -1.0


def test_bars_within_a_day_are_measured_by_day():
    hours = curve(np.linspace(100, 130, 72), spacing=3600)
    calendar = calendar_of(hours.times)
    assert calendar.by_day
    assert returns_of(hours, calendar).tolist() == pytest.approx(
        [hours.equity[23] / 100 - 1, hours.equity[47] / hours.equity[23] - 1, hours.equity[71] / hours.equity[47] - 1]
    )
    assert not calendar_of(hours.times, 8760).by_day


@pytest.mark.parametrize(
    ("days", "periods"),
    [
        (range(14), 365.0),
        ([d for d in range(28) if (d + 3) % 7 < 5], 252.0),
        (range(0, 70, 7), 365 / 7),
        ([d for d in range(28) if (d + 3) % 7 in (6, 0, 1, 2, 3)], 260.0),
        ([d for d in range(28) if (d + 3) % 7 != 5], 312.0),
        ([3, 4, 5], 365.0),
    ],
)
def test_a_year_is_that_of_the_days_on_which_the_market_trades(days, periods):
    assert calendar_of(np.array(days, dtype=np.int64) * DAY).periods_per_year == pytest.approx(periods)


def test_a_week_that_begins_on_sunday_evening_has_five_days():
    # Hours from Sunday 22:00 to Friday 22:00, as currencies are traded; the first of January 1970 was a Thursday.
    weeks = [np.arange(5 * 24) * 3600 + (3 + 7 * week) * DAY + 22 * 3600 for week in range(4)]
    hours = np.concatenate(weeks).astype(np.int64)
    calendar = calendar_of(hours)
    assert (calendar.periods_per_year, calendar.by_day) == (260.0, True)
    one = Curve(100.0, hours, np.linspace(100, 130, hours.size), np.ones(hours.size, dtype=bool), [])
    assert returns_of(one, calendar).size == 20
    half = part(one, 0, 240)
    assert returns_of(half, calendar).tolist() == returns_of(one, calendar)[:10].tolist()
    assert measure(one, calendar)["cagr"] == pytest.approx(1.3 ** (260 / 20) - 1)


def test_the_probabilistic_sharpe_ratio_follows_its_formula():
    rng = np.random.default_rng(1)
    returns = rng.normal(0.001, 0.01, 500) + rng.exponential(0.002, 500)
    sharpe = returns.mean() / returns.std(ddof=1)
    z = (returns - returns.mean()) / returns.std()
    skew, kurtosis = (z**3).mean(), (z**4).mean()
    assert moments(returns) == pytest.approx((skew, kurtosis))
    for benchmark in (0.0, 0.1):
        z = (sharpe - benchmark) * math.sqrt(499) / math.sqrt(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2)
        assert probabilistic_sharpe(returns, benchmark) == pytest.approx(NormalDist().cdf(z))


def test_the_deflated_ratio_falls_with_the_number_of_tries():
    returns = np.random.default_rng(2).normal(0.001, 0.01, 500)
    tried = [0.02, 0.05, -0.03, 0.08, 0.01, -0.06]
    normal, n = NormalDist(), 6
    bar = (1 - 0.5772156649) * normal.inv_cdf(1 - 1 / n) + 0.5772156649 * normal.inv_cdf(1 - 1 / (n * math.e))
    assert best_of_chance(0.05, 6) == pytest.approx(0.05 * bar)
    assert deflated_sharpe(returns, tried) == pytest.approx(
        probabilistic_sharpe(returns, np.std(tried, ddof=1) * bar), rel=1e-6
    )
    assert deflated_sharpe(returns, [0.1]) == probabilistic_sharpe(returns)
    assert deflated_sharpe(returns, tried * 10) < deflated_sharpe(returns, tried) < probabilistic_sharpe(returns)


def overfitting(returns, parts=16):
    return overfitting_probability([block_sums(column, parts) for column in returns.T], len(returns) // parts)


def test_one_skilled_candidate_is_not_overfitting_and_pure_chance_is():
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 0.01, (640, 20))
    skilled = noise.copy()
    skilled[:, 4] += 0.01
    assert overfitting(skilled) == 0.0
    # In a cycle of opposite halves, whoever was ahead falls behind.
    turn = np.repeat([1.0, -1.0], 320)[:, None] * np.linspace(-0.01, 0.01, 20) + 0.1 * noise
    assert overfitting(turn, parts=2) == 1.0
    assert overfitting(noise) > 0.2
    assert overfitting(noise[:, :1]) is None
    assert overfitting(noise[:20]) is None


def test_overfitting_is_that_of_every_way_to_split_time():
    returns = np.random.default_rng(5).normal(0, 0.01, (43, 7))
    blocks = returns[:40].reshape(4, 10, 7)
    below = []
    for chosen in combinations(range(4), 2):
        halves = [np.concatenate([blocks[i] for i in range(4) if (i in chosen) == inside]) for inside in (True, False)]
        before, after = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in halves)
        below.append(after[before.argmax()] < np.median(after))
    assert overfitting(returns, parts=4) == sum(below) / len(below)
