"""The engine at the command line: one JSON object in, one out, for authors, notebooks and referees."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn, overload

import numpy as np

from formulas.engine.backtest import backtest
from formulas.engine.bars import BarError, Bars
from formulas.engine.broker import Terms
from formulas.engine.compiler import check, compile_expression, compile_formula, compile_output
from formulas.engine.decisions import Decision
from formulas.engine.history import run, run_history
from formulas.engine.limits import MAX_NUMBER
from formulas.engine.live import LiveProgram
from formulas.engine.problems import FormulaError, quoted
from formulas.engine.program import Program
from formulas.engine.records import RecordError, certify, score_of

BAD_USE = 2
USUAL = Terms()
TRADE_FIELDS = ("entry_bar", "exit_bar", "entry_price", "exit_price", "size", "pnl", "fees")


class CommandError(ValueError):
    """The request was refused; `body` is the JSON object to print."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        self.body = {"error": code, "message": message, **more}
        super().__init__(message)


def answer(arguments: list[str], text: str) -> tuple[str, int]:
    """The JSON text to print for a command and its input, and the exit status."""
    try:
        if len(arguments) != 1 or arguments[0] not in COMMANDS:
            known = ", ".join(COMMANDS)
            raise CommandError("unknown_command", f"the command is one of: {known}")
        result = COMMANDS[arguments[0]](_request(text))
    except CommandError as error:
        return json.dumps(error.body), BAD_USE
    except FormulaError as error:
        problems = [problem.as_dict() for problem in error.errors]
        return json.dumps({"error": "invalid_formula", "message": str(error), "errors": problems}), BAD_USE
    except RecordError as error:
        return json.dumps({"error": "invalid_record", "message": str(error)}), BAD_USE
    except BarError as error:
        return json.dumps({"error": "invalid_bars", "message": str(error), "bar": error.index}), BAD_USE
    except Exception as error:  # noqa: BLE001  the edge of the process: who asks in JSON is answered in JSON
        message = f"the engine failed: {type(error).__name__}"
        return json.dumps({"error": "internal_error", "message": message}), BAD_USE
    return json.dumps(result, allow_nan=False), 0


