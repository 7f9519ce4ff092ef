"""A compiled program: shared nodes, a stable text, and a hash that names the calculation."""

import dataclasses

import pytest

from formulas.engine import check, compile_formula
from formulas.engine import program as program_module


def version(source, parameters=None):
    return compile_formula(source, parameters).version_hash


def test_equal_calculations_appear_once():
    program = compile_formula("a = rsi(14)\nif rsi < 30 and ta.rsi(close, 14) < a + 1: buy()\nif rsi() > 70: sell()")
    assert [node.op for node in program.nodes].count("rsi") == 1


def test_nodes_stand_after_their_inputs_and_none_is_idle():
    program = compile_formula("idle = sma(99)\nl, s, h = macd\nif crossover(l, s) and close > sma(20): buy(size=0.5)")
    used = {i for node in program.nodes for i in node.inputs}
    ends = {node for action in program.actions for node in (action.guard, action.size)}
    assert all(i < number for number, node in enumerate(program.nodes) for i in node.inputs)
    assert used | ends >= set(range(len(program.nodes)))
    assert 99 not in {length for node in program.nodes for length in node.lengths}


@pytest.mark.parametrize(
    "same",
    [
        "if rsi<30:buy()",
        "# a note\nif ta.rsi(close, 14) < 30.0:\n\tbuy()  # another",
        "if (rsi(length=14)) < 0x1e:\r\n    buy()\r\n",
        "limit = 30\nidle = sma(close, 50)\nif rsi < limit: buy()",
        "if rsi < 15 * 2: buy()",
        "x = rsi[0]\nif x < 30: buy()",
    ],
)
def test_the_spelling_does_not_change_the_hash(same):
    assert version(same) == version("if rsi < 30: buy()")


@pytest.mark.parametrize(
    "other",
    [
        "if rsi < 31: buy()",
        "if rsi <= 30: buy()",
        "if rsi(15) < 30: buy()",
        "if rsi(open, 14) < 30: buy()",
        "if rsi < 30: sell()",
        "if rsi < 30: buy(size=0.5)",
        "if rsi < 30: buy()\nif rsi > 70: sell()",
        "n = param(30)\nif rsi < n: buy()",
    ],
)
def test_another_calculation_has_another_hash(other):
    assert version(other) != version("if rsi < 30: buy()")


def test_the_order_of_definitions_does_not_change_the_hash_and_that_of_actions_does():
    assert version("a = sma(5)\nb = sma(9)\nif a > b: buy()") == version("b = sma(9)\na = sma(5)\nif a > b: buy()")
    assert version("if close > 1: buy()\nif close > 2: sell()") != version("if close > 2: sell()\nif close > 1: buy()")


def test_the_hash_is_a_sha256_and_depends_on_the_engine(monkeypatch):
    before = version("if rsi < 30: buy()")
    assert len(bytes.fromhex(before)) == 32
    monkeypatch.setattr(program_module, "ENGINE_VERSION", "0.0.0")
    assert version("if rsi < 30: buy()") != before


def test_params_can_be_set_and_are_part_of_the_version():
    source = "n = param(14, min=2, max=50, step=1)\nlow_level = param(-3.5)\nif rsi(n) < low_level + 40: buy()"
    program = compile_formula(source)
    assert [p.as_dict() for p in program.parameters] == [
        {"name": "n", "default": 14.0, "min": 2.0, "max": 50.0, "step": 1.0},
        {"name": "low_level", "default": -3.5, "min": None, "max": None, "step": None},
    ]
    longer = compile_formula(source, {"n": 20})
    assert longer.warmup_bars == 20
    assert longer.parameters[0].value == 20.0
    assert longer.version_hash != program.version_hash
    assert compile_formula(source, {"n": 14}).version_hash == program.version_hash


def test_a_param_serves_as_length_lookback_occurrence_and_number():
    source = "n = param(3)\na, b, c = bb(close, n, n)\nif valuewhen(close > a[n], close, n) > sma(n): buy()"
    lengths = {node.op: node.lengths for node in compile_formula(source).nodes if node.lengths}
    assert lengths == {"sma": (3,), "stdev": (3,), "lag": (3,), "valuewhen": (3,)}


def test_a_program_is_immutable():
    program = compile_formula("if rsi < 30: buy()")
    with pytest.raises(dataclasses.FrozenInstanceError):
        program.warmup_bars = 0
    assert hash(program) == hash(compile_formula("if rsi < 30: buy()"))


def test_checking_lists_indicators_in_the_order_of_use():
    report = check("l, s, h = macd(12, 26, 9)\nif crossover(l, s) and abs(close - sma(200)) > atr: buy()")
    assert report.valid
    assert report.indicators == ("macd", "crossover", "sma", "atr")
    assert report.warmup_bars == 199
    assert report.version_hash == version("l, s, h = macd\nif crossover(l, s) and abs(close - sma(200)) > atr: buy()")


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("rsi", "rsi(close, 14)"),
        ("rsi()", "rsi(source=close, length=14)"),
        ("rsi(21)", "rsi(close, 21)"),
        ("sma(100, 5)", "sma(source=100, length=5)"),
        ("rsi(open)", "rsi(open, 14)"),
        ("sma(20)", "sma(close, 20)"),
        ("highest(20)", "highest(high, 20)"),
        ("lowest(20)", "lowest(low, 20)"),
        ("atr", "atr(14)"),
        ("mom", "mom(close, 10)"),
        ("change", "close - close[1]"),
        ("change(3)", "close - close[3]"),
        ("roc", "roc(close, 9)"),
        ("stoch", "stoch(close, high, low, 14)"),
        ("stoch(9)", "stoch(close, high, low, 9)"),
        ("hl2", "(high + low) / 2"),
        ("ta.tr", "tr()"),
        ("nz(rsi)", "nz(rsi, 0)"),
        ("max(open, low, 3)", "max(max(open, low), 3)"),
        ("valuewhen(close > open, high)", "valuewhen(close > open, high, 0)"),
        ("rising(3)", "rising(close, 3)"),
    ],
)
def test_short_forms_mean_their_documented_full_ones(short, full):
    assert version(f"if {short} > 1: buy()") == version(f"if {full} > 1: buy()")
