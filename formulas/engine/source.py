"""From raw text to a syntax tree: everything refused here is refused before any of it is understood."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from formulas.engine.foreign import unreadable
from formulas.engine.limits import MAX_BRACKETS, MAX_SOURCE_BYTES, MAX_WORDS, check_shape
from formulas.engine.problems import FormulaError, Problem

Tree = TypeVar("Tree", ast.Module, ast.Expression)

NOT_PLAIN = re.compile(r"[^ -~\n\t]")
BRACKETS = re.compile(r"[(\[{}\])]|#[^\n]*")
WORDS = re.compile(r"#[^\n]*|\w+|[^\w\s]")


@lru_cache(maxsize=64)
def parse_program(source: str) -> ast.Module:
    """The syntax tree of a whole formula, which nobody changes. Raises FormulaError."""
    text = _checked(source)
    tree = _guarded(text, lambda: ast.parse(text, "<formula>", "exec"))
    check_shape(tree)
    return tree


def parse_expression(source: str) -> ast.expr:
    """The syntax tree of one expression. Raises FormulaError."""
    text = _checked(source).strip()
    tree = _guarded(text, lambda: ast.parse(text, "<formula>", "eval"))
    check_shape(tree)
    return tree.body


def _checked(source: str) -> str:
    """The source with plain line ends, or the first reason in its raw characters to refuse it."""
    if len(source) > MAX_SOURCE_BYTES:
        message = f"a formula has at most {MAX_SOURCE_BYTES} characters; this one has {len(source)}"
        raise _refusal(source, MAX_SOURCE_BYTES, message, "shorten it")
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    if strange := NOT_PLAIN.search(text):
        message = f"the character U+{ord(strange.group()):04X} is not allowed: formulas are plain ASCII text"
        raise _refusal(text, strange.start(), message, "type it again on a plain keyboard, without symbols")
    words = len(WORDS.findall(text))
    if words > MAX_WORDS:
        message = f"a formula has at most {MAX_WORDS} words, numbers and signs; this one has {words}"
        raise FormulaError((Problem(1, 1, message, "shorten it"),))
    _check_brackets(text)
    return text


def _check_brackets(text: str) -> None:
    """Python's own parser needs memory for each open bracket, so count them first."""
    depth = 0
    for found in BRACKETS.finditer(text):
        bracket = found.group()
        if bracket in "([{":
            depth += 1
            if depth > MAX_BRACKETS:
                message = f"more than {MAX_BRACKETS} brackets are open here"
                raise _refusal(text, found.start(), message, "give parts of it a name on lines of their own")
        elif bracket in ")]}":
            depth -= 1


def _refusal(text: str, position: int, message: str, hint: str) -> FormulaError:
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    return FormulaError((Problem(line, column, message, hint),))


def _guarded(text: str, parse: Callable[[], Tree]) -> Tree:
    try:
        return parse()
    except SyntaxError as error:
        raise FormulaError((_syntax_problem(text, error),)) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        problem = Problem(1, 1, "this formula could not be read", "make it shorter and simpler")
        raise FormulaError((problem,)) from None


def _syntax_problem(text: str, error: SyntaxError) -> Problem:
    lines = text.split("\n")
    line = min(max(error.lineno or 1, 1), len(lines))
    column = min(max(error.offset or 1, 1), len(lines[line - 1]) + 1)
    return Problem(line, column, *unreadable(lines[line - 1], error.msg or "invalid syntax"))
