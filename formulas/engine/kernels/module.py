"""Everything that is translated, as one module: every step, a loop over each, and the drivers that call them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

from llvmlite import ir

from formulas.engine.kernels import drivers
from formulas.engine.kernels.translator import Step, Translator, declared_like
from formulas.engine.kernels.values import FLAGS, FLOATS, joined
from formulas.engine.operations import OPERATIONS, Operation
from formulas.engine.steps.falls import deepest

MOST_LENGTHS, MOST_INPUTS = 2, 6
OP, STATE, LENGTHS, INPUTS, OUTPUT = 0, 1, 2, 4, 10


def source_of_all() -> ir.Module:
    """The module in LLVM's intermediate language, not yet optimised."""
    module = ir.Module("formulas")
    translator = Translator(module)
    _give_addresses(translator)
    loops = {operation.name: translator.translate(*_loop(operation)) for operation in OPERATIONS.values()}
    names = {**vars(drivers), **{f"over_{name}": loop for name, loop in loops.items()}}
    translator.is_given_by(drivers.run_rows, translator.translate(_dispatch(), names, is_entry=True))
    translator.function_of(drivers.run, is_entry=True)
    translator.function_of(deepest, is_entry=True)
    return module


def arity(operation: Operation) -> tuple[bool, int, int]:
    """Whether an operation has a state, and how many lengths and inputs it takes."""
    kinds = [parameter.annotation for parameter in inspect.signature(operation.step).parameters.values()]
    return list[float] in kinds, kinds.count(int), kinds.count(float)


def _loop(operation: Operation) -> tuple[str, dict[str, object]]:
    """The text of a function that calls a step on one bar after the other.

    The numbers at fixed places of a state, those that do not grow with lengths, are kept apart for its time.
    """
    has_state, lengths, inputs = arity(operation)
    fixed = operation.state((0,) * lengths) if has_state else 0
    given = [f"n{i}: int" for i in range(lengths)] + [f"x{i}: Floats" for i in range(inputs)]
    passed = ["state_of(head, s)"] * has_state + [f"n{i}" for i in range(lengths)] + [f"x{i}[i]" for i in range(inputs)]
    lines = [
        f"def over_{operation.name}(s: Floats, {', '.join(given)}, y: Floats, bars: int) -> None:",
        f"    head = room({max(fixed, 1)})",
        *[f"    copy(s, head, {fixed})"] * has_state,
        "    for i in range(bars):",
        f"        y[i] = step({', '.join(passed)})",
        *[f"    copy(head, s, {fixed})"] * has_state,
    ]
    return "\n".join(lines), {**vars(drivers), "step": operation.step}


def _dispatch() -> str:
    """The text of the function that computes one row of a program after the other; see drivers.run_rows."""
    lines = [
        inspect.getsource(drivers.run_rows).splitlines()[0],
        "    for k in range(count):",
        f"        row = {drivers.ROW_INTS} * k",
        f"        op = rows[row + {OP}]",
        f"        s = floats_at(state, rows[row + {STATE}])",
        f"        y = floats_at(values, rows[row + {OUTPUT}] * stride + first)",
    ]
    for code, operation in enumerate(OPERATIONS.values()):
        _, lengths, inputs = arity(operation)
        passed = [f"rows[row + {LENGTHS + i}]" for i in range(lengths)]
        passed += [f"floats_at(values, rows[row + {INPUTS + i}] * stride + first)" for i in range(inputs)]
        lines += [
            f"        {'el' if code else ''}if op == {code}:",
            f"            over_{operation.name}(s, {', '.join(passed)}, y, bars)",
        ]
    return "\n".join(lines)


def _give_addresses(translator: Translator) -> None:
    """The functions that Python cannot express: parts of rows, states of two rows, and rows at an address."""

    def given(function: Step, result: Callable[[ir.IRBuilder, Sequence[ir.Value]], ir.Value]) -> None:
        code = declared_like(translator.module, function)
        build = ir.IRBuilder(code.append_basic_block())
        build.ret(result(build, code.args))
        translator.is_given_by(function, code)

    given(drivers.floats_at, lambda build, row: build.gep(row[0], [row[1]]))
    given(drivers.ints_at, lambda build, row: build.gep(row[0], [row[1]]))
    given(drivers.state_of, lambda build, rows: joined(build, *rows))
    given(drivers.floats_from, lambda build, at: build.inttoptr(at[0], FLOATS))
    given(drivers.flags_from, lambda build, at: build.inttoptr(at[0], FLAGS))
