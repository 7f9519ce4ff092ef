"""Bands around the price and stops that follow it."""

from formulas.engine.builders import Bound, Nodes, average_true_range, bars_of
from formulas.engine.functions import SOURCE, Argument, Function, length_of
from formulas.engine.graph import Graph

MULT = Argument("mult", "number", 2.0)
BANDS = ("upper", "middle", "lower")


def around(graph: Graph, middle: int, reach: int) -> Nodes:
    """The bands above and below a middle."""
    return graph.apply("add", (middle, reach)), middle, graph.apply("subtract", (middle, reach))


def bollinger(graph: Graph, bound: Bound) -> Nodes:
    """Upper band, mean and lower band."""
    middle = graph.apply("sma", bound.series, bound.lengths)
    deviation = graph.apply("stdev", bound.series, bound.lengths)
    return around(graph, middle, graph.apply("multiply", (deviation, graph.constant(bound.numbers[0]))))


def bollinger_width(graph: Graph, bound: Bound) -> Nodes:
    """The distance of the bands in percent of the mean."""
    upper, middle, lower = bollinger(graph, bound)
    share = graph.apply("divide", (graph.apply("subtract", (upper, lower)), middle))
    return (graph.apply("multiply", (share, graph.constant(100.0))),)


def keltner(graph: Graph, bound: Bound) -> Nodes:
    """Bands at a multiple of the average true range."""
    ranges = graph.apply("tr_after_close", bars_of(graph, "high", "low", "close"))
    reach = graph.apply("ema", (ranges,), bound.lengths)
    middle = graph.apply("ema", bound.series, bound.lengths)
    return around(graph, middle, graph.apply("multiply", (reach, graph.constant(bound.numbers[0]))))


def donchian(graph: Graph, bound: Bound) -> Nodes:
    """The extremes of the window and their mean."""
    upper = graph.apply("highest", (graph.column("high"),), bound.lengths)
    lower = graph.apply("lowest", (graph.column("low"),), bound.lengths)
    middle = graph.apply("divide", (graph.apply("add", (upper, lower)), graph.constant(2.0)))
    return upper, middle, lower


def supertrend(graph: Graph, bound: Bound) -> Nodes:
    """The band on the trend's side, and the trend's direction."""
    high, low, close = bars_of(graph, "high", "low", "close")
    middle = graph.apply("divide", (graph.apply("add", (high, low)), graph.constant(2.0)))
    reach = graph.apply("multiply", (graph.constant(bound.numbers[0]), *average_true_range(graph, bound)))
    upper = graph.apply("band_above", (graph.apply("add", (middle, reach)), close))
    lower = graph.apply("band_below", (graph.apply("subtract", (middle, reach)), close))
    direction = graph.apply("trend_side", (close, upper, lower))
    rises = graph.apply("less", (direction, graph.constant(0.0)))
    return graph.apply("choose", (rises, lower, upper)), direction


def stop_and_reverse(graph: Graph, bound: Bound) -> Nodes:
    """Wilder's stop, with its speeds."""
    speeds = tuple(graph.constant(number) for number in bound.numbers)
    return (graph.apply("sar", (*speeds, *bars_of(graph, "high", "low", "close"))),)


CHANNELS = (
    Function(
        "bb",
        (SOURCE, length_of(20.0), MULT),
        bollinger,
        "`sma` plus and minus `mult * stdev`",
        "length - 1",
        BANDS,
    ),
    Function(
        "bbw",
        (SOURCE, length_of(20.0), MULT),
        bollinger_width,
        "`100 * (upper - lower) / middle` of `bb`",
        "length - 1",
    ),
    Function(
        "kc",
        (SOURCE, length_of(20.0), MULT),
        keltner,
        "`ema` plus and minus `mult` times the ema of the true range, which begins with the second bar",
        "length, length - 1, length",
        BANDS,
    ),
    Function(
        "donchian",
        (length_of(20.0),),
        donchian,
        "`highest(high)` and `lowest(low)` of the window, and their mean",
        "length - 1",
        BANDS,
    ),
    Function(
        "supertrend",
        (Argument("factor", "number", 3.0), length_of(10.0)),
        supertrend,
        "`hl2` plus and minus `factor * atr(length)`, each band held until a close passes it; direction -1 is up",
        "length - 1",
        ("line", "direction"),
    ),
    Function(
        "sar",
        (
            Argument("start", "number", 0.02),
            Argument("increment", "number", 0.02),
            Argument("maximum", "number", 0.2),
        ),
        stop_and_reverse,
        "stop that moves towards the extreme of the trend, faster with each new one, and turns when it is touched",
        "1",
        source="Pine v6, after Wilder 1978",
    ),
)
