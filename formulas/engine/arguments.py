"""Matching what a call was given with what the function takes."""

from __future__ import annotations

import ast
from typing import Protocol

from formulas.engine.builders import Bound
from formulas.engine.functions import Argument, Function
from formulas.engine.limits import MAX_LENGTH, MAX_NUMBER, refuse_at
from formulas.engine.names import AlreadyRefused, Names
from formulas.engine.registry import signature


class Context(Protocol):
    """What binding needs from the compiler of expressions."""

    names: Names

    def compile(self, node: ast.expr) -> int: ...
    def column(self, name: str) -> int: ...
    def is_constant(self, node: int) -> bool: ...
    def spelled(self, node: int) -> str: ...


def bind(
    context: Context, function: Function, call: ast.expr, given: list[ast.expr], keywords: list[ast.keyword]
) -> tuple[Bound, tuple[str, ...]]:
    """The call's arguments by kind, and how each reads. Raises FormulaError."""
    if function.more and len(given) >= len(function.arguments) and not keywords:
        series = tuple(context.compile(node) for node in given)
        return Bound(series), tuple(context.spelled(node) for node in series)
    matched = _match(context, function, call, given, keywords)
    series_nodes: list[int] = []
    lengths: list[int] = []
    numbers: list[float] = []
    texts: list[str] = []
    for argument in function.arguments:
        expression = matched.get(argument.name)
        if argument.kind == "series":
            series_nodes.append(_series(context, argument, expression))
            if expression is not None:
                texts.append(context.spelled(series_nodes[-1]))
        elif argument.kind == "number":
            numbers.append(_number(context, function, argument, expression))
            texts.append(f"{numbers[-1]:g}")
        else:
            lengths.append(_length(context, function, argument, expression))
            texts.append(str(lengths[-1]))
    return Bound(tuple(series_nodes), tuple(lengths), tuple(numbers)), tuple(texts)


def _match(
    context: Context, function: Function, call: ast.expr, given: list[ast.expr], keywords: list[ast.keyword]
) -> dict[str, ast.expr]:
    """Argument name to expression; a first number skips the sources that have defaults: sma(20)."""
    skipped = _skipped(context, function, given)
    open_arguments = function.arguments[skipped:]
    if len(given) > len(open_arguments):
        extra = given[len(open_arguments)]
        raise refuse_at(extra, f"{function.name} does not take so many values", f"write: {signature(function)}")
    matched = {argument.name: node for argument, node in zip(open_arguments, given, strict=False)}
    known = {argument.name for argument in function.arguments}
    for keyword in keywords:
        if keyword.arg is None or keyword.arg not in known:
            raise refuse_at(keyword, f"{function.name} has no such argument", f"write: {signature(function)}")
        if keyword.arg in matched:
            raise refuse_at(keyword, f"{keyword.arg} is given twice", f"write: {signature(function)}")
        matched[keyword.arg] = keyword.value
    for argument in function.arguments:
        if argument.default is None and argument.name not in matched:
            raise refuse_at(call, f"{function.name} needs {_wanted(argument)}", _example(function))
    return matched


def _wanted(argument: Argument) -> str:
    return f"a value for {argument.name}" if len(argument.name) == 1 else f"a {argument.name}"


def _skipped(context: Context, function: Function, given: list[ast.expr]) -> int:
    arguments = function.arguments
    sources = sum(argument.kind == "series" for argument in arguments)
    if not given or not sources or arguments[0].default is None or len(given) > len(arguments) - sources:
        return 0
    return sources if _looks_constant(context, given[0]) else 0


def _looks_constant(context: Context, node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    if isinstance(node, ast.Constant):
        return True
    if not isinstance(node, ast.Name):
        return False
    value = context.names.find(node.id)
    return node.id in context.names.parameters or (value is not None and context.is_constant(value))


def _example(function: Function) -> str:
    lengths = [argument for argument in function.arguments if argument.kind == "length"]
    if len(lengths) == 1 and function.arguments[0].default is not None:
        return f"write: {function.name}({function.arguments[0].default}, 20)"
    return f"write: {signature(function)}"


def _series(context: Context, argument: Argument, expression: ast.expr | None) -> int:
    if expression is not None:
        return context.compile(expression)
    if isinstance(argument.default, str):
        return context.column(argument.default)
    return context.compile(ast.Constant(argument.default))


def _length(context: Context, function: Function, argument: Argument, expression: ast.expr | None) -> int:
    if expression is None:
        return int(float(argument.default or 0))
    low = 0 if argument.kind == "offset" else 1
    return whole_number(context.names, expression, f"the {argument.name} of {function.name}", low)


def _number(context: Context, function: Function, argument: Argument, expression: ast.expr | None) -> float:
    if expression is None:
        return float(argument.default or 0)
    if isinstance(expression, ast.Name) and expression.id in context.names.parameters:
        return context.names.parameters[expression.id].value
    if isinstance(expression, ast.Name) and context.names.is_refused(expression.id):
        raise AlreadyRefused(expression.id)
    value = literal(expression)
    if value is None:
        message = f"the {argument.name} of {function.name} must be a number or a param"
        raise refuse_at(expression, message, f"write: {signature(function)}")
    return value


def literal(node: ast.expr) -> float | None:
    """The value of a plain number, signed or not; None for anything else."""
    sign = 1.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1.0
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MAX_NUMBER:
        return None
    return sign * float(value)


def whole_number(names: Names, node: ast.expr, what: str, low: int) -> int:
    """A whole number from `low` to 5000, written as such or held by a param. Raises FormulaError."""
    allowed = f"{what} must be a whole number from {low} to {MAX_LENGTH}"
    value: object = None
    if isinstance(node, ast.Constant):
        value = node.value
    elif isinstance(node, ast.Name) and node.id in names.parameters:
        held = names.parameters[node.id].value
        value = int(held) if held.is_integer() else held
    elif isinstance(node, ast.Name) and names.find(node.id) is not None:
        raise refuse_at(node, f"{allowed}; {node.id} is calculated", f"write: {node.id} = param(14)")
    elif isinstance(node, ast.Name) and names.is_refused(node.id):
        raise AlreadyRefused(node.id)
    if type(value) is not int or not low <= value <= MAX_LENGTH:
        raise refuse_at(node, allowed, "write the number itself, or name = param(14) above and then the name")
    return value
