"""From the values of one bar to what the formula wants done, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypedDict, cast

from formulas.engine.program import NO_NODE, Action, Program
from formulas.engine.vocabulary import SIDES, SIZED_ACTIONS

Side = Literal["buy", "sell"]
Values = Sequence[float] | Mapping[int, float]


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


class Protection(NamedTuple):
    """A stop, target or trailing stop set at a close: `level` is its price, or its distance in percent."""

    name: str
    level: float
    is_percent: bool


class Orders(NamedTuple):
    """All that a formula wants at the close of one bar, for its account to carry out."""

    decisions: list[Decision]
    protections: tuple[Protection, ...]


class Judge:
    """Applies a program's actions to the values of one bar; all drivers decide here.

    `refused` counts actions whose size or level was na, and entries that would have stood without the stop or
    target that their formula asked for.
    """

    __slots__ = ("_actions", "_conditions", "_explains", "_protections", "_texts", "_warmup", "guards", "refused")

    def __init__(self, program: Program, explains: bool = True) -> None:
        self._explains = explains
        self._actions = tuple(action for action in program.actions if action.level == NO_NODE)
        self._protections = tuple(action for action in program.actions if action.level != NO_NODE)
        self._texts = program.texts
        self._conditions = program.conditions
        self._warmup = program.warmup_bars
        self.guards = tuple(dict.fromkeys(action.guard for action in program.actions))
        self.refused = 0

    def judge(self, bar_index: int, time: int, close: float, values: Values) -> Orders:
        """The decisions at this bar, at most one for each side, the earliest in the program first, and its stops.

        `values` holds the values of the program's nodes at this bar, at least of those that its actions read.
        """
        if bar_index < self._warmup:
            return Orders([], ())
        protections = {action.name: action for action in reversed(self._protections) if values[action.guard] == 1.0}
        known = [Protection(name, values[action.level], action.is_percent) for name, action in protections.items()]
        set_now = tuple(one for one in known if one.level == one.level and (one.level > 0.0 or not one.is_percent))
        self.refused += len(known) - len(set_now)
        may_enter = len(known) == len(set_now)
        return Orders(self._decide(bar_index, time, close, values, may_enter), set_now)

    def _decide(self, bar_index: int, time: int, close: float, values: Values, may_enter: bool) -> list[Decision]:
        decisions: list[Decision] = []
        taken: set[tuple[Side | None, float | None]] = set()
        for action in self._actions:
            side = cast("Side | None", SIDES.get(action.name))
            if values[action.guard] != 1.0 or (side, action.number) in taken:
                continue
            size = 1.0 if action.size == NO_NODE else values[action.size]
            if size != size or (action.name in SIZED_ACTIONS and not may_enter):
                self.refused += 1
                continue
            taken.add((side, action.number))
            share = min(max(size, 0.0), 1.0)
            why = self._why(action, values) if self._explains else ()
            decisions.append(Decision(bar_index, time, action.name, side, share, close, why, action.number))
        return decisions

    def _why(self, action: Action, values: Values) -> tuple[Reason, ...]:
        return tuple(
            Reason(expression=self._texts[node], value=self._shown(node, values[node])) for node in action.reasons
        )

    def _shown(self, node: int, value: float) -> float | bool | None:
        if value != value:
            return None
        return value == 1.0 if self._conditions[node] else value
