"""Moving averages and the line through a window."""

import math

from formulas.engine.builders import Bound, Nodes, one_step
from formulas.engine.functions import SOURCE, Argument, Function, length_of, windowed
from formulas.engine.graph import Graph


def hull(graph: Graph, bound: Bound) -> Nodes:
    """Twice the wma of half the length less that of the whole, smoothed over its root."""
    length = bound.lengths[0]
    half = graph.apply("wma", bound.series, (max(length // 2, 1),))
    doubled = graph.apply("multiply", (graph.constant(2.0), half))
    raw = graph.apply("subtract", (doubled, graph.apply("wma", bound.series, bound.lengths)))
    return (graph.apply("wma", (raw,), (math.isqrt(length),)),)


def volume_weighted(graph: Graph, bound: Bound) -> Nodes:
    """The mean of value times volume over the mean of the volume."""
    volume = graph.column("volume")
    product = graph.apply("multiply", (*bound.series, volume))
    means = (graph.apply("sma", (product,), bound.lengths), graph.apply("sma", (volume,), bound.lengths))
    return (graph.apply("divide", means),)


def double_exponential(graph: Graph, bound: Bound) -> Nodes:
    """Twice the average less its own average."""
    once, twice = repeated(graph, bound, 2)
    doubled = graph.apply("multiply", (graph.constant(2.0), once))
    return (graph.apply("subtract", (doubled, twice)),)


def triple_exponential(graph: Graph, bound: Bound) -> Nodes:
    """Three times the distance of the first two averages, plus the third."""
    once, twice, thrice = repeated(graph, bound, 3)
    distance = graph.apply("subtract", (once, twice))
    return (graph.apply("add", (graph.apply("multiply", (graph.constant(3.0), distance)), thrice)),)


def repeated(graph: Graph, bound: Bound, times: int) -> list[int]:
    """The ema, the ema of that, and so on."""
    averages: list[int] = []
    source = bound.series
    for _ in range(times):
        averages.append(graph.apply("ema", source, bound.lengths))
        source = (averages[-1],)
    return averages


AVERAGES = (
    windowed("sma", "mean of the last `length` values; na values are skipped"),
    windowed("ema", "`v + 2 / (length + 1) * (x - v)`, begun with the sma; na values are skipped"),
    windowed("rma", "`(v * (length - 1) + x) / length`, begun with the sma; na values are skipped"),
    windowed("wma", "mean with weights 1 (oldest) to `length` (newest); an na repeats the value before it"),
    Function(
        "hma",
        (SOURCE, length_of()),
        hull,
        "`wma(2 * wma(x, floor(length / 2)) - wma(x, length), floor(sqrt(length)))`",
        "length + floor(sqrt(length)) - 2",
    ),
    windowed("vwma", "`sma(x * volume, length) / sma(volume, length)`", build=volume_weighted),
    Function(
        "dema",
        (SOURCE, length_of()),
        double_exponential,
        "`2 * e1 - e2`, where e1 is the ema and e2 the ema of e1",
        "2 * length - 2",
    ),
    Function(
        "tema",
        (SOURCE, length_of()),
        triple_exponential,
        "`3 * (e1 - e2) + e3`, where each is the ema of the one before",
        "3 * length - 3",
    ),
    Function(
        "linreg",
        (SOURCE, length_of(), Argument("offset", "offset", 0.0)),
        one_step("linreg"),
        "end of the least-squares line through the last `length` values, or `offset` bars before it",
        "length - 1",
    ),
    windowed("stdev", "square root of the mean square distance from the mean (divides by `length`)"),
)
