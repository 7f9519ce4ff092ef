"""Programs that were put together for a point calculate what the compiled one does."""

import pytest

from formulas.engine import FormulaError, compile_formula
from formulas.engine.families import compiled
from formulas.engine.separable import is_separable
from formulas.engine.sweep import grid

FAST_AND_SLOW = "fast = param(5)\nslow = param(20)\n"
CROSS = FAST_AND_SLOW + "if crossover(sma(fast), ema(slow)): buy()\nif crossunder(sma(fast), ema(slow)): sell()"
APART = [
    CROSS,
    FAST_AND_SLOW + "line, signal, hist = macd(fast, slow, 9)\nif hist > 0: buy()\nelse: sell()",
    FAST_AND_SLOW + "if rsi(fast) < slow: buy()\nif close[fast] > close: sell()\nstop_loss(pct=slow)",
    FAST_AND_SLOW + 'half = slow / 2\nif tf("1h", hma(fast)) < sma(9) + half: buy(size=0.5)',
    FAST_AND_SLOW + "if sma(fast) > sma(slow): buy()\nif position > 0 and bars_held > fast: close()",
]
TOGETHER = [
    FAST_AND_SLOW + "if close > fast * slow: buy()",
    FAST_AND_SLOW + "if rsi < 30 and fast < slow: buy()",
    FAST_AND_SLOW + "if fast > 5:\n    if slow > 20: buy()",
    FAST_AND_SLOW + "most = max(fast, slow)\nif close > most: buy()",
    FAST_AND_SLOW + "x = fast * 2\nif close * (x - slow) > 3: buy()",
]
POINTS = grid({"fast": [3, 5, 8, 20, 30], "slow": [15, 20, 30, 40, 50, 8]})


@pytest.mark.parametrize("source", APART + TOGETHER)
def test_each_point_has_the_nodes_that_it_has_alone(source):
    for point, program in zip(POINTS, compiled(source, POINTS), strict=True):
        alone = compile_formula(source, point)
        assert program.warmup_bars == alone.warmup_bars, point
        assert _unfolded(program) == _unfolded(alone), point


def _unfolded(program):
    """Each action with its calculations written out, in which equal ones are not told apart."""

    def written(place):
        node = program.nodes[place]
        return (node.op, node.lengths, node.value.hex(), node.frame, tuple(written(i) for i in node.inputs))

    nodes = [(one.guard, one.size, one.level) for one in program.actions]
    return [
        (action.name, [written(place) if place >= 0 else None for place in three])
        for action, three in zip(program.actions, nodes, strict=True)
    ]


def test_params_that_meet_are_told_from_those_that_do_not():
    assert [is_separable(source) for source in APART] == [True] * len(APART)
    assert [is_separable(source) for source in TOGETHER] == [False] * len(TOGETHER)


def test_a_value_that_is_refused_is_refused_in_a_family_too():
    source = CROSS.replace("param(5)", "param(5, max=25)")
    with pytest.raises(FormulaError):
        list(compiled(source, POINTS))
    with pytest.raises(FormulaError):
        list(compiled(CROSS, [{**point, "fast": 0} for point in POINTS]))
