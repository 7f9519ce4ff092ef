"""The engine at the command line: one JSON object in, one out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import formulas
from formulas.engine import compile_formula
from formulas.engine.command import COMMANDS, answer
from formulas.engine.tests import naive
from formulas.engine.tests.markets import random_walk

WALK = random_walk(31, 120)
ROWS = [list(WALK.row(index)) for index in range(len(WALK))]
ROOT = Path(formulas.__file__).parent.parent


def ask(command, **request):
    text, status = answer([command], json.dumps(request))
    return json.loads(text), status


def test_check_reports_a_good_formula():
    body, status = ask("check", formula="n = param(14, min=2)\nif rsi(n) < 30: buy()")
    assert status == 0
    assert body == {
        "valid": True,
        "errors": [],
        "warmup_bars": 14,
        "indicators": ["rsi"],
        "parameters": [{"name": "n", "default": 14.0, "min": 2.0, "max": None, "step": None}],
        "version_hash": compile_formula("n = param(14, min=2)\nif rsi(n) < 30: buy()").version_hash,
    }


def test_check_reports_a_bad_formula():
    body, status = ask("check", formula="if rsi < 30: bye()")
    assert status == 0
    assert body["valid"] is False
    assert body["errors"] == [
        {"line": 1, "column": 14, "message": "bye is not known here", "hint": body["errors"][0]["hint"]}
    ]
    assert body["version_hash"] is None


def test_series_gives_numbers_conditions_outputs_and_program_values():
    body, status = ask(
        "series",
        bars=ROWS,
        expressions={
            "mean": "sma(close, 20)",
            "up": "crossover(close, sma(close, 3))",
            "signal": {"expression": "macd(12, 26, 9)", "output": "signal"},
            "plain": {"expression": "high - low"},
            "value": {"program": "a = sma(close, 5)\nb = a * 2\nif b > 1: buy()", "output": "b"},
        },
    )
    assert status == 0
    closes = WALK.close.tolist()
    assert body["mean"][:19] == [None] * 19
    assert body["mean"][19:] == pytest.approx(naive.sma(closes, 20)[19:])
    assert set(map(str, body["up"])) == {"None", "0", "1"}
    assert body["signal"].index(next(value for value in body["signal"] if value is not None)) == 33
    assert body["plain"] == (WALK.high - WALK.low).tolist()
    assert body["value"][4:] == pytest.approx([2 * value for value in naive.sma(closes, 5)[4:]])


def test_the_drivers_give_the_same_bytes():
    request = {"bars": ROWS, "formula": "if crossover(close, sma(close, 3)): buy(size=0.5)\nelif rsi < 40: sell()"}
    texts = {
        answer(["signals"], json.dumps(request | driver))[0]
        for driver in ({}, {"driver": "history"}, {"driver": "live"}, {"driver": "reference"})
    }
    (text,) = texts
    signals = json.loads(text)
    assert {signal["side"] for signal in signals} == {"buy", "sell"}
    assert all(list(signal) == ["bar", "side", "size", "why"] for signal in signals)
    assert signals[0]["bar"] >= 14


def test_a_backtest_gives_metrics_trades_and_equity():
    body, status = ask(
        "backtest",
        bars=[[86400 * i, p, p + 1, p - 1, p, 1.0] for i, p in enumerate((10, 10, 12, 12, 15))],
        formula="if bar_index == 0: buy()\nif bar_index == 2: sell()\nif bar_index == 3: buy()",
        initial_capital=1000,
        fee_bps=0,
        slippage_bps=0,
        size_units=5,
        periods_per_year=252,
    )
    assert status == 0
    assert list(body) == ["metrics", "trades", "equity"]
    closed = {"entry_bar": 1, "exit_bar": 3, "entry_price": 10, "exit_price": 12, "size": 5, "pnl": 10, "fees": 0}
    still_open = {
        "entry_bar": 4,
        "exit_bar": None,
        "entry_price": 15,
        "exit_price": None,
        "size": 5,
        "pnl": 0,
        "fees": 0,
    }
    assert body["trades"] == [closed, still_open]
    assert body["equity"] == [1000, 1000, 1010, 1010, 1010]
    assert body["metrics"]["total_return"] == pytest.approx(0.01)


REFUSED = [
    ("paint", {}, "unknown_command"),
    ("backtest", {}, "invalid_request"),
    ("backtest", {"bars": ROWS, "formula": "buy()", "fee_bps": -1}, "invalid_request"),
    ("backtest", {"bars": ROWS, "formula": "buy()", "fee_bps": True}, "invalid_request"),
    ("backtest", {"bars": ROWS, "formula": "buy()", "initial_capital": 0}, "invalid_request"),
    ("backtest", {"bars": ROWS, "formula": "buy()", "slippage_bps": "2"}, "invalid_request"),
    ("backtest", {"bars": ROWS, "formula": "buy()", "size_units": 1e400}, "invalid_json"),
    ("backtest", {"bars": ROWS, "formula": "buy()", "periods_per_year": 0}, "invalid_request"),
    ("backtest", {"bars": ROWS, "formula": "bye()"}, "invalid_formula"),
    ("", {}, "unknown_command"),
    ("check", {}, "invalid_request"),
    ("check", {"formula": 5}, "invalid_request"),
    ("signals", {"bars": ROWS, "formula": "if rsi < 0"}, "invalid_formula"),
    ("signals", {"bars": ROWS, "formula": "buy()", "driver": "fast"}, "invalid_request"),
    ("signals", {"bars": ROWS, "formula": "buy()", "driver": []}, "invalid_request"),
    ("signals", {"bars": "no", "formula": "buy()"}, "invalid_request"),
    ("signals", {"bars": [1], "formula": "buy()"}, "invalid_request"),
    ("signals", {"bars": [[1, 2]], "formula": "buy()"}, "invalid_bars"),
    ("signals", {"bars": [*ROWS, ROWS[0]], "formula": "buy()"}, "invalid_bars"),
    ("series", {"bars": ROWS}, "invalid_request"),
    ("series", {"bars": ROWS, "expressions": {"a": 5}}, "invalid_request"),
    ("series", {"bars": ROWS, "expressions": {"a": {"program": "a = 1"}}}, "invalid_request"),
    ("series", {"bars": ROWS, "expressions": {"a": "foo"}}, "invalid_formula"),
    ("series", {"bars": ROWS, "expressions": {"a": "macd"}}, "invalid_formula"),
    ("series", {"bars": ROWS, "expressions": {"a": "buy()"}}, "invalid_formula"),
    ("series", {"bars": ROWS, "expressions": {"a": {"expression": "macd", "output": "x"}}}, "invalid_formula"),
    ("series", {"bars": ROWS, "expressions": {"a": {"expression": "rsi", "output": "x"}}}, "invalid_formula"),
    ("series", {"bars": ROWS, "expressions": {"a": {"program": "a = 1", "output": "b"}}}, "invalid_formula"),
]


@pytest.mark.parametrize(("command", "request_body", "code"), REFUSED)
def test_a_bad_request_is_refused_in_json_with_status_2(command, request_body, code):
    body, status = ask(command, **request_body)
    assert status == 2
    assert body["error"] == code
    assert body["message"]


@pytest.mark.parametrize("text", ["", "[]", "{", "5", "[" * 100_000, '{"formula": NaN}', "\udcff"])
def test_input_that_is_no_json_object_is_refused(text):
    body, status = answer(["check"], text)
    assert status == 2
    assert json.loads(body)["error"] == "invalid_json"


@pytest.mark.parametrize("scale", [1e150, 1e300, 1.7e308])
@pytest.mark.parametrize("formula", ["buy()", "if close > open: buy()\nelse: short()", "short()\nstop_loss(pct=1)"])
def test_prices_beyond_all_measure_give_null_and_no_fault(scale, formula):
    """An account of them is beyond all numbers, for which JSON has no word."""
    values = [0.5 + 0.4 * (-1) ** index * (index / 40) for index in range(40)]
    rows = [[60 * i, scale * v, scale * v, scale * v * 0.1, scale * v * 0.3, scale] for i, v in enumerate(values)]
    rows[3] = [180, 1e-300, scale, 1e-300, scale, 1.0]
    request = {"bars": rows, "formula": formula, "initial_capital": 1e14, "periods_per_year": 9e14}
    body, status = ask("backtest", **request)
    assert status == 0
    assert len(body["equity"]) == len(rows)
    expressions = {name: name for name in ("rsi(3)", "cci(3)", "mfi(3)", "stdev(3)", "obv", "vwap", "exp(close)")}
    assert ask("series", bars=rows, expressions=expressions)[1] == 0


def test_a_fault_of_the_engine_is_told_in_json(monkeypatch):
    def fails(request):
        raise MemoryError

    monkeypatch.setitem(COMMANDS, "check", fails)
    assert ask("check", formula="buy()") == (
        {"error": "internal_error", "message": "the engine failed: MemoryError"},
        2,
    )


@pytest.mark.parametrize("redirection", ["<&-", ">&-", ">/dev/full", "| true"])
def test_a_closed_or_full_stream_leaves_no_traceback(redirection):
    line = f"set -o pipefail; {sys.executable} -m formulas.engine check {redirection}"
    given = None if redirection == "<&-" else json.dumps({"formula": "buy()"})
    done = subprocess.run(["bash", "-c", line], input=given, capture_output=True, text=True, cwd=ROOT)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == 2 or redirection == "| true"
    if redirection == "<&-":
        assert json.loads(done.stdout)["error"] == "invalid_json"


def test_the_module_runs_as_a_command_without_django():
    script = "import runpy, sys; sys.modules['django'] = None; sys.argv[0:] = ['engine', 'check']; "
    script += "runpy.run_module('formulas.engine', run_name='__main__')"
    request = json.dumps({"formula": "if rsi < 30: buy()"})
    done = subprocess.run([sys.executable, "-c", script], input=request, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0
    assert json.loads(done.stdout)["valid"] is True
    unknown = [sys.executable, "-m", "formulas.engine", "paint"]
    refused = subprocess.run(unknown, input="{}", capture_output=True, text=True, cwd=ROOT)
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"] == "unknown_command"
