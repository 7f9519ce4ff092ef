"""Everything that is translated, as one module: every step, a loop over each, and the drivers that call them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

from llvmlite import ir

from formulas.engine.kernels import drivers
from formulas.engine.kernels.translator import Step, Translator, declared_like
from formulas.engine.kernels.values import FLAGS, FLOATS, NOTHING, joined
from formulas.engine.operations import OPERATIONS, Operation
from formulas.engine.steps.holding import keep
from formulas.engine.steps.measures import measure

MOST_LENGTHS, MOST_INPUTS = 2, 6
OP, STATE, LENGTHS, INPUTS, OUTPUT, SIZE = 0, 1, 2, 4, 10, 11
KIND_NAMES = {list[int]: "Ints", list[float]: "Floats", int: "int"}


def source_of_all() -> ir.Module:
    """The module in LLVM's intermediate language, not yet optimised."""
    module = ir.Module("formulas")
    translator = Translator(module)
    _give_addresses(translator)
    loops = {operation.name: translator.translate(*_loop(operation)) for operation in OPERATIONS.values()}
    names = {**vars(drivers), **{f"over_{name}": loop for name, loop in loops.items()}}
    translator.is_given_by(drivers.run_rows, translator.translate(_dispatch(), names, is_entry=True))
    across = {
        f"across_{operation.name}": translator.translate(*_across(operation)) for operation in OPERATIONS.values()
    }
    translator.translate(_dispatch_lanes(), {**vars(drivers), **across}, is_entry=True)
    translator.function_of(drivers.true_ones, is_entry=True)
    translator.function_of(drivers.take_bars, is_entry=True)
    translator.function_of(drivers.run, is_entry=True)
    translator.function_of(measure, is_entry=True)
    translator.function_of(keep, is_entry=True)
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


def _across(operation: Operation) -> tuple[str, dict[str, object]]:
    """The text of a function that calls a step for one instrument after the other; see drivers.run_lanes."""
    has_state, lengths, inputs = arity(operation)
    given = [f"n{i}: int" for i in range(lengths)] + [f"x{i}: Floats" for i in range(inputs)]
    state = ["floats_at(s, size * i)"] * has_state
    passed = state + [f"n{i}" for i in range(lengths)] + [f"x{i}[i]" for i in range(inputs)]
    lines = [
        f"def across_{operation.name}(s: Floats, {', '.join(given)}, y: Floats, size: int, first: int, stop: int)"
        " -> None:",
        "    for i in range(first, stop):",
        f"        y[i] = step({', '.join(passed)})",
    ]
    return "\n".join(lines), {**vars(drivers), "step": operation.step}


def _dispatch() -> str:
    """The text of the function that computes one row of a program after the other; see drivers.run_rows."""
    return _dispatched(drivers.run_rows, "over", "", "floats_at(column_of(columns, {}), first)", "bars")


def _dispatch_lanes() -> str:
    """The same for drivers.run_lanes."""
    size = f"rows[row + {SIZE}], first, stop"
    return _dispatched(drivers.run_lanes, "across", "* lanes", "floats_at(values, {} * lanes)", size)


def _dispatched(function: Step, prefix: str, state: str, column: str, rest: str) -> str:
    """The text of a function that calls for each row the loop of its operation on the columns that the row names."""
    kinds = {name: KIND_NAMES[one.annotation] for name, one in inspect.signature(function).parameters.items()}
    lines = [
        f"def {function.__name__}({', '.join(f'{name}: {kind}' for name, kind in kinds.items())}) -> None:",
        "    for k in range(count):",
        f"        row = {drivers.ROW_INTS} * k",
        f"        op = rows[row + {OP}]",
        f"        s = floats_at(state, rows[row + {STATE}] {state})",
        f"        y = {column.format(f'rows[row + {OUTPUT}]')}",
    ]
    for code, operation in enumerate(OPERATIONS.values()):
        _, lengths, inputs = arity(operation)
        passed = [f"rows[row + {LENGTHS + i}]" for i in range(lengths)]
        passed += [column.format(f"rows[row + {INPUTS + i}]") for i in range(inputs)]
        lines += [
            f"        {'el' if code else ''}if op == {code}:",
            f"            {prefix}_{operation.name}(s, {', '.join(passed)}, y, {rest})",
        ]
    return "\n".join(lines)


def _give_addresses(translator: Translator) -> None:
    """The functions that Python cannot express: parts of rows, states of two rows, and rows at an address."""

    def given(function: Step, result: Callable[[ir.IRBuilder, Sequence[ir.Value]], ir.Value | None]) -> None:
        code = declared_like(translator.module, function)
        build = ir.IRBuilder(code.append_basic_block())
        value = result(build, code.args)
        if value is None:
            build.ret_void()
        else:
            build.ret(value)
        translator.is_given_by(function, code)

    given(drivers.floats_at, lambda build, row: build.gep(row[0], [row[1]]))
    given(drivers.ints_at, lambda build, row: build.gep(row[0], [row[1]]))
    given(drivers.state_of, lambda build, rows: joined(build, *rows))
    given(drivers.floats_from, lambda build, at: build.inttoptr(at[0], FLOATS))
    given(drivers.flags_from, lambda build, at: build.inttoptr(at[0], FLAGS))
    given(drivers.fetch, lambda build, row: _fetched(build, build.gep(row[0], [row[1]])))


def _fetched(build: ir.IRBuilder, address: ir.Value) -> None:
    """Ask for the memory at an address to be read soon, and kept at hand."""
    whole = ir.IntType(32)
    kind = ir.FunctionType(NOTHING, [FLOATS, whole, whole, whole])
    how = [ir.Constant(whole, number) for number in (0, 3, 1)]  # to read, kept near, and not a piece of code
    build.call(build.module.declare_intrinsic("llvm.prefetch", (FLOATS,), kind), [address, *how])
