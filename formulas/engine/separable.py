"""Whether a formula's params act apart from each other: no calculation of the compiler's own takes two of them."""

from __future__ import annotations

import ast
from typing import NamedTuple

from formulas.engine.registry import FUNCTIONS
from formulas.engine.source import parse_program
from formulas.engine.vocabulary import ACCOUNT

CALCULATIONS = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp)


class Origin(NamedTuple):
    """What a value rests on: whether it differs from bar to bar, and else the params that it is made of."""

    is_series: bool
    params: frozenset[str] = frozenset()


class _NotSeparable(Exception):
    """Two params meet."""


NUMBER, SERIES = Origin(False), Origin(True)


def is_separable(source: str) -> bool:
    """Whether each node of the program follows from one param at most. Says no where that is not plain to see."""
    try:
        _Reader().statements(parse_program(source).body)
    except _NotSeparable:
        return False
    return True


class _Reader:
    def __init__(self) -> None:
        self._names: dict[str, Origin] = {}

    def statements(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="param"))):
                    self._names[name] = Origin(False, frozenset([name]))
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._names[name] = self._origin(value)
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
                    self._origin(value)
                    self._names.update({one.id: SERIES for one in targets if isinstance(one, ast.Name)})
                case ast.If():
                    self._branches(statement)
                case ast.Expr(value=ast.Call() as action):
                    for argument in (*action.args, *[keyword.value for keyword in action.keywords]):
                        self._origin(argument)
                case _:
                    raise _NotSeparable

    def _branches(self, statement: ast.If) -> None:
        """The tests of branches are joined with each other, so none may rest on a param alone."""
        if self._origin(statement.test).params:
            raise _NotSeparable
        self.statements(statement.body)
        self.statements(statement.orelse)

    def _origin(self, node: ast.expr) -> Origin:
        match node:
            case ast.Constant():
                return NUMBER
            case ast.Name(id=name):
                return self._names.get(name, SERIES if name in FUNCTIONS or name in ACCOUNT else NUMBER)
            case ast.Subscript(value=value, slice=bars):
                return self._together([value, bars], stays_apart=True)
            case ast.Call(func=func, args=arguments, keywords=keywords):
                given = [*arguments, *[keyword.value for keyword in keywords]]
                return self._together(given, stays_apart=self._is_indicator(func))
            case _ if isinstance(node, CALCULATIONS):
                return self._together([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)])
        return SERIES

    def _is_indicator(self, func: ast.expr) -> bool:
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        return name in FUNCTIONS and FUNCTIONS[name].is_indicator

    def _together(self, nodes: list[ast.expr], stays_apart: bool = False) -> Origin:
        """What is made of several values; an indicator's lengths stay apart, as each is of one of its nodes."""
        origins = [self._origin(node) for node in nodes]
        if stays_apart:
            return SERIES
        params = frozenset[str]().union(*(origin.params for origin in origins))
        if len(params) > 1:
            raise _NotSeparable
        return SERIES if any(origin.is_series for origin in origins) else Origin(False, params)
