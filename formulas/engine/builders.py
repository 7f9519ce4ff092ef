"""How a function of the language is built from operations, and the parts that several functions share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from formulas.engine.graph import Graph

Nodes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """The arguments of one call, by kind, in the order of the function's arguments."""

    series: Nodes = ()
    lengths: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()


Build = Callable[[Graph, Bound], Nodes]


def one_step(op: str) -> Build:
    """The function is one operation, under one name."""
    return lambda graph, bound: (graph.apply(op, bound.series, bound.lengths),)


def folded(op: str) -> Build:
    """The operation over the first two arguments, then with each further one."""

    def build(graph: Graph, bound: Bound) -> Nodes:
        result = bound.series[0]
        for node in bound.series[1:]:
            result = graph.apply(op, (result, node))
        return (result,)

    return build


def mean_of(*columns: str) -> Build:
    """The plain mean of some columns of the bar."""

    def build(graph: Graph, bound: Bound) -> Nodes:
        total = graph.column(columns[0])
        for name in columns[1:]:
            total = graph.apply("add", (total, graph.column(name)))
        return (graph.apply("divide", (total, graph.constant(float(len(columns))))),)

    return build


def column(name: str) -> Build:
    """A column of the bar itself."""
    return lambda graph, bound: (graph.column(name),)


def bars_of(graph: Graph, *names: str) -> Nodes:
    """Several columns of the bar."""
    return tuple(graph.column(name) for name in names)


def true_range(graph: Graph, bound: Bound) -> Nodes:
    """The bar's true range."""
    return (graph.apply("tr", bars_of(graph, "high", "low", "close"), text="tr"),)


def average_true_range(graph: Graph, bound: Bound) -> Nodes:
    """The true range, averaged as Wilder did."""
    return (graph.apply("rma", true_range(graph, bound), bound.lengths),)
