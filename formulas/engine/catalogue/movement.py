"""How far the market moves in a bar, and in which direction."""

from formulas.engine.builders import Bound, Nodes, average_true_range, bars_of, true_range
from formulas.engine.catalogue.oscillators import change
from formulas.engine.functions import Function, length_of
from formulas.engine.graph import Graph

WILDER = "Pine v6, after Wilder 1978"


def normalised_range(graph: Graph, bound: Bound) -> Nodes:
    """The average true range in percent of the close."""
    share = graph.apply("divide", (*average_true_range(graph, bound), graph.column("close")))
    return (graph.apply("multiply", (graph.constant(100.0), share)),)


def directional(graph: Graph, bound: Bound) -> Nodes:
    """The shares of moves upwards and downwards in the true range, and how far they differ."""
    length, smooth = bound.lengths
    up = change(graph, Bound((graph.column("high"),), (1,)))[0]
    down = graph.apply("negate", change(graph, Bound((graph.column("low"),), (1,))))
    ranges = graph.apply("tr_after_close", bars_of(graph, "high", "low", "close"))
    span = graph.apply("rma", (ranges,), (length,))
    plus = _share(graph, graph.apply("own_move", (up, down)), span, length)
    minus = _share(graph, graph.apply("own_move", (down, up)), span, length)
    strength = graph.apply("rma", (graph.apply("imbalance", (plus, minus)),), (smooth,))
    return plus, minus, graph.apply("multiply", (graph.constant(100.0), strength))


def _share(graph: Graph, moves: int, span: int, length: int) -> int:
    hundredfold = graph.apply("multiply", (graph.constant(100.0), graph.apply("rma", (moves,), (length,))))
    return graph.apply("divide", (hundredfold, span))


def directional_strength(graph: Graph, bound: Bound) -> Nodes:
    """The last output of `dmi`, smoothed over its own length."""
    return directional(graph, Bound(lengths=(*bound.lengths, *bound.lengths)))[2:]


MOVEMENT = (
    Function(
        "tr",
        (),
        true_range,
        "largest of high - low, abs(high - close[1]) and abs(low - close[1]); high - low on the first bar",
        "0",
        source="Pine v6, `ta.tr(true)`",
    ),
    Function("atr", (length_of(14.0),), average_true_range, "`rma(tr, length)`", "length - 1", source=WILDER),
    Function(
        "natr", (length_of(14.0),), normalised_range, "`100 * atr(length) / close`", "length - 1", source="TA-Lib"
    ),
    Function(
        "dmi",
        (length_of(14.0), length_of(14.0, "smooth")),
        directional,
        "plus, minus: `100 * rma(move) / rma(tr)` from the second bar on; adx: `100 * rma(abs(plus - minus) / "
        "(plus + minus), smooth)`; na when flat",
        "length, length, length + smooth - 1",
        ("plus", "minus", "adx"),
        source=WILDER,
    ),
    Function(
        "adx", (length_of(14.0),), directional_strength, "adx of `dmi(length, length)`", "2 * length - 1", source=WILDER
    ),
)
