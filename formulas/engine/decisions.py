"""From the values of one bar to what the formula wants done, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, cast

from formulas.engine.program import NO_NODE, Action, Program
from formulas.engine.vocabulary import SIDES

Side = Literal["buy", "sell"]


class Reason(TypedDict):
    """A part of the condition and its value at the bar: a number, true or false, or None where it is na."""

    expression: str
    value: float | bool | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a formula wants at the close of one bar.

    `action` is the formula's own word (buy, sell, short, cover, close, alert). `side` is buy for buy and
    cover, sell for sell, short and close (which ends whatever position there is), and None for an alert,
    which is no order. `size` is a share of equity from 0 to 1. `price` is the bar's close, `time` the bar's
    start in seconds since 1970 UTC. `number` is an alert's number.
    """

    bar_index: int
    time: int
    action: str
    side: Side | None
    size: float
    price: float
    why: tuple[Reason, ...]
    number: float | None = None


class Judge:
    """Applies a program's actions to the values of one bar; both drivers decide here.

    `refused` counts actions whose size was na.
    """

    __slots__ = ("_actions", "_conditions", "_texts", "_warmup", "guards", "refused")

    def __init__(self, program: Program) -> None:
        self._actions = program.actions
        self._texts = program.texts
        self._conditions = program.conditions
        self._warmup = program.warmup_bars
        self.guards = tuple(dict.fromkeys(action.guard for action in program.actions))
        self.refused = 0

    def decide(self, bar_index: int, time: int, close: float, values: Sequence[float]) -> list[Decision]:
        """The decisions at this bar, at most one for each side, the earliest in the program first.

        `values` holds the value of every node of the program at this bar.
        """
        if bar_index < self._warmup:
            return []
        decisions: list[Decision] = []
        taken: set[tuple[Side | None, float | None]] = set()
        for action in self._actions:
            side = cast("Side | None", SIDES.get(action.name))
            if values[action.guard] != 1.0 or (side, action.number) in taken:
                continue
            size = 1.0 if action.size == NO_NODE else values[action.size]
            if size != size:
                self.refused += 1
                continue
            taken.add((side, action.number))
            share = min(max(size, 0.0), 1.0)
            why = self._why(action, values)
            decisions.append(Decision(bar_index, time, action.name, side, share, close, why, action.number))
        return decisions

    def _why(self, action: Action, values: Sequence[float]) -> tuple[Reason, ...]:
        return tuple(
            Reason(expression=self._texts[node], value=self._shown(node, values[node])) for node in action.reasons
        )

    def _shown(self, node: int, value: float) -> float | bool | None:
        if value != value:
            return None
        return value == 1.0 if self._conditions[node] else value
