"""What the table of the language's functions is made of: arguments, functions, and short ways to write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from formulas.engine.builders import Build, folded, one_step

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
    that are known from the beginning; empty when it depends on the data. `more` lets the last series
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
TYPICAL = Argument("source", "series", "hlc3")
HIGH = Argument("high", "series", "high")
LOW = Argument("low", "series", "low")
A = Argument("a", "series")
B = Argument("b", "series")
X = Argument("x", "series")
CONDITION = Argument("condition", "series")


def length_of(default: float | None = None, name: str = "length") -> Argument:
    """A whole number of bars."""
    return Argument(name, "length", default)


def price(name: str, build: Build, definition: str, source: str = PINE, first_bar: str = "0") -> Function:
    """A source: it is read by its bare name."""
    return Function(name, (), build, definition, first_bar, source=source, is_indicator=False)


def windowed(name: str, definition: str, source: Argument = SOURCE, build: Build | None = None) -> Function:
    """A function of one source over a window."""
    return Function(name, (source, length_of()), build or one_step(name), definition, "length - 1")


def calculation(name: str, definition: str, *arguments: Argument, more: bool = False) -> Function:
    """A function of one bar's values."""
    build = folded(name) if more else one_step(name)
    return Function(name, arguments or (X,), build, definition, "0", is_indicator=False, more=more)
