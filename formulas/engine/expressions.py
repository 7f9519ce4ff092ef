"""Compiles expressions: each kind of syntax that is allowed has a method here; all others are refused."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import reduce
from typing import Any

from formulas.engine.arguments import bind, whole_number
from formulas.engine.foreign import dotted
from formulas.engine.functions import Function
from formulas.engine.graph import Graph
from formulas.engine.limits import MAX_NUMBER, refuse_at
from formulas.engine.names import TF_HINT, Names
from formulas.engine.registry import FUNCTIONS, SOURCE_NAMES, signature
from formulas.engine.timeframes import seconds_of
from formulas.engine.vocabulary import ACCOUNT, ACTIONS, left_out

ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Mod: "modulo",
}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "less",
    ast.LtE: "less_or_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_or_equal",
    ast.Eq: "equal",
    ast.NotEq: "different",
}


class Expressions:
    """Turns expressions into nodes of one graph. Every method raises FormulaError for what it refuses."""

    def __init__(self, graph: Graph, names: Names) -> None:
        self.graph = graph
        self.names = names
        self.indicators: list[str] = []

    def compile(self, node: ast.expr) -> int:
        """The node that computes an expression."""
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise refuse_at(node, *left_out(node))
        return handler(self, node)

    def condition(self, node: ast.expr) -> int:
        """The node that computes an expression as a condition: a number is true when it is not 0."""
        value = self.compile(node)
        if self.graph.is_condition(value):
            return value
        return self.graph.apply("truth", (value,), text=self.spelled(value))

    def outputs(self, node: ast.expr) -> tuple[int, ...] | None:
        """The nodes of a call to a function with several outputs; None when it is anything else."""
        if _calls_tf(node):
            return self._higher(node, self.outputs)
        function, given, keywords = self._callee(node)
        if function is None or not function.outputs:
            return None
        return self._call(function, node, given, keywords)

    def output_names(self, node: ast.expr) -> tuple[str, ...]:
        """The names of the outputs of a call; empty when it has a single one."""
        if _calls_tf(node):
            node = self._period(node)[1]
        function = self._callee(node)[0]
        return function.outputs if function is not None else ()

    def column(self, name: str) -> int:
        """The node of a source with this name."""
        return self._call(FUNCTIONS[name], ast.Name(name), [], [])[0]

    def is_constant(self, node: int) -> bool:
        """Whether the node has one value on every bar."""
        return self.graph.nodes[node].op == "constant"

    def spelled(self, node: int) -> str:
        """How the node reads."""
        return self.graph.texts[node].source

    def _constant(self, node: ast.Constant) -> int:
        value = node.value
        if isinstance(value, bool):
            return self.graph.constant(float(value), str(value))
        if not isinstance(value, int | float):
            what = "text in quotes" if isinstance(value, str | bytes) else "this value"
            raise refuse_at(node, f"{what} is not part of the formula language", "write numbers and names only")
        if not abs(value) < MAX_NUMBER:
            raise refuse_at(node, "this number is too large", "numbers are smaller than 1e15")
        return self.graph.constant(float(value))

    def _name(self, node: ast.Name) -> int:
        value = self.names.find(node.id)
        if value is not None:
            if self.graph.frame and not self.is_constant(value):
                hint = "write the calculation itself inside tf; prices and params may be named"
                raise refuse_at(node, f"{node.id} is made of the chart's own bars", hint)
            return value
        if node.id in self.names.parameters:
            return self.graph.constant(self.names.parameters[node.id].value)
        if node.id not in FUNCTIONS:
            raise self.names.complain(node)
        return self._single(FUNCTIONS[node.id], node, [], [])

    def _attribute(self, node: ast.Attribute) -> int:
        function, given, keywords = self._callee(node)
        if function is None:
            raise refuse_at(node, *dotted(node))
        return self._single(function, node, given, keywords)

    def _higher(
        self, node: ast.expr, compile_inside: Callable[[ast.expr], tuple[int, ...] | None]
    ) -> tuple[int, ...] | None:
        """What is compiled inside a call of tf, held on the chart's bars."""
        period, inside = self._period(node)
        if self.graph.frame:
            raise refuse_at(node, "tf cannot stand inside tf", "write the longer period alone")
        self.graph.frame = seconds_of(period) or 0
        try:
            values = compile_inside(inside)
        finally:
            self.graph.frame = 0
        if values is None:
            return None
        return tuple(self.graph.hold(value, f'tf("{period}", {self.spelled(value)})') for value in values)

    def _period(self, node: ast.expr) -> tuple[str, ast.expr]:
        if not isinstance(node, ast.Call) or len(node.args) != 2 or node.keywords:
            raise refuse_at(node, "tf takes a period and an expression", TF_HINT)
        period = node.args[0]
        text = period.value if isinstance(period, ast.Constant) else None
        if not isinstance(text, str) or seconds_of(text) is None:
            raise refuse_at(period, "this is not a period", TF_HINT)
        return text, node.args[1]

    def _call_expression(self, node: ast.Call) -> int:
        if _calls_tf(node):
            (value,) = self._higher(node, lambda inside: (self.compile(inside),)) or ()
            return value
        function, given, keywords = self._callee(node)
        if function is None:
            raise self._not_callable(node)
        return self._single(function, node, given, keywords)

    def _not_callable(self, node: ast.Call) -> Exception:
        called = node.func
        if isinstance(called, ast.Attribute):
            return refuse_at(called, *dotted(called))
        if not isinstance(called, ast.Name):
            return refuse_at(called, *left_out(called))
        if called.id in ACTIONS:
            message = f"{called.id}() is an action and cannot stand inside an expression"
            return refuse_at(called, message, f"write it on its own: if ...: {called.id}()")
        if self.names.find(called.id) is not None or called.id in self.names.parameters:
            return refuse_at(called, f"{called.id} is a value, not a function", "leave the brackets out")
        if called.id in SOURCE_NAMES:
            return refuse_at(called, f"{called.id} is a price, not a function", f"write: {called.id}")
        return self.names.complain(called)

    def _callee(self, node: ast.expr) -> tuple[Function | None, list[ast.expr], list[ast.keyword]]:
        """The function that an expression calls, bare (`rsi`), with brackets, or spelled `ta.rsi`."""
        given: list[ast.expr] = []
        keywords: list[ast.keyword] = []
        called = node
        if isinstance(node, ast.Call):
            called, given, keywords = node.func, node.args, node.keywords
        if isinstance(called, ast.Attribute):
            if not (isinstance(called.value, ast.Name) and called.value.id == "ta"):
                return None, given, keywords
            if called.attr in SOURCE_NAMES:
                raise refuse_at(called, *dotted(called))
            if called.attr not in FUNCTIONS:
                raise self.names.unknown(called, called.attr)
            return FUNCTIONS[called.attr], given, keywords
        if not isinstance(called, ast.Name) or self.names.find(called.id) is not None:
            return None, given, keywords
        function = FUNCTIONS.get(called.id)
        is_called_price = function is not None and isinstance(node, ast.Call) and called.id in SOURCE_NAMES
        return (None if is_called_price else function), given, keywords

    def _single(self, function: Function, node: ast.expr, given: list[ast.expr], keywords: list[ast.keyword]) -> int:
        if function.outputs:
            names = ", ".join(function.outputs)
            hint = f"write: {names} = {signature(function)}"
            raise refuse_at(node, f"{function.name} gives several values: {names}", hint)
        return self._call(function, node, given, keywords)[0]

    def _call(
        self, function: Function, node: ast.expr, given: list[ast.expr], keywords: list[ast.keyword]
    ) -> tuple[int, ...]:
        if self.graph.frame and function.name in ACCOUNT:
            hint = "compare with it outside of tf"
            raise refuse_at(node, f"{function.name} belongs to the chart's own bars", hint)
        bound, texts = bind(self, function, node, given, keywords)
        since = len(self.graph.nodes)
        results = function.build(self.graph, bound)
        spelled = f"{function.name}({', '.join(texts)})" if texts else function.name
        for number, result in enumerate(results):
            text = f"{spelled}.{function.outputs[number]}" if function.outputs else spelled
            self.graph.label(result, text, since)
        if function.is_indicator and function.name not in self.indicators:
            self.indicators.append(function.name)
        return results

    def _arithmetic(self, node: ast.BinOp) -> int:
        """A chain is compiled from left to right without recursion, as it may be long."""
        spine: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            if type(left.op) not in ARITHMETIC:
                raise refuse_at(left, *left_out(left.op))
            spine.append(left)
            left = left.left
        value = self.compile(left)
        for link in reversed(spine):
            value = self.graph.apply(ARITHMETIC[type(link.op)], (value, self.compile(link.right)))
        return value

    def _comparison(self, node: ast.Compare) -> int:
        """A chain a < b < c is the conjunction of its links."""
        values = [self.compile(operand) for operand in (node.left, *node.comparators)]
        links: list[int] = []
        for operator, left, right in zip(node.ops, values, values[1:], strict=False):
            if type(operator) not in COMPARISONS:
                raise refuse_at(node, *left_out(operator))
            links.append(self.graph.apply(COMPARISONS[type(operator)], (left, right)))
        return reduce(lambda chain, link: self.graph.apply("and", (chain, link)), links)

    def _logic(self, node: ast.BoolOp) -> int:
        op = "and" if isinstance(node.op, ast.And) else "or"
        result = self.condition(node.values[0])
        for value in node.values[1:]:
            result = self.graph.apply(op, (result, self.condition(value)))
        return result

    def _unary(self, node: ast.UnaryOp) -> int:
        if isinstance(node.op, ast.Not):
            return self.graph.apply("not", (self.condition(node.operand),))
        if isinstance(node.op, ast.USub):
            return self.graph.apply("negate", (self.compile(node.operand),))
        raise refuse_at(node, *left_out(node.op))

    def _choice(self, node: ast.IfExp) -> int:
        condition = self.condition(node.test)
        return self.graph.apply("choose", (condition, self.compile(node.body), self.compile(node.orelse)))

    def _lookback(self, node: ast.Subscript) -> int:
        bars = node.slice
        if isinstance(bars, ast.Slice):
            raise refuse_at(bars, *left_out(bars))
        if isinstance(bars, ast.UnaryOp):
            message = "a negative lookback would read the future"
            raise refuse_at(bars, message, "close[1] is the close one bar ago")
        value = self.compile(node.value)
        length = whole_number(self.names, bars, "the number of bars to look back", 0)
        return self.graph.apply("lag", (value,), (length,)) if length else value


def _calls_tf(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tf"


_HANDLERS: dict[type[ast.expr], Callable[[Expressions, Any], int]] = {
    ast.Constant: Expressions._constant,
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.Call: Expressions._call_expression,
    ast.BinOp: Expressions._arithmetic,
    ast.Compare: Expressions._comparison,
    ast.BoolOp: Expressions._logic,
    ast.UnaryOp: Expressions._unary,
    ast.IfExp: Expressions._choice,
    ast.Subscript: Expressions._lookback,
}
