"""How large a formula may be, and the check of its shape before anything is compiled."""

from __future__ import annotations

import ast

from formulas.engine.problems import FormulaError, Problem

MAX_SOURCE_BYTES = 4096
MAX_WORDS = 1500  # Python's parser needs 2 microseconds for each
MAX_BRACKETS = 50
MAX_STATEMENTS = 64
MAX_IF_NESTING = 8
MAX_DEPTH = 50
MAX_OPERANDS = 64
MAX_NODES = 256
MAX_LENGTH = 5000
MAX_NUMBER = 1e15
MAX_STATE_DOUBLES = 131_072  # 1 MB for one instrument
MAX_PROBLEMS = 20

LEAVES = frozenset({ast.Name, ast.Constant})
MARKS = frozenset({ast.Load, ast.Store, ast.And, ast.Or, ast.Lt, ast.Gt})


def refuse_at(node: ast.AST, message: str, hint: str) -> FormulaError:
    """An error with one problem at the place of a syntax tree node."""
    line, column = place(node)
    return FormulaError((Problem(line, column, message, hint),))


def place(node: ast.AST) -> tuple[int, int]:
    """Line and column of a syntax tree node, both from 1."""
    return getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1


def check_shape(tree: ast.AST) -> None:
    """Refuse trees that are too long, too deep or too wide; walks without recursion.

    Raises FormulaError.
    """
    statements = 0
    pending: list[tuple[ast.AST, int]] = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        if isinstance(node, ast.stmt):
            statements += 1
            if statements > MAX_STATEMENTS:
                raise refuse_at(node, f"a formula has at most {MAX_STATEMENTS} statements", "split it in two")
            depth = 0
        elif isinstance(node, ast.expr):
            depth += 1
            _check_expression(node, depth)
        if type(node) not in LEAVES:
            pending.extend([(child, depth) for child in reversed(_children(node))])


def _check_expression(node: ast.expr, depth: int) -> None:
    if depth > MAX_DEPTH:
        hint = "give parts of it a name on lines of their own"
        raise refuse_at(node, f"this expression is nested more than {MAX_DEPTH} levels deep", hint)
    if operands(node) > MAX_OPERANDS:
        hint = "give parts of it a name on lines of their own"
        raise refuse_at(node, f"one chain has at most {MAX_OPERANDS} operands", hint)


def _children(node: ast.AST) -> list[ast.AST]:
    """The children one level down; a chain such as a + b - c is one level, however long."""
    if isinstance(node, ast.BinOp):
        return list(chain(node))
    return [child for child in ast.iter_child_nodes(node) if type(child) not in MARKS]


def chain(node: ast.BinOp) -> list[ast.expr]:
    """The operands of a left-leaning arithmetic chain, from left to right."""
    rights: list[ast.expr] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp):
        rights.append(left.right)
        left = left.left
    return [left, *reversed(rights)]


def operands(node: ast.expr) -> int:
    """How many operands the chain has that starts at this node."""
    if isinstance(node, ast.BinOp):
        return len(chain(node))
    if isinstance(node, ast.BoolOp):
        return len(node.values)
    if isinstance(node, ast.Compare):
        return 1 + len(node.comparators)
    if isinstance(node, ast.Call):
        return len(node.args) + len(node.keywords)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return len(node.elts)
    return 1