def _request(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise CommandError("invalid_json", "standard input must hold one JSON object") from None
    if not isinstance(request, dict):
        raise CommandError("invalid_json", "standard input must hold one JSON object")
    return request


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _text(request: dict[str, Any], field: str) -> str:
    value = request.get(field)
    if not isinstance(value, str):
        raise CommandError("invalid_request", f"{field} must be text", field=field)
    return value


def _bars(request: dict[str, Any]) -> Bars:
    rows = request.get("bars")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        message = "bars must be a list of [time, open, high, low, close, volume]"
        raise CommandError("invalid_request", message, field="bars")
    return Bars.from_rows(rows)


def _check(request: dict[str, Any]) -> dict[str, Any]:
    report = check(_text(request, "formula"))
    return {
        "valid": report.valid,
        "errors": [problem.as_dict() for problem in report.errors],
        "warmup_bars": report.warmup_bars,
        "indicators": list(report.indicators),
        "parameters": [parameter.as_dict() for parameter in report.parameters],
        "version_hash": report.version_hash,
    }


def _series(request: dict[str, Any]) -> dict[str, list[float | int | None]]:
    expressions = request.get("expressions")
    if not isinstance(expressions, dict):
        raise CommandError("invalid_request", "expressions must be an object", field="expressions")
    bars = _bars(request)
    return {name: _values(_series_program(name, wanted), bars) for name, wanted in expressions.items()}


def _series_program(name: str, wanted: Any) -> Program:
    try:
        if isinstance(wanted, str):
            return compile_expression(wanted)
        if isinstance(wanted, dict) and "program" in wanted:
            return compile_output(_text(wanted, "program"), _text(wanted, "output"))
        if isinstance(wanted, dict):
            output = _text(wanted, "output") if "output" in wanted else None
            return compile_expression(_text(wanted, "expression"), output)
    except FormulaError as error:
        problems = [problem.as_dict() for problem in error.errors]
        message = str(error)
        raise CommandError("invalid_formula", message, expression=quoted(name), errors=problems) from None
    message = "an expression is text, or an object with expression or program"
    raise CommandError("invalid_request", message, expression=quoted(name))


def _values(program: Program, bars: Bars) -> list[float | int | None]:
    output = program.outputs[0]
    values = run(program, bars).outputs[output.name].tolist()
    if program.conditions[output.node]:
        return [None if value != value else int(value) for value in values]
    return [None if value != value else value for value in values]


def _signals(request: dict[str, Any]) -> list[dict[str, Any]]:
    driver = request.get("driver", "history")
    if not isinstance(driver, str) or driver not in DRIVERS:
        raise CommandError("invalid_request", f"driver is one of: {', '.join(DRIVERS)}", field="driver")
    program = compile_formula(_text(request, "formula"))
    return [
        {"bar": decision.bar_index, "side": decision.side, "size": decision.size, "why": list(decision.why)}
        for decision in DRIVERS[driver](program, _bars(request))
    ]


def _backtest(request: dict[str, Any]) -> dict[str, Any]:
    terms = Terms(
        initial_capital=_amount(request, "initial_capital", USUAL.initial_capital, above_zero=True),
        fee_bps=_amount(request, "fee_bps", USUAL.fee_bps),
        slippage_bps=_amount(request, "slippage_bps", USUAL.slippage_bps),
        size_units=_amount(request, "size_units", None, above_zero=True),
    )
    periods = _amount(request, "periods_per_year", None, above_zero=True)
    program = compile_formula(_text(request, "formula"))
    with np.errstate(all="ignore"):
        done = backtest(program, _bars(request), terms, periods)
    trades = [{field: _finite(getattr(trade, field)) for field in TRADE_FIELDS} for trade in done.trades]
    return {"metrics": done.metrics, "trades": trades, "equity": [_finite(value) for value in done.equity.tolist()]}


def _finite(value: float | None) -> float | None:
    """None for what JSON has no number for: prices can be so large that an account is beyond all numbers."""
    return value if value is not None and math.isfinite(value) else None


def _certify(request: dict[str, Any]) -> dict[str, Any]:
    _text(request, "formula")
    if not isinstance(request.get("parameters") or {}, dict):
        raise CommandError("invalid_request", "parameters must be an object", field="parameters")
    return certify(request, _bars(request))


def _score(request: dict[str, Any]) -> dict[str, Any]:
    found = score_of(request)
    return {"score": found.score, "parts": found.parts}


@overload
def _amount(request: dict[str, Any], field: str, default: float, above_zero: bool = False) -> float: ...
@overload
def _amount(request: dict[str, Any], field: str, default: None, above_zero: bool = False) -> float | None: ...
def _amount(request: dict[str, Any], field: str, default: float | None, above_zero: bool = False) -> float | None:
    value = request.get(field)
    if value is None:
        return default
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_NUMBER
    if not is_number or value < 0 or (above_zero and value == 0):
        least = "above 0" if above_zero else "0 or above"
        raise CommandError("invalid_request", f"{field} must be a number {least}", field=field)
    return float(value)


def _run_live(program: Program, bars: Bars) -> list[Decision]:
    live = LiveProgram(program)
    return [decision for bar in bars.rows() for decision in live.advance(bar)]


DRIVERS: dict[str, Callable[[Program, Bars], list[Decision]]] = {
    "history": run_history,
    "live": _run_live,
    "reference": lambda program, bars: run(program, bars, plain=True).decisions,
}
COMMANDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "check": _check,
    "series": _series,
    "signals": _signals,
    "backtest": _backtest,
    "certify": _certify,
    "score": _score,
}
