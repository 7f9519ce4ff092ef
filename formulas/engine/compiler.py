"""Compiles a formula: its statements in order, every refusal with its place, and the finished program."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from formulas.engine.arguments import literal
from formulas.engine.assembly import assemble
from formulas.engine.expressions import Expressions
from formulas.engine.graph import Graph
from formulas.engine.limits import (
    MAX_IF_NESTING,
    MAX_NODES,
    MAX_PROBLEMS,
    MAX_STATE_DOUBLES,
    refuse_at,
)
from formulas.engine.names import AlreadyRefused, Names
from formulas.engine.parameters import declare
from formulas.engine.problems import FormulaError, Problem
from formulas.engine.program import NO_NODE, Action, Output, Parameter, Program
from formulas.engine.source import parse_expression, parse_program
from formulas.engine.vocabulary import ACTIONS, PROTECTIONS, SIZED_ACTIONS, left_out

EXAMPLE = "if rsi < 30: buy()"
PLAIN = {"alert": "1", **dict.fromkeys(PROTECTIONS, "pct=2")}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What can be said about a source: its problems, or what it uses and which version it is."""

    valid: bool
    errors: tuple[Problem, ...] = ()
    indicators: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    warmup_bars: int | None = None
    version_hash: str | None = None


def compile_formula(source: str, parameters: Mapping[str, float] | None = None) -> Program:
    """Compile a formula that acts. `parameters` replace the defaults of its params by name.

    Raises FormulaError with every problem that was found, in source order.
    """
    compiler = _compile(source, parameters)
    if all(action.name in PROTECTIONS for action in compiler.actions) and not compiler.problems:
        compiler.problems.append(Problem(1, 1, "this formula never acts", f"add an action, such as: {EXAMPLE}"))
    return compiler.finish(())


def compile_output(source: str, output: str, parameters: Mapping[str, float] | None = None) -> Program:
    """Compile a formula for the value of one of its names; it needs no action. Raises FormulaError."""
    compiler = _compile(source, parameters)
    node = compiler.names.find(output)
    if node is None and not compiler.problems:
        hint = f"write: {output[:32]} = ..." if output.isidentifier() else "give a name that the program assigns"
        compiler.problems.append(Problem(1, 1, "the program has no value of the asked name", hint))
    return compiler.finish((Output(output, node),) if node is not None else ())


def compile_expression(source: str, output: str | None = None) -> Program:
    """Compile one expression; `output` picks one of several outputs by name. Raises FormulaError."""
    compiler = _Compiler({})
    tree = parse_expression(source)
    several = compiler.expressions.outputs(tree) if output is not None else None
    if output is None:
        node = compiler.expressions.compile(tree)
    else:
        names = compiler.expressions.output_names(tree)
        if several is None or output not in names:
            known = ", ".join(names) or "none"
            raise refuse_at(tree, "this expression has no output of that name", f"its outputs: {known}")
        node = several[names.index(output)]
    compiler.check_size(tree)
    return compiler.finish((Output(output or "value", node),))


def check(source: str) -> CheckReport:
    """Whether a formula compiles, and what it uses; never raises."""
    try:
        program = compile_formula(source)
    except FormulaError as error:
        return CheckReport(valid=False, errors=error.errors)
    return CheckReport(
        valid=True,
        indicators=program.indicators,
        parameters=program.parameters,
        warmup_bars=program.warmup_bars,
        version_hash=program.version_hash,
    )


def _compile(source: str, parameters: Mapping[str, float] | None) -> _Compiler:
    compiler = _Compiler(parameters or {})
    compiler.block(parse_program(source).body, None, 0)
    compiler.check_parameters()
    return compiler


