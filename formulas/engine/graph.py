"""Builds a program's nodes: equal calculations become one node, and constants are worked out at once."""

from __future__ import annotations

from typing import NamedTuple

from formulas.engine.operations import OPERATIONS, Operation
from formulas.engine.program import Node

LONGEST_TEXT = 60
LOOSEST = 0
TIGHTEST = 100


class Text(NamedTuple):
    """How a node reads, and how tightly its outermost operator binds."""

    source: str
    tightness: int


class Graph:
    """Nodes in the order in which they were first asked for; the same request gives the same node again.

    `frame` is the timeframe of the nodes that are made, in seconds; 0 is that of the chart.
    """

    def __init__(self) -> None:
        self.frame = 0
        self.nodes: list[Node] = []
        self.texts: list[Text] = []
        self.first_bars: list[int] = []
        self.state_doubles = 0
        self._known: dict[tuple[object, ...], int] = {}

    def constant(self, value: float, text: str | None = None) -> int:
        """A node that has this value on every bar."""
        node = Node("constant", value=value)
        source = text if text is not None else _number_text(value)
        return self._keep(node, Text(source, TIGHTEST if value >= 0 else 80), 0, 0)

    def column(self, name: str) -> int:
        """A node that reads one column of the bar."""
        return self._keep(Node(name, frame=self.frame), Text(name, TIGHTEST), 0, 0)

    def apply(self, op: str, inputs: tuple[int, ...], lengths: tuple[int, ...] = (), text: str | None = None) -> int:
        """A node that applies an operation to other nodes; `text` replaces the spelling made from them."""
        operation = OPERATIONS[op]
        state = operation.state(lengths)
        if state == 0 and all(self.nodes[i].op == "constant" for i in inputs):
            value = operation.step(*(self.nodes[i].value for i in inputs))
            return self.constant(value)
        spelled = self._spell(operation, inputs, lengths) if text is None else Text(text, TIGHTEST)
        first = max(self.first_bars[i] for i in inputs) + operation.wait(lengths)
        return self._keep(Node(op, inputs, lengths, frame=self.frame), spelled, first, state)

    def hold(self, node: int, text: str) -> int:
        """A node of the chart's bars with the last known value of a node of a higher timeframe."""
        if self.nodes[node].op == "constant":
            return node
        held = Node("tf", (node,), (self.nodes[node].frame,))
        return self._keep(held, Text(text, TIGHTEST), self.first_bars[node], OPERATIONS["tf"].state(held.lengths))

    def is_condition(self, node: int) -> bool:
        """Whether the node's values are true, false or unknown."""
        if self.nodes[node].op == "tf":
            return self.is_condition(self.nodes[node].inputs[0])
        operation = OPERATIONS.get(self.nodes[node].op)
        return operation is not None and operation.is_condition

    def call_it(self, node: int, name: str) -> None:
        """Let a long calculation read as the name its author gave it."""
        if len(self.texts[node].source) > LONGEST_TEXT:
            self.texts[node] = Text(name, TIGHTEST)

    def label(self, node: int, text: str, since: int) -> None:
        """Let a node that was made after the first `since` read as the function that the author wrote."""
        if node >= since and self.nodes[node].inputs:
            self.texts[node] = Text(text, TIGHTEST)

    def _keep(self, node: Node, text: Text, first: int, state: int) -> int:
        key = (node.op, node.inputs, node.lengths, node.value.hex(), node.frame)
        known = self._known.get(key)
        if known is not None:
            return known
        self.nodes.append(node)
        self.texts.append(text)
        self.first_bars.append(first)
        self.state_doubles += state
        self._known[key] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def _spell(self, operation: Operation, inputs: tuple[int, ...], lengths: tuple[int, ...]) -> Text:
        parts = [self.texts[i] for i in inputs]
        if operation.name == "choose":
            condition, yes, no = (_inside(part, operation.tightness + 1) for part in parts)
            text = f"{yes} if {condition} else {no}"
        elif operation.name == "lag":
            text = f"{_inside(parts[0], operation.tightness)}[{lengths[0]}]"
        elif operation.symbol and len(parts) == 2:
            left = _inside(parts[0], operation.tightness)
            text = f"{left} {operation.symbol} {_inside(parts[1], operation.tightness + 1)}"
        elif operation.symbol:
            text = f"{operation.symbol}{_inside(parts[0], operation.tightness)}"
        else:
            arguments = [part.source for part in parts] + [str(length) for length in lengths]
            text = f"{operation.name}({', '.join(arguments)})"
        return Text(_clipped(text), operation.tightness)


def _inside(part: Text, tightness: int) -> str:
    return part.source if part.tightness >= tightness else f"({part.source})"


def _clipped(text: str) -> str:
    return text if len(text) <= 2 * LONGEST_TEXT else text[: 2 * LONGEST_TEXT - 3] + "..."


def _number_text(value: float) -> str:
    if value != value:
        return "na"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
