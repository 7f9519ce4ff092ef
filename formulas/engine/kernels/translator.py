"""Turns functions that are written in the small Python of steps into functions of an LLVM module.

The code has no flag that would let a compiler reorder, contract or approximate arithmetic: each operation is
the one that Python does, so the results have the same bits.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from llvmlite import ir

from formulas.engine.kernels.expressions import Expressions
from formulas.engine.kernels.values import ELEMENTS, INT, NOTHING, NotTranslatable, as_kind, kind_of

Step = Callable[..., Any]


class Translator:
    """Keeps one function of the module for each Python function that was asked for."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module
        self._known: dict[Step, ir.Function] = {}

    def is_given_by(self, function: Step, code: ir.Function) -> None:
        """Let calls of a Python function go to one that was made by other means."""
        self._known[function] = code

    def function_of(self, function: Step, is_entry: bool = False) -> ir.Function:
        """The function of the module that does the same. Raises NotTranslatable."""
        if function not in self._known:
            source = inspect.getsource(function)
            self._known[function] = self.translate(source, function.__globals__, is_entry)
        return self._known[function]

    def translate(self, source: str, names: Mapping[str, Any], is_entry: bool = False) -> ir.Function:
        """The function of the module for the text of one, with the values of the names that it uses."""
        (tree,) = ast.parse(source).body
        if not isinstance(tree, ast.FunctionDef):
            raise NotTranslatable(tree, "only functions are translated")
        code = declared(self.module, tree, is_entry)
        Statements(code, tree, names, self).write()
        return code


def declared(module: ir.Module, tree: ast.FunctionDef, is_entry: bool) -> ir.Function:
    """A function without a body, of the kinds that the annotations name; no two of its rows overlap."""
    kinds = [kind_of(argument.annotation, argument) for argument in tree.args.args]
    # What stays inside has names that no library's function has.
    name = tree.name if is_entry else module.get_unique_name(f"_{tree.name}")
    code = ir.Function(module, ir.FunctionType(kind_of(tree.returns, tree), kinds), name)
    code.attributes.add("nounwind")
    if not is_entry:
        code.linkage = "internal"
        code.attributes.add("alwaysinline")
    for argument in code.args:
        if argument.type in ELEMENTS:
            argument.add_attribute("noalias")
    return code


def declared_like(module: ir.Module, function: Step) -> ir.Function:
    """A function without a body that takes and gives what the Python function does."""
    (tree,) = ast.parse(inspect.getsource(function)).body
    if not isinstance(tree, ast.FunctionDef):
        raise NotTranslatable(tree, "only functions are declared")
    return declared(module, tree, is_entry=False)


class Statements:
    """Writes the body of one function."""

    def __init__(self, code: ir.Function, tree: ast.FunctionDef, names: Mapping[str, Any], known: Translator) -> None:
        self._code = code
        self._tree = tree
        self._build = ir.IRBuilder(code.append_basic_block())
        self._expressions = Expressions(self._build, names, known.function_of)

    def write(self) -> None:
        """Translate the whole function."""
        for argument, given in zip(self._tree.args.args, self._code.args, strict=True):
            self._build.store(given, self._variable(argument.arg, given.type))
        self._all(self._tree.body)
        if not self._build.block.is_terminated:
            if self._code.function_type.return_type == NOTHING:
                self._build.ret_void()
            else:
                self._build.unreachable()

    def _all(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if self._build.block.is_terminated:
                raise NotTranslatable(statement, "this is never reached")
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                return
            case ast.Expr(value=ast.Call()):
                self._expressions.value(node.value)
            case ast.Assign(targets=[target]):
                self._assign(target, node.value)
            case ast.AugAssign():
                changed = ast.BinOp(node.target, node.op, node.value)
                self._assign(node.target, ast.copy_location(changed, node))
            case ast.If():
                self._branch(node)
            case ast.While():
                self._while(node)
            case ast.For():
                self._for(node)
            case ast.Return():
                self._return(node)
            case _:
                raise NotTranslatable(node, "not part of the small Python of steps")

    def _assign(self, target: ast.expr, source: ast.expr) -> None:
        value = self._expressions.value(source)
        if isinstance(target, ast.Subscript):
            address, kind = self._expressions.place(target)
        elif isinstance(target, ast.Name):
            address = self._variable(target.id, value.kind)
            kind = self._expressions.variables[target.id][0]
        else:
            raise NotTranslatable(target, "values are given to names and elements only")
        self._build.store(as_kind(self._build, value, kind, target).code, address)

    def _variable(self, name: str, kind: ir.Type) -> ir.Value:
        known = self._expressions.variables
        if name not in known:
            with self._build.goto_entry_block():
                known[name] = (kind, self._build.alloca(kind))
        return known[name][1]

    def _branch(self, node: ast.If) -> None:
        condition = self._expressions.number(node.test, ir.IntType(1))
        yes, no, end = (self._build.append_basic_block() for _ in range(3))
        self._build.cbranch(condition, yes, no)
        open_ends = [self._inside(yes, node.body, end), self._inside(no, node.orelse, end)]
        self._build.position_at_end(end)
        if not any(open_ends):
            self._build.unreachable()

    def _inside(self, block: ir.Block, statements: list[ast.stmt], then: ir.Block) -> bool:
        """Write a block that goes on to another; whether it ever gets there."""
        self._build.position_at_end(block)
        self._all(statements)
        goes_on = not self._build.block.is_terminated
        if goes_on:
            self._build.branch(then)
        return goes_on

    def _while(self, node: ast.While) -> None:
        test, body, end = (self._build.append_basic_block() for _ in range(3))
        self._build.branch(test)
        self._build.position_at_end(test)
        self._build.cbranch(self._expressions.number(node.test, ir.IntType(1)), body, end)
        self._inside(body, node.body, test)
        self._build.position_at_end(end)

    def _for(self, node: ast.For) -> None:
        """`for NAME in range(…)`, with a step that is a plain number."""
        first, stop, step = self._range(node)
        with self._build.goto_entry_block():
            counter = self._build.alloca(INT)
        self._build.store(first, counter)
        test, body, end = (self._build.append_basic_block() for _ in range(3))
        self._build.branch(test)
        self._build.position_at_end(test)
        at = self._build.load(counter)
        self._build.cbranch(self._build.icmp_signed("<" if step > 0 else ">", at, stop), body, end)
        self._build.position_at_end(body)
        name = node.target.id if isinstance(node.target, ast.Name) else ""
        self._build.store(at, self._variable(name, INT))
        self._build.store(self._build.add(at, ir.Constant(INT, step)), counter)
        self._inside(body, node.body, test)
        self._build.position_at_end(end)

    def _range(self, node: ast.For) -> tuple[ir.Value, ir.Value, int]:
        match node.iter:
            case ast.Call(func=ast.Name(id="range"), args=arguments) if 1 <= len(arguments) <= 3:
                step = ast.literal_eval(arguments[2]) if len(arguments) == 3 else 1
                bounds = [self._expressions.number(bound, INT) for bound in arguments[:2]]
                first, stop = bounds if len(bounds) == 2 else (ir.Constant(INT, 0), bounds[0])
                return first, stop, int(step)
        raise NotTranslatable(node, "a loop goes over a range")

    def _return(self, node: ast.Return) -> None:
        if node.value is None:
            self._build.ret_void()
            return
        self._build.ret(self._expressions.number(node.value, self._code.function_type.return_type))
