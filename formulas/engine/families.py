"""The programs of one formula at many values of its params, most of them put together from a few compiled ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from formulas.engine.assembly import action_nodes
from formulas.engine.compiler import compile_formula
from formulas.engine.limits import MAX_STATE_DOUBLES
from formulas.engine.operations import OPERATIONS
from formulas.engine.program import Node, Program
from formulas.engine.separable import is_separable

Point = Mapping[str, float]


def compiled(source: str, points: Sequence[Point]) -> Iterator[Program]:
    """The program of each point, to be run and not to be shown: texts and hash may be those of another point.

    Raises FormulaError.
    """
    family = _family(source, points)
    for point in points:
        yield (family.member(point) if family else None) or compile_formula(source, point)


def _family(source: str, points: Sequence[Point]) -> Family | None:
    """The points as a family, where that saves compiling most of them."""
    names = list(points[0])
    if any(list(point) != names for point in points):
        return None
    axes = {name: dict.fromkeys(point[name] for point in points) for name in names}
    if 2 * sum(map(len, axes.values())) > len(points):
        return None
    base = compile_formula(source, points[0])
    if not is_separable(source):
        return None
    return Family(base, {name: _variants(source, points[0], name, list(axis)) for name, axis in axes.items()})


def _variants(source: str, base: Point, name: str, values: Sequence[float]) -> dict[float, Program]:
    return {value: compile_formula(source, {**base, name: value}) for value in values}


class Family:
    """Programs that have the same nodes in the same places, but for lengths and numbers that follow from one param.

    `variants` are compiled programs that differ from the base in one param, by its name and value.
    """

    def __init__(self, base: Program, variants: Mapping[str, Mapping[float, Program]]) -> None:
        self._base = base
        self._variants = {
            name: {value: one.nodes for value, one in axis.items() if _shape(one) == _shape(base)}
            for name, axis in variants.items()
        }
        self._param_of: dict[int, str | None] = {}
        for name, axis in self._variants.items():
            for nodes in axis.values():
                for place, (node, own) in enumerate(zip(nodes, base.nodes, strict=True)):
                    if node != own:
                        self._note(place, name)

    def member(self, point: Point) -> Program | None:
        """The program at a point; None where it is not as the others."""
        if None in self._param_of.values() or any(value not in self._variants[name] for name, value in point.items()):
            return None
        nodes = list(self._base.nodes)
        for place, name in self._param_of.items():
            nodes[place] = self._variants[name or ""][point[name or ""]][place]
        firsts, doubles = _first_bars(nodes)
        if doubles > MAX_STATE_DOUBLES:
            return None
        wanted = [node for action in self._base.actions for node in action_nodes(action)]
        warmup = max(firsts[node] for node in wanted)
        return replace(self._base, nodes=tuple(nodes), warmup_bars=warmup, canonical="", version_hash="")

    def _note(self, place: int, name: str) -> None:
        """Remember the param that a node follows from; none if there are two."""
        self._param_of[place] = name if self._param_of.get(place, name) == name else None


def _shape(program: Program) -> tuple[object, ...]:
    nodes = tuple((node.op, node.inputs, len(node.lengths), node.frame) for node in program.nodes)
    return nodes, program.actions


def _first_bars(nodes: Sequence[Node]) -> tuple[list[int], int]:
    """The first bar on which each node may have a value, as Graph counts them, and how much state all have."""
    firsts: list[int] = []
    doubles = 0
    for node in nodes:
        operation = OPERATIONS.get(node.op)
        wait = operation.wait(node.lengths) if operation else 0
        firsts.append(max((firsts[i] for i in node.inputs), default=0) + wait)
        doubles += operation.state(node.lengths) if operation else 0
    return firsts, doubles
