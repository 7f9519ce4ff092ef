"""Makes the finished program out of a graph: only what is needed, in an order free of spelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from formulas.engine.graph import Graph
from formulas.engine.operations import OPERATIONS
from formulas.engine.program import (
    NO_NODE,
    Action,
    Node,
    Output,
    Parameter,
    Program,
    canonical_text,
    version_hash,
)

MAX_REASONS = 16
CONNECTIVES = ("and", "or", "not", "truth")


def assemble(
    graph: Graph,
    actions: Sequence[Action],
    outputs: Sequence[Output],
    parameters: tuple[Parameter, ...],
    indicators: tuple[str, ...],
) -> Program:
    """Number the needed nodes anew, from the leaves of the first action on, and hash the result."""
    wanted = [node for action in actions for node in action_nodes(action)]
    wanted += [output.node for output in outputs]
    order = _needed(graph.nodes, wanted)
    new = {old: number for number, old in enumerate(order)}
    nodes = tuple(graph.nodes[old]._replace(inputs=tuple(new[i] for i in graph.nodes[old].inputs)) for old in order)
    placed_actions = tuple(
        replace(
            action,
            guard=new[action.guard],
            size=new.get(action.size, NO_NODE),
            level=new.get(action.level, NO_NODE),
            reasons=_reasons(nodes, new[action.guard]),
        )
        for action in actions
    )
    placed_outputs = tuple(replace(output, node=new[output.node]) for output in outputs)
    canonical = canonical_text(nodes, placed_actions, placed_outputs)
    return Program(
        nodes=nodes,
        texts=tuple(graph.texts[old].source for old in order),
        conditions=tuple(graph.is_condition(old) for old in order),
        actions=placed_actions,
        outputs=placed_outputs,
        parameters=parameters,
        indicators=indicators,
        warmup_bars=max((graph.first_bars[node] for node in wanted), default=0),
        canonical=canonical,
        version_hash=version_hash(canonical, parameters),
    )


def action_nodes(action: Action) -> list[int]:
    """The nodes that an action reads."""
    return [node for node in (action.guard, action.size, action.level) if node != NO_NODE]


def _needed(nodes: Sequence[Node], wanted: Sequence[int]) -> list[int]:
    """The wanted nodes and all they rest on, inputs before users; chains may be long: no recursion."""
    order: list[int] = []
    done: set[int] = set()
    pending = [(node, False) for node in reversed(wanted)]
    while pending:
        node, inputs_done = pending.pop()
        if node in done:
            continue
        if inputs_done:
            done.add(node)
            order.append(node)
        else:
            pending.append((node, True))
            pending.extend((i, False) for i in reversed(nodes[node].inputs))
    return order


def _reasons(nodes: Sequence[Node], guard: int) -> tuple[int, ...]:
    """The nodes that tell why a guard is true: each comparison in it, after the numbers that it compares."""
    found: dict[int, None] = {}
    seen: set[int] = set()
    pending = [guard]
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        op = nodes[node].op
        if op in CONNECTIVES:
            pending.extend(reversed(nodes[node].inputs))
            continue
        operation = OPERATIONS.get(op)
        if operation is not None and operation.is_condition:
            for i in nodes[node].inputs:
                if nodes[i].op != "constant":
                    found.setdefault(i)
        found.setdefault(node)
    return tuple(found)[:MAX_REASONS]
