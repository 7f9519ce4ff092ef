"""What a program wants on each bar of the past, found for all bars at once, and its account walked through it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bars
from formulas.engine.broker import Broker, wanted
from formulas.engine.columns.board import Board
from formulas.engine.columns.elementwise import Column
from formulas.engine.decisions import Judge, Orders
from formulas.engine.program import NO_NODE, Action, Program

Flags = NDArray[np.bool_]

IDLE, FIRES, FIRES_FOR_NOTHING, UNKNOWN = 0, 1, 2, 3
KINDS = 4
SIDES = (0.0, 1.0, -1.0)


class Plan:
    """The bars on which a program's actions fire, and on which of them a position of a given side would change.

    `refused` counts actions whose size or level was na.
    """

    def __init__(self, program: Program, board: Board, bars: Bars) -> None:
        nodes = {node for action in program.actions for node in (action.guard, action.size, action.level)}
        self._columns = board.read(program, sorted(nodes - {NO_NODE}))
        self._bars = bars
        self._actions = program.actions
        self._judge = Judge(program, explains=False)
        self.has_protections = any(action.level != NO_NODE for action in program.actions)
        codes = np.zeros(len(bars), dtype=object if len(program.actions) > 30 else np.int64)
        for action in program.actions:
            codes = codes * KINDS + _kinds(action, self._columns, len(bars))
        codes[: program.warmup_bars] = 0
        self.fires: Flags = codes != 0
        self._effects(codes)

    def orders(self, index: int) -> Orders:
        """What is wanted at the close of one bar, for the account; the bar that it names is one of the same kind."""
        return self._judged(index) if self._same is None else self._same[self._case[index]]

    def _judged(self, index: int) -> Orders:
        values = {node: float(column[index if column.size > 1 else 0]) for node, column in self._columns.items()}
        return self._judge.judge(index, int(self._bars.time[index]), float(self._bars.close[index]), values)

    def next_change(self, side: float, index: int) -> int | None:
        """The first bar from `index` on whose decisions change a position of this side."""
        changes = self._changes[side]
        place = bisect_left(changes, index)
        return changes[place] if place < len(changes) else None

    def _effects(self, codes: NDArray[np.int64]) -> None:
        """What differs between bars is only which actions fire: each such case is judged once."""
        bars = np.flatnonzero(self.fires)
        cases, firsts, which, counts = np.unique(
            codes[bars], return_index=True, return_inverse=True, return_counts=True
        )
        changes = {side: np.zeros(len(cases), dtype=bool) for side in SIDES}
        self.refused = 0
        judged: list[Orders] = []
        for case, first in enumerate(firsts):
            before = self._judge.refused
            judged.append(self._judged(int(bars[first])))
            self.refused += (self._judge.refused - before) * int(counts[case])
            for side in SIDES:
                want = wanted(side, judged[-1].decisions)
                changes[side][case] = want == want
        self._changes: dict[float, list[int]] = {side: bars[changes[side][which]].tolist() for side in SIDES}
        self._case = np.zeros(len(codes), dtype=np.int64)
        self._case[bars] = which + 1
        self._same = [Orders([], ()), *judged] if self._is_same_in_a_case() else None

    def _is_same_in_a_case(self) -> bool:
        """Whether all sizes and levels are plain numbers, so that bars on which the same actions fire want the same."""
        numbers = {node for action in self._actions for node in (action.size, action.level)} - {NO_NODE}
        return all(self._columns[node].size == 1 for node in numbers)


def _kinds(action: Action, columns: Mapping[int, Column], count: int) -> NDArray[np.int64]:
    """For each bar whether an action is idle, fires, fires with a size of 0, or with an unknown size or level."""
    fires = np.broadcast_to(columns[action.guard] == 1.0, count)
    kinds = np.where(fires, FIRES, IDLE)
    number = action.size if action.size != NO_NODE else action.level
    if number == NO_NODE:
        return kinds
    value = np.broadcast_to(columns[number], count)
    if action.size != NO_NODE or action.is_percent:
        at_zero = FIRES_FOR_NOTHING if action.size != NO_NODE else UNKNOWN
        kinds = np.where(fires & ~(value > 0.0), at_zero, kinds)
    return np.where(fires & (value != value), UNKNOWN, kinds)


def walk(plan: Plan, broker: Broker, bars: Bars) -> tuple[Column, Flags]:
    """Equity and whether a position was held at each close.

    Between two bars on which anything can change the account is only marked, and that for all of them at once.
    """
    equity, held = np.empty(len(bars)), np.zeros(len(bars), dtype=bool)
    index = 0
    while index < len(bars):
        side = broker.side
        if broker.waits or (side and plan.has_protections):
            broker.advance(index, bars.row(index))
            equity[index], held[index] = broker.equity, broker.units != 0.0
            if plan.fires[index]:
                broker.place(plan.orders(index))
            index += 1
            continue
        change = plan.next_change(side, index)
        stop = len(bars) if change is None else change + 1
        marks = broker.cash + broker.units * bars.close[index:stop]
        if side and marks.min() <= 0.0:
            # The account ends such a position by itself, in its own step.
            stop = index + int(np.argmax(marks <= 0.0))
            broker.advance(stop, bars.row(stop))
            marks[stop - index] = broker.equity
            change = stop if plan.fires[stop] else None
            stop += 1
            held[index : stop - 1] = True
        else:
            held[index:stop] = side != 0.0
            broker.skip_to(stop - 1, float(bars.close[stop - 1]))
        equity[index:stop] = marks[: stop - index]
        if change is not None:
            broker.place(plan.orders(change))
        index = stop
    return equity, held