class _Compiler:
    """Walks the statements; a refused one is noted and the next is read, so that one run tells them all."""

    def __init__(self, parameters: Mapping[str, float]) -> None:
        self.graph = Graph()
        self.names = Names()
        self.expressions = Expressions(self.graph, self.names)
        self.actions: list[Action] = []
        self.problems: list[Problem] = []
        self._values = parameters

    def block(self, statements: Iterable[ast.stmt], guard: int | None, nesting: int) -> None:
        """Compile statements that hold while the guard is true (None: always)."""
        for statement in statements:
            if len(self.problems) >= MAX_PROBLEMS:
                return
            try:
                self._statement(statement, guard, nesting)
                self.check_size(statement)
            except FormulaError as error:
                self._note(error)
            except AlreadyRefused:
                continue

    def check_size(self, node: ast.AST) -> None:
        """Refuse the place at which the formula has become too costly. Raises FormulaError."""
        if len(self.graph.nodes) > MAX_NODES:
            message = f"the formula makes more than {MAX_NODES} different calculations"
            raise refuse_at(node, message, "shorten it, or split it in two")
        if self.graph.state_doubles > MAX_STATE_DOUBLES:
            message = "the formula remembers more than 1 MB of past values"
            raise refuse_at(node, message, "use shorter lengths, or fewer of the long ones")

    def check_parameters(self) -> None:
        """Note values that were given for params that the formula does not have."""
        if len(self.problems) >= MAX_PROBLEMS:
            return  # not all lines were read
        for name in self._values:
            if name not in self.names.parameters and not self.names.is_taken(name):
                known = ", ".join(self.names.parameters) or "none"
                message = "a value was given for a param that the formula does not have"
                self.problems.append(Problem(1, 1, message, f"its params: {known}"))

    def finish(self, outputs: tuple[Output, ...]) -> Program:
        """The program, or a FormulaError with all problems in source order."""
        if self.problems:
            ordered = sorted(self.problems, key=lambda problem: (problem.line, problem.column))
            raise FormulaError(tuple(ordered[:MAX_PROBLEMS]))
        parameters = tuple(self.names.parameters.values())
        return assemble(self.graph, self.actions, outputs, parameters, tuple(self.expressions.indicators))

    def _note(self, error: FormulaError) -> None:
        self.problems.extend(error.errors)

    def _statement(self, node: ast.stmt, guard: int | None, nesting: int) -> None:
        if type(node) is ast.Assign:
            self._assign(node, nesting)
        elif type(node) is ast.If:
            self._if(node, guard, nesting + 1)
        elif type(node) is ast.Expr:
            self._act(node.value, guard)
        else:
            raise refuse_at(node, *left_out(node))

    def _assign(self, node: ast.Assign, nesting: int) -> None:
        if len(node.targets) != 1:
            raise refuse_at(node, "a line gives a value to one name", "write one assignment to a line")
        target = node.targets[0]
        if isinstance(target, ast.Tuple):
            self._assign_outputs(target, node.value)
        elif not isinstance(target, ast.Name):
            raise refuse_at(target, *left_out(target))
        elif isinstance(node.value, ast.Call) and _called_name(node.value) == "param":
            self._declare(target, node.value, nesting)
        else:
            with self.names.defining(target.id):
                self.names.reserve(target)
                value = self.expressions.compile(node.value)
            self.graph.call_it(value, target.id)
            self.names.give(target.id, value)

    def _assign_outputs(self, target: ast.Tuple, value: ast.expr) -> None:
        names = [element for element in target.elts if isinstance(element, ast.Name)]
        with self.names.defining(*(name.id for name in names)):
            for element in target.elts:
                if not isinstance(element, ast.Name):
                    raise refuse_at(element, *left_out(element))
                self.names.reserve(element)
            outputs = self._several(target, value)
        for name, node in zip(names, outputs, strict=True):
            self.names.give(name.id, node)

    def _several(self, target: ast.Tuple, value: ast.expr) -> tuple[int, ...]:
        names = target.elts
        outputs = self.expressions.outputs(value)
        if outputs is None:
            hint = "write one name, or several for macd or bb: line, signal, hist = macd(12, 26, 9)"
            self.expressions.compile(value)
            raise refuse_at(value, f"this gives one value, not {len(names)}", hint)
        if len(outputs) != len(names):
            wanted = ", ".join(self.expressions.output_names(value))
            raise refuse_at(target, f"this gives {len(outputs)} values: {wanted}", f"write: {wanted} = ...")
        return outputs

    def _declare(self, target: ast.Name, call: ast.Call, nesting: int) -> None:
        with self.names.defining(target.id):
            self.names.reserve(target)
            self.names.parameters[target.id] = self._parameter(target.id, call, nesting)

    def _parameter(self, name: str, call: ast.Call, nesting: int) -> Parameter:
        if nesting:
            raise refuse_at(call, "a param cannot stand inside an if block", "move it to the top of the formula")
        return declare(name, call, self._values.get(name))

    def _if(self, node: ast.If, guard: int | None, nesting: int) -> None:
        if nesting > MAX_IF_NESTING:
            raise refuse_at(node, f"if blocks are nested more than {MAX_IF_NESTING} deep", "join conditions with and")
        condition: int | None = None
        try:
            condition = self.expressions.condition(node.test)
        except FormulaError as error:
            self._note(error)
        except AlreadyRefused:
            pass
        self._branch(node.body, self._both(guard, condition), nesting)
        if not node.orelse:
            return
        otherwise = None if condition is None else self.graph.apply("not", (condition,))
        remaining = self._both(guard, otherwise)
        following = node.orelse[0]
        if isinstance(following, ast.If) and len(node.orelse) == 1 and following.col_offset == node.col_offset:
            self._if(following, remaining, nesting)
        else:
            self._branch(node.orelse, remaining, nesting)

    def _branch(self, statements: list[ast.stmt], guard: int | None, nesting: int) -> None:
        self.names.open_block()
        self.block(statements, guard, nesting)
        self.names.close_block()

    def _both(self, guard: int | None, condition: int | None) -> int | None:
        if guard is None or condition is None:
            return condition if guard is None else guard
        return self.graph.apply("and", (guard, condition))

    def _act(self, node: ast.expr, guard: int | None) -> None:
        name = _called_name(node)
        if not isinstance(node, ast.Call) or name not in ACTIONS:
            if isinstance(node, ast.Name) and node.id in ACTIONS:
                raise refuse_at(node, f"{node.id} needs its brackets", f"write: {node.id}({PLAIN.get(node.id, '')})")
            self.expressions.compile(node)
            raise refuse_at(node, "this line has no effect", f"give its value a name, or use it: {EXAMPLE}")
        always = self.graph.constant(1.0, "True") if guard is None else guard
        if name == "alert":
            self.actions.append(Action(name, always, number=_alert_number(node)))
        elif name in PROTECTIONS:
            level, is_percent = self._level(node, name)
            self.actions.append(Action(name, always, level=level, is_percent=is_percent))
        else:
            self.actions.append(Action(name, always, self._size(node, name)))

    def _level(self, call: ast.Call, name: str) -> tuple[int, bool]:
        """The node of a price or of a distance in percent, and whether it is the latter."""
        keywords = call.keywords
        if len(call.args) == 1 and not keywords:
            return self.expressions.compile(call.args[0]), False
        if call.args or len(keywords) != 1 or keywords[0].arg != "pct":
            hint = f"write: {name}(close * 0.98) or {name}(pct=2)"
            raise refuse_at(call, f"{name} takes one price, or a distance in percent", hint)
        distance = literal(keywords[0].value)
        if distance is not None and distance <= 0.0:
            raise refuse_at(keywords[0], f"the distance of {name} is above 0", f"write: {name}(pct=2)")
        return self.expressions.compile(keywords[0].value), True

    def _size(self, call: ast.Call, name: str) -> int:
        if call.args:
            hint = f"write: {name}(size=0.5)" if name in SIZED_ACTIONS else f"write: {name}()"
            raise refuse_at(call.args[0], f"{name} does not take a plain value", hint)
        size = NO_NODE
        for keyword in call.keywords:
            if keyword.arg != "size" or name not in SIZED_ACTIONS or size != NO_NODE:
                hint = f"write: {name}() or {name}(size=0.5)" if name in SIZED_ACTIONS else f"write: {name}()"
                raise refuse_at(keyword, f"{name} has no such argument", hint)
            size = self.expressions.compile(keyword.value)
        return size


def _called_name(node: ast.expr) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _alert_number(call: ast.Call) -> float:
    number = literal(call.args[0]) if len(call.args) == 1 and not call.keywords else None
    if number is None:
        raise refuse_at(call, "alert takes one number", "write: alert(1)")
    return number
