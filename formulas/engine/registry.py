"""The one table of the language's functions: arguments, outputs, first bar, definition and its source."""

from __future__ import annotations

from formulas.engine.catalogue.averages import AVERAGES
from formulas.engine.catalogue.channels import CHANNELS
from formulas.engine.catalogue.events import EVENTS
from formulas.engine.catalogue.flows import FLOWS
from formulas.engine.catalogue.movement import MOVEMENT
from formulas.engine.catalogue.numbers import NUMBERS
from formulas.engine.catalogue.oscillators import OSCILLATORS
from formulas.engine.catalogue.sources import SOURCES
from formulas.engine.functions import Argument, Function

CALLS: tuple[Function, ...] = (*AVERAGES, *CHANNELS, *OSCILLATORS, *MOVEMENT, *FLOWS, *EVENTS, *NUMBERS)
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


def as_words() -> list[dict[str, str]]:
    """`[{name, signature, definition}]` of everything that may be called or read, for editors."""
    return [
        {"name": function.name, "signature": signature(function), "definition": function.definition.replace("`", "")}
        for function in FUNCTIONS.values()
    ]


def as_markdown() -> str:
    """The table of functions for the language page."""
    lines = ["| function | gives | definition | first bar | after |", "| --- | --- | --- | --- | --- |"]
    for function in FUNCTIONS.values():
        outputs = ", ".join(function.outputs) or "-"
        first = function.first_bar or "depends on the data"
        lines.append(f"| `{signature(function)}` | {outputs} | {function.definition} | {first} | {function.source} |")
    return "\n".join(lines) + "\n"
