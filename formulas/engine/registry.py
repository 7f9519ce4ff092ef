"""The one table of the language's functions: arguments, outputs, first bar, definition and its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from formulas.engine.builders import (
    Build,
    average_true_range,
    bollinger,
    change,
    column,
    folded,
    macd,
    mean_of,
    one_step,
    rate_of_change,
    stochastic,
    true_range,
)

Kind = Literal["series", "length", "offset", "number"]
PINE = "Pine v6"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a function; `default` is a source's name, a number, or None when it must be given."""

    name: str
    kind: Kind
    default: str | float | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """One function: `build` adds its nodes to a graph and gives one node for each output.

    `first_bar` is a formula over the argument names for the first bar, from 0, with a value, given inputs
    that are known from the first bar on; empty when that depends on the data. `more` lets the last series
    repeat.
    """

    name: str
    arguments: tuple[Argument, ...]
    build: Build
    definition: str
    first_bar: str = ""
    outputs: tuple[str, ...] = ()
    source: str = PINE
    is_indicator: bool = True
    more: bool = False


SOURCE = Argument("source", "series", "close")
A = Argument("a", "series")
B = Argument("b", "series")
X = Argument("x", "series")
CONDITION = Argument("condition", "series")


def _length(default: float | None = None, name: str = "length") -> Argument:
    return Argument(name, "length", default)


def _price(name: str, build: Build, definition: str) -> Function:
    return Function(name, (), build, definition, "0", is_indicator=False)


def _windowed(name: str, definition: str, source: Argument = SOURCE) -> Function:
    return Function(name, (source, _length()), one_step(name), definition, "length - 1")


def _math(name: str, definition: str, *arguments: Argument, more: bool = False) -> Function:
    build = folded(name) if more else one_step(name)
    return Function(name, arguments or (X,), build, definition, "0", is_indicator=False, more=more)


SOURCES: tuple[Function, ...] = (
    _price("open", column("open"), "first price of the bar"),
    _price("high", column("high"), "highest price of the bar"),
    _price("low", column("low"), "lowest price of the bar"),
    _price("close", column("close"), "last price of the bar"),
    _price("volume", column("volume"), "volume of the bar"),
    _price("time", column("time"), "start of the bar in seconds since 1970, UTC"),
    _price("bar_index", column("bar_index"), "number of the bar, from 0"),
    _price("hl2", mean_of("high", "low"), "(high + low) / 2"),
    _price("hlc3", mean_of("high", "low", "close"), "(high + low + close) / 3"),
    _price("ohlc4", mean_of("open", "high", "low", "close"), "(open + high + low + close) / 4"),
)

