"""Indicators that weigh prices with volume."""

from formulas.engine.builders import Bound, Nodes, bars_of
from formulas.engine.catalogue.oscillators import change
from formulas.engine.functions import TYPICAL, Function, length_of
from formulas.engine.graph import Graph


def on_balance(graph: Graph, bound: Bound) -> Nodes:
    """The volume of rising bars less that of falling ones, from the second bar on."""
    moves = change(graph, Bound((graph.column("close"),), (1,)))
    return (graph.apply("cumulate", (graph.apply("signed_volume", (*moves, graph.column("volume"))),)),)


def money_flow(graph: Graph) -> int:
    """The bar's volume, signed by where it closed."""
    return graph.apply("money_flow", bars_of(graph, "high", "low", "close", "volume"))


def accumulation(graph: Graph, bound: Bound) -> Nodes:
    """The sum of all money flows."""
    return (graph.apply("cumulate", (money_flow(graph),)),)


def chaikin(graph: Graph, bound: Bound) -> Nodes:
    """The money flow of the window as a share of its volume."""
    flow = graph.apply("sma", (money_flow(graph),), bound.lengths)
    return (graph.apply("divide", (flow, graph.apply("sma", (graph.column("volume"),), bound.lengths))),)


def money_flow_index(graph: Graph, bound: Bound) -> Nodes:
    """The relative strength of money that flowed in."""
    inputs = (*change(graph, Bound(bound.series, (1,))), *bound.series, graph.column("volume"))
    flows = [graph.apply("sma", (graph.apply(op, inputs),), bound.lengths) for op in ("inflow", "outflow")]
    return (graph.apply("money_flow_index", tuple(flows)),)


def traded_price(graph: Graph, bound: Bound) -> Nodes:
    """The day's mean price, weighted with volume."""
    return (graph.apply("vwap", (graph.column("time"), *bound.series, graph.column("volume"))),)


FLOWS = (
    Function("obv", (), on_balance, "sum of the volume, signed by `change(close)`; 0 before the second bar", "1"),
    Function(
        "accdist",
        (),
        accumulation,
        "sum of `((close - low) - (high - close)) / (high - low) * volume`; a bar without range adds 0",
        "0",
    ),
    Function(
        "cmf",
        (length_of(20.0),),
        chaikin,
        "what a bar adds to `accdist`, summed over the window, over the window's volume",
        "length - 1",
    ),
    Function(
        "mfi",
        (TYPICAL, length_of(14.0)),
        money_flow_index,
        "`100 - 100 / (1 + in / out)`, the sums of `x * volume` on bars where x rose and fell; 100 when out is 0",
        "length",
    ),
    Function(
        "vwap",
        (TYPICAL,),
        traded_price,
        "sum of `x * volume` over the sum of `volume` since midnight UTC",
        "0",
        source="Pine v6, with the day in UTC",
    ),
)
