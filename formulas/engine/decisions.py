"""From the values of one bar to what the formula wants done, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypedDict, cast

from formulas.engine.program import NO_NODE, Action, Program
from formulas.engine.steps.verdicts import decide
from formulas.engine.trades import Trade
from formulas.engine.vocabulary import ACTIONS, SIDES

Side = Literal["buy", "sell"]
Values = Sequence[float] | Mapping[int, float]


class Reason(TypedDict):
    """A part of the condition and its value at the bar: a number, true or false, or None where it is na."""

    expression: str
    value: float | bool | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a formula wants at the close of one bar.

    `action` is the formula's own word (buy, sell, short, cover, close, alert), or what ended the position inside the
    bar (stop_loss, take_profit, trail; `why` then has the price at which it did). `side` is buy for buy and
    cover, sell for sell, short and close (which ends whatever position there is), that of the order that ends a
    protected position, and None for an alert, which is no order. `size` is a share of equity from 0 to 1. `price` is
    the bar's close, `time` the bar's start in seconds since 1970 UTC. `number` is an alert's number.
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
    """Applies a program's actions to the values of one bar; all drivers decide by the same step.

    `refused` counts actions whose size or level was na, and entries that would have stood without the stop or
    target that their formula asked for.
    """

    __slots__ = ("_actions", "_asked", "_conditions", "_rows", "_texts", "_verdicts", "_warmup", "guards", "refused")

    def __init__(self, program: Program) -> None:
        self._actions = program.actions
        self._rows = [number for action in program.actions for number in action_row(program, action)]
        self._asked = [0.0] * (2 * len(program.actions))
        self._verdicts = [0.0] * len(program.actions)
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
        for place, action in enumerate(self._actions):
            self._asked[2 * place] = values[action.guard]
            amount = amount_of(action)
            self._asked[2 * place + 1] = 1.0 if amount == NO_NODE else values[amount]
        self.refused += decide(self._rows, len(self._actions), self._asked, self._verdicts)
        orders = Orders([], ())
        for action, verdict in zip(self._actions, self._verdicts, strict=True):
            if verdict == verdict and action.level != NO_NODE:
                orders = orders._replace(
                    protections=(*orders.protections, Protection(action.name, verdict, action.is_percent))
                )
            elif verdict == verdict:
                orders.decisions.append(self._decision(action, bar_index, time, close, verdict, values))
        return orders

    def _decision(
        self, action: Action, bar_index: int, time: int, close: float, size: float, values: Values
    ) -> Decision:
        side = cast("Side | None", SIDES.get(action.name))
        why = tuple(
            Reason(expression=self._texts[node], value=self._shown(node, values[node])) for node in action.reasons
        )
        return Decision(bar_index, time, action.name, side, size, close, why, action.number)

    def _shown(self, node: int, value: float) -> float | bool | None:
        if value != value:
            return None
        return value == 1.0 if self._conditions[node] else value


def exit_of(trade: Trade, time: int, close: float) -> Decision:
    """That a stop, target or trailing stop has ended a position, as it is known at the close of the bar."""
    side: Side = "sell" if trade.size > 0.0 else "buy"
    word = str(trade.ending)
    why = (Reason(expression=word, value=trade.exit_price),)
    return Decision(int(trade.exit_bar or 0), time, word, side, 1.0, close, why)


def with_exit(ended: Decision | None, decisions: list[Decision]) -> list[Decision]:
    """All that is decided at one close; an order to the same side says all that the exit would."""
    if ended is None or any(decision.side == ended.side for decision in decisions):
        return decisions
    return [ended, *decisions]


def amount_of(action: Action) -> int:
    """The node of an action's size or level; NO_NODE when it has neither."""
    return action.size if action.level == NO_NODE else action.level


def action_row(program: Program, action: Action) -> tuple[int, ...]:
    """An action as the numbers that steps.verdicts reads; the columns of a driver are left at 0.

    Of one key are a buy and a cover, a sell, a short and a close, alerts of one number, levels of one kind.
    """
    is_level = action.level != NO_NODE
    keys = [(one.name if one.level != NO_NODE else SIDES.get(one.name), one.number) for one in program.actions]
    key = keys.index((action.name if is_level else SIDES.get(action.name), action.number))
    return (ACTIONS.index(action.name), key, int(is_level), int(action.is_percent), 0, 0)
