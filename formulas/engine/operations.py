"""What a node of a program can do: each operation's step, its state, and how many bars it waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from formulas.engine.steps import arithmetic, averages, events, flows, logic, prices, trends, windows

Lengths = tuple[int, ...]
Step = Callable[..., float]


def _nothing(lengths: Lengths) -> int:
    return 0


def _one_bar(lengths: Lengths) -> int:
    return 1


def _rest_of_window(lengths: Lengths) -> int:
    return lengths[0] - 1


def _whole_length(lengths: Lengths) -> int:
    return lengths[0]


def _doubles(fixed: int, for_each: int = 0) -> Callable[[Lengths], int]:
    return lambda lengths: fixed + for_each * (lengths[0] if lengths else 0)


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of node.

    `step` is called as `step(state, *lengths, *inputs)`, or `step(*inputs)` when `state` says 0 doubles.
    `wait` is how many bars after its inputs' first values it gives its own. `is_condition` marks results that
    are 1.0, 0.0 or NaN for unknown. `symbol` is the infix spelling, `tightness` its binding strength.
    """

    name: str
    step: Step
    state: Callable[[Lengths], int] = _nothing
    wait: Callable[[Lengths], int] = _nothing
    is_condition: bool = False
    symbol: str = ""
    tightness: int = 100


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("add", arithmetic.add, symbol="+", tightness=60),
        Operation("subtract", arithmetic.subtract, symbol="-", tightness=60),
        Operation("multiply", arithmetic.multiply, symbol="*", tightness=70),
        Operation("divide", arithmetic.divide, symbol="/", tightness=70),
        Operation("modulo", arithmetic.modulo, symbol="%", tightness=70),
        Operation("negate", arithmetic.negate, symbol="-", tightness=80),
        Operation("min", arithmetic.smaller),
        Operation("max", arithmetic.larger),
        Operation("abs", arithmetic.absolute),
        Operation("sqrt", arithmetic.square_root),
        Operation("log", arithmetic.logarithm),
        Operation("exp", arithmetic.exponential),
        Operation("sign", arithmetic.sign),
        Operation("round", arithmetic.round_half_away),
        Operation("floor", arithmetic.floor),
        Operation("nz", arithmetic.replace_na),
        Operation("less", logic.less, is_condition=True, symbol="<", tightness=50),
        Operation("less_or_equal", logic.less_or_equal, is_condition=True, symbol="<=", tightness=50),
        Operation("greater", logic.greater, is_condition=True, symbol=">", tightness=50),
        Operation("greater_or_equal", logic.greater_or_equal, is_condition=True, symbol=">=", tightness=50),
        Operation("equal", logic.equal, is_condition=True, symbol="==", tightness=50),
        Operation("different", logic.different, is_condition=True, symbol="!=", tightness=50),
        Operation("not", logic.negation, is_condition=True, symbol="not ", tightness=40),
        Operation("and", logic.both, is_condition=True, symbol="and", tightness=30),
        Operation("or", logic.either, is_condition=True, symbol="or", tightness=20),
        Operation("choose", logic.choose, tightness=10),
        Operation("truth", logic.truth, is_condition=True),
        Operation("na", logic.is_na, is_condition=True),
        Operation("tf", windows.hold, lambda lengths: 2),
        Operation("lag", windows.lag, _doubles(2, 1), _whole_length, tightness=90),
        Operation("sma", averages.sma, _doubles(4, 2), _rest_of_window),
        Operation("ema", averages.ema, _doubles(3), _rest_of_window),
        Operation("rma", averages.rma, _doubles(3), _rest_of_window),
        Operation("wma", averages.wma, _doubles(7, 2), _rest_of_window),
        Operation("stdev", averages.stdev, _doubles(4, 3), _rest_of_window),
        Operation("highest", windows.highest, _doubles(3, 2), _rest_of_window),
        Operation("lowest", windows.lowest, _doubles(3, 2), _rest_of_window),
        Operation("count", windows.count, _doubles(3, 1), _rest_of_window),
        Operation("rsi", prices.rsi, _doubles(4), _whole_length),
        Operation("tr", prices.true_range, _doubles(2)),
        Operation("tr_after_close", prices.true_range_after_close, _doubles(2), _one_bar),
        Operation("rise", prices.rise),
        Operation("fall", prices.fall),
        Operation("highestbars", windows.highestbars, _doubles(3, 2), _rest_of_window),
        Operation("lowestbars", windows.lowestbars, _doubles(3, 2), _rest_of_window),
        Operation("cci", windows.cci, _doubles(2, 1), _rest_of_window),
        Operation("linreg", trends.linreg, _doubles(2, 1), _rest_of_window),
        Operation("own_move", trends.own_move),
        Operation("imbalance", trends.imbalance),
        Operation("band_below", trends.band_below, _doubles(3)),
        Operation("band_above", trends.band_above, _doubles(3)),
        Operation("trend_side", trends.trend_side, _doubles(3)),
        Operation("sar", trends.sar, _doubles(10), _one_bar),
        Operation("cumulate", flows.cumulate, _doubles(1)),
        Operation("signed_volume", flows.signed_volume),
        Operation("money_flow", flows.money_flow),
        Operation("inflow", flows.inflow),
        Operation("outflow", flows.outflow),
        Operation("money_flow_index", flows.money_flow_index),
        Operation("vwap", flows.vwap, _doubles(4)),
        Operation("crossover", events.crossover, _doubles(1), _one_bar, is_condition=True),
        Operation("crossunder", events.crossunder, _doubles(1), _one_bar, is_condition=True),
        Operation("cross", events.cross, _doubles(2), _one_bar, is_condition=True),
        Operation("rising", events.rising, _doubles(3), _whole_length, is_condition=True),
        Operation("falling", events.falling, _doubles(3), _whole_length, is_condition=True),
        Operation("barssince", events.barssince, _doubles(2)),
        Operation("valuewhen", events.valuewhen, _doubles(3, 1)),
    )
}
