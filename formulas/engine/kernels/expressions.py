"""Expressions of the small Python of steps as instructions, each with the bits that Python would give."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from functools import reduce
from types import FunctionType
from typing import Any

from llvmlite import ir

from formulas.engine.kernels import drivers
from formulas.engine.kernels.values import (
    BOOL,
    ELEMENTS,
    FLOAT,
    FLOATS,
    INT,
    STATE,
    NotTranslatable,
    Value,
    as_kind,
    common_kind,
    constant,
)

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
FROM_LIBM = {math.log: "log", math.exp: "exp", math.fmod: "fmod"}
OF_THE_PROCESSOR = {math.sqrt: "llvm.sqrt", math.copysign: "llvm.copysign"}


class Expressions:
    """Writes instructions for the expressions of one function into its builder."""

    def __init__(
        self, build: ir.IRBuilder, names: Mapping[str, Any], function_of: Callable[[Callable[..., Any]], ir.Function]
    ) -> None:
        self.build = build
        self.variables: dict[str, tuple[ir.Type, ir.Value]] = {}
        self._names = names
        self._function_of = function_of

    def value(self, node: ast.expr) -> Value:
        """The value of an expression. Raises NotTranslatable."""
        match node:
            case ast.Constant(value=bool() | int() | float() as number):
                return constant(number)
            case ast.Name():
                return self._named(node)
            case ast.Subscript():
                address, kind = self.place(node)
                return Value(kind, self.build.load(address))
            case ast.UnaryOp():
                return self._unary(node)
            case ast.BinOp():
                return self._arithmetic(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.BoolOp():
                return self._logic(node)
            case ast.IfExp():
                return self._choice(node)
            case ast.Call():
                return self._call(node)
        raise NotTranslatable(node, "not part of the small Python of steps")

    def number(self, node: ast.expr, kind: ir.Type) -> ir.Value:
        """The value of an expression as one of this kind."""
        return as_kind(self.build, self.value(node), kind, node).code

    def place(self, node: ast.Subscript) -> tuple[ir.Value, ir.Type]:
        """The address of an element, and its kind."""
        row = self.value(node.value)
        if row.kind == STATE:
            known = self._known_place(node.slice)
            part = self.build.extract_value(row.code, 1 if known is None else 0)
            place = self.number(node.slice, INT) if known is None else ir.Constant(INT, known)
            return self.build.gep(part, [place]), FLOAT
        if row.kind not in ELEMENTS:
            raise NotTranslatable(node, "only a row of numbers has elements")
        return self.build.gep(row.code, [self.number(node.slice, INT)]), ELEMENTS[row.kind]

    def _known_place(self, node: ast.expr) -> int | None:
        """The number that an expression comes to whatever happens; None when that is not known."""
        match node:
            case ast.Constant(value=int() as number):
                return number
            case ast.Name() if node.id not in self.variables:
                return int(self._names[node.id])
            case ast.BinOp(op=ast.Add()):
                parts = (self._known_place(node.left), self._known_place(node.right))
                return None if parts[0] is None or parts[1] is None else parts[0] + parts[1]
        return None

    def _named(self, node: ast.Name) -> Value:
        if node.id in self.variables:
            kind, address = self.variables[node.id]
            return Value(kind, self.build.load(address))
        number = self._names.get(node.id)
        if not isinstance(number, bool | int | float):
            raise NotTranslatable(node, "this name has no value here")
        return constant(number)

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return Value(BOOL, self.build.not_(as_kind(self.build, value, BOOL, node).code))
        if isinstance(node.op, ast.USub) and value.kind == FLOAT:
            return Value(FLOAT, self.build.fneg(value.code))
        if isinstance(node.op, ast.USub):
            return Value(INT, self.build.neg(as_kind(self.build, value, INT, node).code))
        raise NotTranslatable(node, "not part of the small Python of steps")

    def _arithmetic(self, node: ast.BinOp) -> Value:
        return self.arithmetic(self.value(node.left), node.op, self.value(node.right), node)

    def arithmetic(self, left: Value, operator: ast.operator, right: Value, node: ast.AST) -> Value:
        """Two numbers under an operator; a quotient is a float, all else a whole number if both are."""
        build = self.build
        is_whole = common_kind(left, right) != FLOAT and not isinstance(operator, ast.Div)
        kind = INT if is_whole else FLOAT
        x, y = as_kind(build, left, kind, node).code, as_kind(build, right, kind, node).code
        forms: dict[type[ast.operator], tuple[Callable[..., ir.Value], Callable[..., ir.Value] | None]] = {
            ast.Add: (build.add, build.fadd),
            ast.Sub: (build.sub, build.fsub),
            ast.Mult: (build.mul, build.fmul),
            ast.Div: (build.sdiv, build.fdiv),
            ast.Mod: (self._whole_remainder, None),
            ast.FloorDiv: (self._whole_quotient, None),
        }
        form = forms.get(type(operator), (None, None))[0 if is_whole else 1]
        if form is None:
            raise NotTranslatable(node, "this operator is not known for these numbers")
        return Value(kind, form(x, y))

    def _whole_remainder(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """The remainder with the sign of the divisor."""
        rest = self.build.srem(x, y)
        return self.build.select(self._is_off(rest, y), self.build.add(rest, y), rest)

    def _whole_quotient(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """The quotient rounded down."""
        quotient = self.build.sdiv(x, y)
        below = self.build.sub(quotient, ir.Constant(INT, 1))
        return self.build.select(self._is_off(self.build.srem(x, y), y), below, quotient)

    def _is_off(self, rest: ir.Value, y: ir.Value) -> ir.Value:
        zero = ir.Constant(INT, 0)
        differs = self.build.icmp_signed("<", self.build.xor(rest, y), zero)
        return self.build.and_(self.build.icmp_signed("!=", rest, zero), differs)

    def _comparison(self, node: ast.Compare) -> Value:
        values = [self.value(operand) for operand in (node.left, *node.comparators)]
        links = [
            self._compared(left, operator, right, node)
            for operator, left, right in zip(node.ops, values, values[1:], strict=False)
        ]
        return Value(BOOL, reduce(self.build.and_, links))

    def _compared(self, left: Value, operator: ast.cmpop, right: Value, node: ast.AST) -> ir.Value:
        if type(operator) not in COMPARISONS:
            raise NotTranslatable(node, "this comparison is not known")
        symbol = COMPARISONS[type(operator)]
        kind = FLOAT if FLOAT in (left.kind, right.kind) else INT
        x, y = as_kind(self.build, left, kind, node).code, as_kind(self.build, right, kind, node).code
        if kind == INT:
            return self.build.icmp_signed(symbol, x, y)
        return self.build.fcmp_unordered("!=", x, y) if symbol == "!=" else self.build.fcmp_ordered(symbol, x, y)

    def _logic(self, node: ast.BoolOp) -> Value:
        """One operand after the other, and no further than Python would go: the next may read beyond a row's end."""
        stops_at = isinstance(node.op, ast.Or)
        end = self.build.append_basic_block()
        known: list[tuple[ir.Value, ir.Block]] = []
        for operand in node.values[:-1]:
            value = self.number(operand, BOOL)
            further = self.build.append_basic_block()
            known.append((ir.Constant(BOOL, int(stops_at)), self.build.block))
            self.build.cbranch(value, *((end, further) if stops_at else (further, end)))
            self.build.position_at_end(further)
        last = self.number(node.values[-1], BOOL)
        known.append((last, self.build.block))
        self.build.branch(end)
        return self._joined(end, BOOL, known)

    def _choice(self, node: ast.IfExp) -> Value:
        condition = self.number(node.test, BOOL)
        yes, no, end = (self.build.append_basic_block() for _ in range(3))
        self.build.cbranch(condition, yes, no)
        found: list[tuple[Value, ir.Block]] = []
        for block, branch in ((yes, node.body), (no, node.orelse)):
            self.build.position_at_end(block)
            found.append((self.value(branch), self.build.block))
        kind = common_kind(found[0][0], found[1][0])
        known: list[tuple[ir.Value, ir.Block]] = []
        for value, block in found:
            self.build.position_at_end(block)
            known.append((as_kind(self.build, value, kind, node).code, block))
            self.build.branch(end)
        return self._joined(end, kind, known)

    def _joined(self, end: ir.Block, kind: ir.Type, known: list[tuple[ir.Value, ir.Block]]) -> Value:
        self.build.position_at_end(end)
        result = self.build.phi(kind)
        for code, block in known:
            result.add_incoming(code, block)
        return Value(kind, result)

    def _call(self, node: ast.Call) -> Value:
        called = self._called(node.func)
        if called is drivers.room:
            return self._room(int(ast.literal_eval(node.args[0])))
        if isinstance(called, FunctionType | ir.Function):
            return self._call_function(called, node)
        if called in (max, min):
            return self._extreme(node, ">" if called is max else "<")
        if called in FROM_LIBM or called in OF_THE_PROCESSOR:
            return self._call_library(called, [self.number(argument, FLOAT) for argument in node.args])
        value = self.value(node.args[0])
        if called is abs and value.kind == FLOAT:
            return Value(FLOAT, self._intrinsic("llvm.fabs", [value.code]))
        if called is math.floor:
            return Value(INT, self.build.fptosi(self._intrinsic("llvm.floor", [value.code]), INT))
        if called is float:
            return as_kind(self.build, value, FLOAT, node)
        if called is int:
            return value if value.kind == INT else Value(INT, self.build.fptosi(value.code, INT))
        raise NotTranslatable(node, "this function is not part of the small Python of steps")

    def _called(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return getattr(self._names.get(node.value.id), node.attr, None)
        name = node.id if isinstance(node, ast.Name) else ""
        known: dict[str, Any] = {"abs": abs, "max": max, "min": min, "int": int, "float": float}
        return self._names.get(name, known.get(name))

    def _call_function(self, called: FunctionType | ir.Function, node: ast.Call) -> Value:
        function = self._function_of(called) if isinstance(called, FunctionType) else called
        kinds = [argument.type for argument in function.args]
        if len(kinds) != len(node.args) or node.keywords:
            raise NotTranslatable(node, "the arguments do not fit")
        arguments = [self.number(given, kind) for given, kind in zip(node.args, kinds, strict=True)]
        return Value(function.function_type.return_type, self.build.call(function, arguments))

    def _extreme(self, node: ast.Call, symbol: str) -> Value:
        """As Python's: the first one unless the second is beyond it, which an na never is."""
        first, second = (self.value(argument) for argument in node.args)
        kind = common_kind(first, second)
        x, y = as_kind(self.build, first, kind, node).code, as_kind(self.build, second, kind, node).code
        compare = self.build.fcmp_ordered if kind == FLOAT else self.build.icmp_signed
        return Value(kind, self.build.select(compare(symbol, y, x), y, x))

    def _call_library(self, called: Any, arguments: list[ir.Value]) -> Value:
        if called in OF_THE_PROCESSOR:
            return Value(FLOAT, self._intrinsic(OF_THE_PROCESSOR[called], arguments))
        name = FROM_LIBM[called]
        module = self.build.module
        if name not in module.globals:
            ir.Function(module, ir.FunctionType(FLOAT, [FLOAT] * len(arguments)), name)
        return Value(FLOAT, self.build.call(module.globals[name], arguments))

    def _room(self, size: int) -> Value:
        with self.build.goto_entry_block():
            return Value(FLOATS, self.build.bitcast(self.build.alloca(FLOAT, size), FLOATS))

    def _intrinsic(self, name: str, arguments: list[ir.Value]) -> ir.Value:
        kind = ir.FunctionType(FLOAT, [FLOAT] * len(arguments))
        function = self.build.module.declare_intrinsic(name, (FLOAT,), kind)
        return self.build.call(function, arguments)
