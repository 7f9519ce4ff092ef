"""Params: numbers that a formula declares with a default and a range, set anew without touching its text."""

from __future__ import annotations

import ast
import math

from formulas.engine.arguments import literal
from formulas.engine.limits import MAX_NUMBER, refuse_at
from formulas.engine.program import Parameter


def declare(name: str, call: ast.Call, given: object) -> Parameter:
    """The parameter of a line `name = param(default, min=..., max=..., step=...)`.

    `given` replaces the default when it is not None. Raises FormulaError.
    """
    if len(call.args) != 1:
        raise refuse_at(call, "a param needs its default value", f"write: {name} = param(14, min=2, max=50)")
    default = _plain_number(call.args[0])
    bounds: dict[str, float] = {}
    for keyword in call.keywords:
        if keyword.arg not in ("min", "max", "step") or keyword.arg in bounds:
            hint = f"write: {name} = param(14, min=2, max=50)"
            raise refuse_at(keyword, "a param takes min, max and step, each once", hint)
        bounds[keyword.arg] = _plain_number(keyword.value)
    value = _value(call, name, default, given)
    parameter = Parameter(name, default, value, bounds.get("min"), bounds.get("max"), bounds.get("step"))
    _check_range(call, parameter)
    return parameter


def _value(call: ast.Call, name: str, default: float, given: object) -> float:
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise refuse_at(call, f"the value given for {name} is not a number", f"leave it out for {default:g}")
    return float(given) if abs(given) < MAX_NUMBER else math.inf


def _plain_number(node: ast.expr) -> float:
    value = literal(node)
    if value is None:
        hint = "write: param(14, min=2, max=50)"
        raise refuse_at(node, "a param is made of plain numbers smaller than 1e15", hint)
    return value


def _check_range(call: ast.Call, parameter: Parameter) -> None:
    low = -MAX_NUMBER if parameter.minimum is None else parameter.minimum
    high = MAX_NUMBER if parameter.maximum is None else parameter.maximum
    if parameter.step is not None and parameter.step <= 0:
        raise refuse_at(call, "the step of a param is above 0", "write: step=1")
    if not low <= parameter.default <= high:
        raise refuse_at(call, "the default of a param lies between its min and max", "change one of the three")
    if not low <= parameter.value <= high:
        hint = f"give {parameter.name} a value from {low:g} to {high:g}"
        raise refuse_at(call, f"the value given for {parameter.name} lies outside its range", hint)
