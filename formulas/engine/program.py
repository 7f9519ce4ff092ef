"""The compiled formula: an immutable list of numeric nodes, its actions, and the hash that names it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from formulas.engine.vocabulary import ACCOUNT, PROTECTIONS

ENGINE_VERSION = "1.0.0"
NO_NODE = -1


class Node(NamedTuple):
    """One number for each bar. `op` is an operation, a bar's column, or "constant" with its `value`.

    `frame` is 0 for the chart's own bars, else the seconds of the higher timeframe whose bars it runs over.
    """

    op: str
    inputs: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()
    value: float = 0.0
    frame: int = 0


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that may be set when the formula is compiled; `value` is the one in force."""

    name: str
    default: float
    value: float
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None

    def as_dict(self) -> dict[str, str | float | None]:
        """The shape that the API and the command line show."""
        return {
            "name": self.name,
            "default": self.default,
            "min": self.minimum,
            "max": self.maximum,
            "step": self.step,
        }


@dataclass(frozen=True, slots=True)
class Action:
    """What to do on a bar whose `guard` node is true.

    `name` is buy, sell, short, cover, close, alert, stop_loss, take_profit or trail. `size` is the node of a
    share of equity, or NO_NODE for all of it. `number` is an alert's number. `level` is the node of a stop's or
    target's price, or of its distance in percent when `is_percent`. `reasons` are the nodes that explain the
    guard, in reading order.
    """

    name: str
    guard: int
    size: int = NO_NODE
    number: float | None = None
    reasons: tuple[int, ...] = ()
    level: int = NO_NODE
    is_percent: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """A named value of a program that was compiled for its values."""

    name: str
    node: int


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled formula. Nodes stand in topological order; `texts` and `conditions` go with them.

    `warmup_bars` is how many bars pass before the first one on which it can act. `canonical` is the same text
    for every spelling of the same calculation; `version_hash` is the SHA-256 of it, the parameters and the
    engine's version, in hexadecimal.
    """

    nodes: tuple[Node, ...]
    texts: tuple[str, ...]
    conditions: tuple[bool, ...]
    actions: tuple[Action, ...]
    outputs: tuple[Output, ...]
    parameters: tuple[Parameter, ...]
    indicators: tuple[str, ...]
    warmup_bars: int
    canonical: str
    version_hash: str

    @property
    def reads_account(self) -> bool:
        """Whether it asks for its position, so that a bar cannot be computed before the account has seen it."""
        return any(node.op in ACCOUNT for node in self.nodes)

    @property
    def protects(self) -> bool:
        """Whether it sets stops or targets, so that an account decides when a position ends inside a bar."""
        return any(action.name in PROTECTIONS for action in self.actions)

    @property
    def needs_account(self) -> bool:
        """Whether what it decides follows from an account as well as from the bars."""
        return self.reads_account or self.protects


def canonical_text(nodes: tuple[Node, ...], actions: tuple[Action, ...], outputs: tuple[Output, ...]) -> str:
    """One line for each node, then for each action and output; floats in hexadecimal, so none is rounded."""
    lines = [_node_line(number, node) for number, node in enumerate(nodes)]
    for action in actions:
        number = "" if action.number is None else action.number.hex()
        size = "" if action.size == NO_NODE else f"@{action.size}"
        level = "" if action.level == NO_NODE else f" level @{action.level}{'%' if action.is_percent else ''}"
        lines.append(f"do {action.name} if @{action.guard} size {size} number {number}{level}")
    lines.extend(f"give {output.name} @{output.node}" for output in outputs)
    return "\n".join(lines)


def _node_line(number: int, node: Node) -> str:
    inputs = " ".join(f"@{i}" for i in node.inputs)
    lengths = " ".join(str(length) for length in node.lengths)
    value = node.value.hex() if node.op == "constant" else ""
    frame = f" over {node.frame}" if node.frame else ""
    return f"@{number} {node.op} [{inputs}] [{lengths}] {value}{frame}"


def version_hash(canonical: str, parameters: tuple[Parameter, ...]) -> str:
    """SHA-256 in hexadecimal; see Program."""
    lines = [
        f"{p.name} {p.value.hex()} {p.default.hex()} {p.minimum} {p.maximum} {p.step}"
        for p in sorted(parameters, key=lambda parameter: parameter.name)
    ]
    text = "\n".join([f"engine {ENGINE_VERSION}", canonical, *lines])
    return hashlib.sha256(text.encode("ascii")).hexdigest()
