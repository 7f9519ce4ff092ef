"""Crossings, extremes, and how long ago something was."""

from formulas.engine.builders import one_step
from formulas.engine.functions import CONDITION, SOURCE, A, Argument, B, Function, X, length_of, windowed

TOPS = Argument("source", "series", "high")
BOTTOMS = Argument("source", "series", "low")

EVENTS = (
    Function(
        "crossover",
        (A, B),
        one_step("crossover"),
        "a > b now, a <= b at the last bar both were known; closer than 1e-10 of the larger is equal",
        "1",
    ),
    Function("crossunder", (A, B), one_step("crossunder"), "crossover(b, a)", "1"),
    Function("cross", (A, B), one_step("cross"), "a and b changed sides since they last differed", "1"),
    windowed("highest", "largest of the last `length` values; an na empties the window", TOPS),
    windowed("lowest", "smallest of the last `length` values; an na empties the window", BOTTOMS),
    windowed(
        "highestbars",
        "bars back to the largest of the last `length` values, as 0 or below; the earliest of equals",
        TOPS,
    ),
    windowed(
        "lowestbars",
        "bars back to the smallest of the last `length` values, as 0 or below; the earliest of equals",
        BOTTOMS,
    ),
    Function(
        "barssince",
        (CONDITION,),
        one_step("barssince"),
        "bars since the condition was true, 0 on that bar; na before it ever was",
    ),
    Function(
        "valuewhen",
        (CONDITION, X, Argument("occurrence", "offset", 0.0)),
        one_step("valuewhen"),
        "x at the latest bar where the condition was true, or `occurrence` such bars before it",
    ),
    Function(
        "count",
        (CONDITION, length_of()),
        one_step("count"),
        "on how many of the last `length` bars the condition was true; unknown bars are skipped",
        "length - 1",
        source="`math.sum` of the condition in Pine v6",
    ),
    Function("rising", (SOURCE, length_of()), one_step("rising"), "`length` steps up in a row", "length"),
    Function("falling", (SOURCE, length_of()), one_step("falling"), "`length` steps down in a row", "length"),
)
