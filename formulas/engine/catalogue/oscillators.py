"""Momentum, relative strength, and where a value lies in its range."""

from formulas.engine.builders import Bound, Nodes, one_step
from formulas.engine.functions import HIGH, LOW, SOURCE, TYPICAL, Function, length_of
from formulas.engine.graph import Graph


def change(graph: Graph, bound: Bound) -> Nodes:
    """The value less the value `length` bars ago."""
    return (graph.apply("subtract", (bound.series[0], graph.apply("lag", bound.series, bound.lengths))),)


def rate_of_change(graph: Graph, bound: Bound) -> Nodes:
    """The change in percent of the old value; Pine multiplies before it divides."""
    hundredfold = graph.apply("multiply", (graph.constant(100.0), *change(graph, bound)))
    return (graph.apply("divide", (hundredfold, graph.apply("lag", bound.series, bound.lengths))),)


def chande(graph: Graph, bound: Bound) -> Nodes:
    """Rises less falls, in percent of both."""
    moves = change(graph, Bound(bound.series, (1,)))
    up = graph.apply("sma", (graph.apply("rise", moves),), bound.lengths)
    down = graph.apply("sma", (graph.apply("fall", moves),), bound.lengths)
    hundredfold = graph.apply("multiply", (graph.constant(100.0), graph.apply("subtract", (up, down))))
    return (graph.apply("divide", (hundredfold, graph.apply("add", (up, down)))),)


def macd(graph: Graph, bound: Bound) -> Nodes:
    """The difference of two averages, its own average, and the difference of these."""
    fast, slow, smooth = bound.lengths
    averages = graph.apply("ema", bound.series, (fast,)), graph.apply("ema", bound.series, (slow,))
    line = graph.apply("subtract", averages)
    signal = graph.apply("ema", (line,), (smooth,))
    return line, signal, graph.apply("subtract", (line, signal))


def percentage_oscillator(graph: Graph, bound: Bound) -> Nodes:
    """The difference of two averages in percent of the slow one."""
    fast, slow = bound.lengths
    slow_average = graph.apply("ema", bound.series, (slow,))
    distance = graph.apply("subtract", (graph.apply("ema", bound.series, (fast,)), slow_average))
    hundredfold = graph.apply("multiply", (graph.constant(100.0), distance))
    return (graph.apply("divide", (hundredfold, slow_average)),)


def stochastic(graph: Graph, bound: Bound) -> Nodes:
    """Where the value lies in the range of the window, in percent; Pine multiplies before it divides."""
    value, high, low = bound.series
    length = bound.lengths[:1]
    bottom = graph.apply("lowest", (low,), length)
    span = graph.apply("subtract", (graph.apply("highest", (high,), length), bottom))
    above = graph.apply("multiply", (graph.constant(100.0), graph.apply("subtract", (value, bottom))))
    return (graph.apply("divide", (above, span)),)


def smoothed_stochastic(graph: Graph, bound: Bound) -> Nodes:
    """The mean of the last few stochastics."""
    return (graph.apply("sma", stochastic(graph, bound), bound.lengths[1:]),)


def percent_range(graph: Graph, bound: Bound) -> Nodes:
    """How far the close lies below the top of the window, in percent of its range, from -100 to 0."""
    top = graph.apply("highest", (graph.column("high"),), bound.lengths)
    span = graph.apply("subtract", (top, graph.apply("lowest", (graph.column("low"),), bound.lengths)))
    below = graph.apply("multiply", (graph.constant(100.0), graph.apply("subtract", (graph.column("close"), top))))
    return (graph.apply("divide", (below, span)),)


MACD_LENGTHS = (length_of(12.0, "fast"), length_of(26.0, "slow"))

OSCILLATORS = (
    Function(
        "rsi",
        (SOURCE, length_of(14.0)),
        one_step("rsi"),
        "`100 - 100 / (1 + rise / fall)`, rises and falls averaged by rma; 100 when fall <= 1e-10",
        "length",
        source="Pine v6, after Wilder 1978",
    ),
    Function("change", (SOURCE, length_of(1.0)), change, "`x - x[length]`", "length"),
    Function("mom", (SOURCE, length_of(10.0)), change, "`x - x[length]`", "length"),
    Function("roc", (SOURCE, length_of(9.0)), rate_of_change, "`100 * (x - x[length]) / x[length]`", "length"),
    Function(
        "cmo",
        (SOURCE, length_of(9.0)),
        chande,
        "`100 * (rises - falls) / (rises + falls)`, summed over the window; na when flat",
        "length",
    ),
    Function(
        "macd",
        (SOURCE, *MACD_LENGTHS, length_of(9.0, "smooth")),
        macd,
        "line: ema(fast) - ema(slow); signal: ema(line, smooth); hist: line - signal",
        "max(fast, slow) - 1, max(fast, slow) + smooth - 2, max(fast, slow) + smooth - 2",
        ("line", "signal", "hist"),
    ),
    Function(
        "ppo",
        (SOURCE, *MACD_LENGTHS),
        percentage_oscillator,
        "`100 * (ema(fast) - ema(slow)) / ema(slow)`",
        "max(fast, slow) - 1",
        source="TA-Lib, on averages as above",
    ),
    Function(
        "stoch",
        (SOURCE, HIGH, LOW, length_of(14.0)),
        stochastic,
        "`100 * (x - lowest(low)) / (highest(high) - lowest(low))`, not smoothed; na when flat",
        "length - 1",
    ),
    Function(
        "stoch_d",
        (SOURCE, HIGH, LOW, length_of(14.0), length_of(3.0, "smooth")),
        smoothed_stochastic,
        "`sma(stoch(length), smooth)`",
        "length + smooth - 2",
    ),
    Function(
        "wpr",
        (length_of(14.0),),
        percent_range,
        "`100 * (close - highest(high)) / (highest(high) - lowest(low))`; na when flat",
        "length - 1",
    ),
    Function(
        "cci",
        (TYPICAL, length_of(20.0)),
        one_step("cci"),
        "`(x - sma) / (0.015 * mean distance from the sma)`; na when flat, so always for a length of 1",
        "length - 1",
    ),
)
