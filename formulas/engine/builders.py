"""How each function of the language is built from operations; a function of several parts is written here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from formulas.engine.graph import Graph


@dataclass(frozen=True, slots=True)
class Bound:
    """The arguments of one call, by kind, in the order of the function's arguments."""

    series: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()


Build = Callable[[Graph, Bound], tuple[int, ...]]


def one_step(op: str) -> Build:
    """The function is one operation, under one name."""
    return lambda graph, bound: (graph.apply(op, bound.series, bound.lengths),)


def folded(op: str) -> Build:
    """The operation over the first two arguments, then with each further one."""

    def build(graph: Graph, bound: Bound) -> tuple[int, ...]:
        result = bound.series[0]
        for node in bound.series[1:]:
            result = graph.apply(op, (result, node))
        return (result,)

    return build


def mean_of(*columns: str) -> Build:
    """The plain mean of some columns of the bar."""

    def build(graph: Graph, bound: Bound) -> tuple[int, ...]:
        total = graph.column(columns[0])
        for name in columns[1:]:
            total = graph.apply("add", (total, graph.column(name)))
        return (graph.apply("divide", (total, graph.constant(float(len(columns))))),)

    return build


def column(name: str) -> Build:
    """A column of the bar itself."""
    return lambda graph, bound: (graph.column(name),)


def true_range(graph: Graph, bound: Bound) -> tuple[int, ...]:
    """The bar's true range."""
    return (graph.apply("tr", (graph.column("high"), graph.column("low"), graph.column("close")), text="tr"),)


def average_true_range(graph: Graph, bound: Bound) -> tuple[int, ...]:
    """The true range, averaged as Wilder did."""
    return (graph.apply("rma", true_range(graph, bound), bound.lengths),)


def change(graph: Graph, bound: Bound) -> tuple[int, ...]:
    """The value less the value `length` bars ago."""
    return (graph.apply("subtract", (bound.series[0], graph.apply("lag", bound.series, bound.lengths))),)


def rate_of_change(graph: Graph, bound: Bound) -> tuple[int, ...]:
    """The change in percent of the old value; Pine multiplies before it divides."""
    hundredfold = graph.apply("multiply", (graph.constant(100.0), *change(graph, bound)))
    return (graph.apply("divide", (hundredfold, graph.apply("lag", bound.series, bound.lengths))),)


def bollinger(graph: Graph, bound: Bound) -> tuple[int, ...]:
    """Upper band, mean and lower band."""
    middle = graph.apply("sma", bound.series, bound.lengths)
    deviation = graph.apply("stdev", bound.series, bound.lengths)
    reach = graph.apply("multiply", (deviation, graph.constant(bound.numbers[0])))
    return graph.apply("add", (middle, reach)), middle, graph.apply("subtract", (middle, reach))


def macd(graph: Graph, bound: Bound) -> tuple[int, ...]:
    """The difference of two averages, its own average, and the difference of these."""
    fast, slow, smooth = bound.lengths
    averages = graph.apply("ema", bound.series, (fast,)), graph.apply("ema", bound.series, (slow,))
    line = graph.apply("subtract", averages)
    signal = graph.apply("ema", (line,), (smooth,))
    return line, signal, graph.apply("subtract", (line, signal))


def stochastic(graph: Graph, bound: Bound) -> tuple[int, ...]:
    """Where the value lies in the range of the window, in percent; Pine multiplies before it divides."""
    value, high, low = bound.series
    bottom = graph.apply("lowest", (low,), bound.lengths)
    span = graph.apply("subtract", (graph.apply("highest", (high,), bound.lengths), bottom))
    above = graph.apply("multiply", (graph.constant(100.0), graph.apply("subtract", (value, bottom))))
    return (graph.apply("divide", (above, span)),)