CALLS: tuple[Function, ...] = (
    _windowed("sma", "mean of the last `length` values; na values are skipped"),
    _windowed("ema", "`v + 2 / (length + 1) * (x - v)`, begun with the sma; na values are skipped"),
    _windowed("rma", "`(v * (length - 1) + x) / length`, begun with the sma; na values are skipped"),
    _windowed("wma", "mean with weights 1 (oldest) to `length` (newest); an na repeats the value before it"),
    _windowed("stdev", "square root of the mean square distance from the mean (divides by `length`)"),
    Function(
        "bb",
        (SOURCE, _length(20.0), Argument("mult", "number", 2.0)),
        bollinger,
        "`sma` plus and minus `mult * stdev`",
        "length - 1",
        ("upper", "middle", "lower"),
    ),
    Function(
        "rsi",
        (SOURCE, _length(14.0)),
        one_step("rsi"),
        "`100 - 100 / (1 + rise / fall)`, rises and falls averaged by rma; 100 when fall <= 1e-10",
        "length",
        source="Pine v6, after Wilder 1978",
    ),
    Function("change", (SOURCE, _length(1.0)), change, "`x - x[length]`", "length"),
    Function("mom", (SOURCE, _length(10.0)), change, "`x - x[length]`", "length"),
    Function("roc", (SOURCE, _length(9.0)), rate_of_change, "`100 * (x - x[length]) / x[length]`", "length"),
    Function(
        "tr",
        (),
        true_range,
        "largest of high - low, abs(high - close[1]) and abs(low - close[1]); high - low on the first bar",
        "0",
        source="Pine v6, `ta.tr(true)`",
    ),
    Function(
        "atr",
        (_length(14.0),),
        average_true_range,
        "`rma(tr, length)`",
        "length - 1",
        source="Pine v6, after Wilder 1978",
    ),
    Function(
        "macd",
        (SOURCE, _length(12.0, "fast"), _length(26.0, "slow"), _length(9.0, "smooth")),
        macd,
        "line: ema(fast) - ema(slow); signal: ema(line, smooth); hist: line - signal",
        "max(fast, slow) - 1, max(fast, slow) + smooth - 2, max(fast, slow) + smooth - 2",
        ("line", "signal", "hist"),
    ),
    Function(
        "stoch",
        (SOURCE, Argument("high", "series", "high"), Argument("low", "series", "low"), _length(14.0)),
        stochastic,
        "`100 * (x - lowest(low)) / (highest(high) - lowest(low))`, not smoothed; na when flat",
        "length - 1",
    ),
    Function(
        "crossover",
        (A, B),
        one_step("crossover"),
        "a > b now, a <= b at the last bar both were known; closer than 1e-10 of the larger is equal",
        "1",
    ),
    Function("crossunder", (A, B), one_step("crossunder"), "crossover(b, a)", "1"),
    Function("cross", (A, B), one_step("cross"), "a and b changed sides since they last differed", "1"),
    _windowed(
        "highest",
        "largest of the last `length` values; an na empties the window",
        Argument("source", "series", "high"),
    ),
    _windowed(
        "lowest",
        "smallest of the last `length` values; an na empties the window",
        Argument("source", "series", "low"),
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
        (CONDITION, _length()),
        one_step("count"),
        "on how many of the last `length` bars the condition was true; unknown bars are skipped",
        "length - 1",
        source="`math.sum` of the condition in Pine v6",
    ),
    Function("rising", (SOURCE, _length()), one_step("rising"), "`length` steps up in a row", "length"),
    Function("falling", (SOURCE, _length()), one_step("falling"), "`length` steps down in a row", "length"),
    _math("min", "smallest; na when one is na", A, B, more=True),
    _math("max", "largest; na when one is na", A, B, more=True),
    _math("abs", "distance from 0"),
    _math("sqrt", "square root; na below 0"),
    _math("log", "natural logarithm; na from 0 down"),
    _math("exp", "e to the power of x; na when too large"),
    _math("sign", "1, 0 or -1"),
    _math("round", "nearest whole number, a half away from 0"),
    _math("floor", "largest whole number not above x"),
    _math("nz", "x, or the replacement where x is na", X, Argument("replacement", "series", 0.0)),
    _math("na", "true where x is na"),
)

FUNCTIONS: dict[str, Function] = {function.name: function for function in (*SOURCES, *CALLS)}
SOURCE_NAMES = frozenset(function.name for function in SOURCES)


def signature(function: Function) -> str:
    """How the function is called, with its defaults: `rsi(source=close, length=14)`."""
    if function.name in SOURCE_NAMES:
        return function.name
    arguments = [_argument_text(argument) for argument in function.arguments]
    return f"{function.name}({', '.join([*arguments, '...'] if function.more else arguments)})"


def _argument_text(argument: Argument) -> str:
    if argument.default is None:
        return argument.name
    default = argument.default if isinstance(argument.default, str) else f"{argument.default:g}"
    return f"{argument.name}={default}"


def as_markdown() -> str:
    """The table of functions for the language page."""
    lines = ["| function | gives | definition | first bar | after |", "| --- | --- | --- | --- | --- |"]
    for function in FUNCTIONS.values():
        outputs = ", ".join(function.outputs) or "-"
        first = function.first_bar or "depends on the data"
        lines.append(f"| `{signature(function)}` | {outputs} | {function.definition} | {first} | {function.source} |")
    return "\n".join(lines) + "\n"
