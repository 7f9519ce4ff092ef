"""Two hundred formulas of pure chance by one author: the best backtest looks great, no score does; an edge is found."""

import random

import numpy as np
import pytest

from formulas.engine import Bars, Terms, compile_formula
from formulas.engine.backtest import backtest, hold, run_account
from formulas.engine.metrics import calendar_of, returns_of
from formulas.engine.score import Day, performance_score
from formulas.engine.statistics import deflated_sharpe, sharpe_per_period

DAY = 86_400
PAST, FORWARD, NOISE = 500, 365, 200
BUSY = 9_000.0
TERMS = Terms(fee_bps=1.0, slippage_bps=0.0)
EDGE = f"if volume > {BUSY}: buy()\nelse: sell()"


def market():
    """Days of a walk in which nothing foretells the next day but one thing: after a busy day it tends to rise."""
    rng = np.random.default_rng(12)
    count = PAST + FORWARD
    volume = rng.uniform(1_000.0, 10_000.0, count)
    moves = rng.normal(0.0, 0.01, count)
    moves[1:] += np.where(volume[:-1] > BUSY, 0.016, -0.0018)
    close = 100.0 * np.exp(np.cumsum(moves))
    opening = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(opening, close) * 1.001, np.minimum(opening, close) * 0.999
    return Bars(np.arange(count) * DAY + 1_600_000_000, opening, high, low, close, volume)


MARKET = market()
HISTORY = Bars(*(getattr(MARKET, name)[:PAST] for name in ("time", "open", "high", "low", "close", "volume")))


def noise(seed):
    """A formula of prices alone, with numbers that were drawn."""
    rng = random.Random(seed)
    n, k = rng.randrange(2, 20), rng.randrange(2, 9)
    return rng.choice(
        [
            f"if rsi({n}) < {rng.randrange(40, 60)}: buy()\nelse: sell()",
            f"if close > sma({n}): buy()\nif close < sma({n + k}): sell()",
            f"if crossover(ema({k}), ema({n + k})): sell()\nif crossunder(ema({k}), ema({n + k})): buy()",
            f"if rising({k % 3 + 1}): sell()\nif falling({k % 2 + 1}): buy()",
            f"if bar_index % {n} < {k}: buy()\nelse: sell()",
            f"if stoch({n}) > {rng.randrange(30, 70)}: buy()\nelse: sell()",
        ]
    )


def forward_record(formula):
    """The days after publication, as the platform records them from the bars of its own."""
    curve, _ = run_account(compile_formula(formula), MARKET, TERMS)
    calendar = calendar_of(MARKET.time)
    net, of_market = returns_of(curve, calendar), returns_of(hold(MARKET, TERMS), calendar)
    ended = [trade.exit_bar for trade in curve.trades]
    return [
        Day(float(net[i]), float(curve.held[i]), float(of_market[i]), ended.count(i)) for i in range(PAST, len(MARKET))
    ]


@pytest.fixture(scope="module", autouse=True)
def _kernels():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNALBOX_KERNELS", "on")
        yield


@pytest.fixture(scope="module")
def formulas():
    return [noise(seed) for seed in range(NOISE)]


@pytest.fixture(scope="module")
def scores(formulas):
    """Of each noise formula, all of which their author published."""
    return [performance_score(forward_record(formula), versions=NOISE + 1) for formula in formulas]


def test_the_best_backtest_of_many_looks_great_until_it_is_deflated(formulas):
    done = [backtest(compile_formula(formula), HISTORY, TERMS) for formula in formulas]
    best = max(done, key=lambda one: one.metrics["sharpe"] or 0.0)
    assert best.metrics["sharpe"] > 1.5
    assert best.metrics["total_return"] > 0.2
    assert best.metrics["psr"] > 0.95
    equities = [np.concatenate(([TERMS.initial_capital], one.equity)) for one in done]
    sharpes = [sharpe_per_period(equity[1:] / equity[:-1] - 1.0) or 0.0 for equity in equities]
    equity = equities[done.index(best)]
    assert deflated_sharpe(equity[1:] / equity[:-1] - 1.0, sharpes) < best.metrics["psr"] - 0.02


def test_no_score_of_the_noise_says_so(scores):
    rated = [score.score for score in scores if score.score is not None]
    assert len(rated) > NOISE / 4
    assert max(rated) < 20.0


def test_the_one_planted_edge_is_found_among_them(scores):
    found = performance_score(forward_record(EDGE), versions=NOISE + 1)
    assert found.score > 50.0
    assert found.score > 2 * max(score.score or 0.0 for score in scores)
