"""The kinds of value that machine code knows, and the ways from one to another."""

from __future__ import annotations

import ast
from typing import NamedTuple

from llvmlite import ir

FLOAT = ir.DoubleType()
INT = ir.IntType(64)
BOOL = ir.IntType(1)
BYTE = ir.IntType(8)
NOTHING = ir.VoidType()
FLOATS = FLOAT.as_pointer()
INTS = INT.as_pointer()
FLAGS = BYTE.as_pointer()
# A state is two rows that may be one: elements at places known now are in the first, all others in the second.
STATE = ir.LiteralStructType([FLOATS, FLOATS])
ELEMENTS = {FLOATS: FLOAT, INTS: INT, FLAGS: BYTE}

KINDS: dict[str, ir.Type] = {
    "float": FLOAT,
    "int": INT,
    "bool": BOOL,
    "None": NOTHING,
    "State": STATE,
    "Floats": FLOATS,
    "Ints": INTS,
    "Flags": FLAGS,
}


class NotTranslatable(ValueError):
    """A function uses something that is not part of the small Python of steps; the message says where."""

    def __init__(self, node: ast.AST, reason: str) -> None:
        super().__init__(f"line {getattr(node, 'lineno', '?')}: {reason}: {ast.unparse(node)[:80]}")


class Value(NamedTuple):
    """A number in the program under construction."""

    kind: ir.Type
    code: ir.Value


def constant(number: bool | float) -> Value:
    """A number that is known already."""
    if isinstance(number, bool):
        return Value(BOOL, ir.Constant(BOOL, int(number)))
    kind = INT if isinstance(number, int) else FLOAT
    return Value(kind, ir.Constant(kind, number))


def kind_of(annotation: ast.expr | None, place: ast.AST) -> ir.Type:
    """The kind that an annotation names."""
    name = ast.unparse(annotation) if annotation is not None else ""
    if name not in KINDS:
        raise NotTranslatable(place, f"no such kind of value: {name or 'none is given'}")
    return KINDS[name]


def as_kind(build: ir.IRBuilder, value: Value, kind: ir.Type, place: ast.AST) -> Value:
    """The value as another kind, where Python would take it for one without a word."""
    if value.kind == kind:
        return value
    if kind == FLOAT and value.kind == INT:
        return Value(kind, build.sitofp(value.code, FLOAT))
    if kind == FLOAT and value.kind == BOOL:
        return Value(kind, build.uitofp(value.code, FLOAT))
    if kind == INT and value.kind == BOOL:
        return Value(kind, build.zext(value.code, INT))
    if kind == STATE and value.kind == FLOATS:
        return Value(kind, joined(build, value.code, value.code))
    if kind == BYTE and value.kind == BOOL:
        return Value(kind, build.zext(value.code, BYTE))
    if kind == BOOL and value.kind == INT:
        return Value(kind, build.icmp_signed("!=", value.code, ir.Constant(INT, 0)))
    raise NotTranslatable(place, f"a {value.kind} cannot stand for a {kind}")


def joined(build: ir.IRBuilder, head: ir.Value, rest: ir.Value) -> ir.Value:
    """A state of two rows."""
    return build.insert_value(build.insert_value(ir.Constant(STATE, ir.Undefined), head, 0), rest, 1)


def common_kind(one: Value, other: Value) -> ir.Type:
    """The kind that two numbers have together."""
    if FLOAT in (one.kind, other.kind):
        return FLOAT
    return INT if INT in (one.kind, other.kind) else BOOL
