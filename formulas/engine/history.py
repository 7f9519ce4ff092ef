"""The driver over history: each node runs through a block of bars before the next one does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from formulas.engine.assembly import action_nodes
from formulas.engine.bars import Bar, Bars
from formulas.engine.broker import Broker, Terms, Trade
from formulas.engine.decisions import Decision, Judge, Orders, exit_of, with_exit
from formulas.engine.live import LiveProgram
from formulas.engine.machine import Frame, Machine
from formulas.engine.native import kernels_at_hand, kernels_for
from formulas.engine.program import Program
from formulas.engine.tape import Tape
from formulas.engine.timeframes import NOT_RELEASED
from formulas.engine.vocabulary import PROTECTIONS

if TYPE_CHECKING:
    from formulas.engine.kernels.loading import Kernels

BLOCK = 1024
BLOCKS_AT_ONCE = 64

Lists = list[list[float]]
Columns = Mapping[int, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What a program did over bars: its orders by bar, its outputs (float64, NaN for na), and refused actions.

    `exits` are the positions that its stops and targets ended, by bar.
    """

    orders: dict[int, Orders]
    outputs: dict[str, NDArray[np.float64]]
    refused: int
    exits: dict[int, Decision]

    @property
    def decisions(self) -> list[Decision]:
        """All decisions in time order."""
        nothing = Orders([], ())
        return [
            decision
            for index in sorted({*self.orders, *self.exits})
            for decision in with_exit(self.exits.get(index), self.orders.get(index, nothing).decisions)
        ]


def run_history(program: Program, bars: Bars) -> list[Decision]:
    """All decisions of a program over closed bars, in time order."""
    return run(program, bars).decisions


def run(program: Program, bars: Bars, block: int = BLOCK, plain: bool = False, loads: bool = True) -> History:
    """Run a program from its beginning over closed bars, `block` bars at a time; any block gives the same.

    A program that needs an account has one of default terms. `plain` keeps to Python, which the machine code agrees
    with; without `loads` that is so unless this process has the machine code already.
    """
    judge = Judge(program)
    orders: dict[int, Orders] = {}
    outputs = {output.name: np.full(len(bars), np.nan) for output in program.outputs}
    for start, columns in evaluated(program, bars, read_nodes(program), block, plain, loads):
        for output in program.outputs:
            column = columns[output.node]
            outputs[output.name][start : start + len(column)] = column
        orders.update(_decide(judge, columns, bars, start))
    kernels = _kernels(program, bars, plain, loads)
    exits = _exits(_ended(program, bars, orders, kernels), bars) if program.protects else {}
    return History(orders, outputs, judge.refused, exits)


def read_nodes(program: Program) -> list[int]:
    """The nodes whose values decisions and outputs show."""
    of_actions = {node for action in program.actions for node in (*action_nodes(action), *action.reasons)}
    return sorted(of_actions | {output.node for output in program.outputs})


def evaluated(
    program: Program,
    bars: Bars,
    wanted: Sequence[int],
    block: int = BLOCK,
    plain: bool = False,
    loads: bool = True,
) -> Iterator[tuple[int, Columns]]:
    """The first bar and the columns of the wanted nodes, part after part; see `run`."""
    kernels = _kernels(program, bars, plain, loads)
    if kernels is not None:
        tape = Tape(program, bars, wanted, terms=Terms() if program.reads_account else None)
        for start in range(0, len(bars), block * BLOCKS_AT_ONCE):
            yield start, tape.advance(kernels, start, min(start + block * BLOCKS_AT_ONCE, len(bars)))
    elif program.reads_account:
        live = LiveProgram(program, Terms())
        for index, bar in enumerate(bars.rows()):
            live.advance(bar)
            yield index, {node: np.array([live.values[node]]) for node in wanted}
    else:
        machine = Machine(program)
        for start in range(0, len(bars), block):
            columns = _evaluate(machine, len(program.nodes), bars, start, min(start + block, len(bars)))
            yield start, {node: np.array(columns[node]) for node in wanted}


def _kernels(program: Program, bars: Bars, plain: bool, loads: bool) -> Kernels | None:
    if plain:
        return None
    return kernels_for(len(bars) * len(program.nodes)) if loads else kernels_at_hand()


def _ended(program: Program, bars: Bars, orders: Mapping[int, Orders], kernels: Kernels | None) -> Iterable[Trade]:
    """The trades of the program's account, of which the orders at each close are known already."""
    if kernels is not None:
        tape = Tape(program, bars, terms=Terms())
        tape.advance(kernels, 0, len(bars))
        return tape.trades()
    broker = Broker(Terms())
    for index, bar in enumerate(bars.rows()):
        broker.advance(index, bar)
        if index in orders:
            broker.place(orders[index])
    return broker.trades


def _exits(trades: Iterable[Trade], bars: Bars) -> dict[int, Decision]:
    """Of the trades those that ended inside a bar, by bar."""
    ended = {trade.exit_bar: trade for trade in trades if trade.ending in PROTECTIONS}
    return {
        index: exit_of(trade, int(bars.time[index]), float(bars.close[index]))
        for index, trade in ended.items()
        if index is not None
    }


def _evaluate(machine: Machine, nodes: int, bars: Bars, start: int, stop: int) -> Lists:
    """The values of all nodes over one block; states move on."""
    columns: Lists = [[]] * nodes
    for target, value in machine.constants:
        columns[target] = [value] * (stop - start)
    for target, name in machine.columns:
        columns[target] = _column(bars, name, start, stop)
    if machine.higher:
        rows = list(bars.rows(start, stop))
        for frame in machine.higher:
            _evaluate_higher(frame, columns, rows, dict(machine.constants))
    for target, step, inputs in machine.tasks:
        columns[target] = list(map(step, *[columns[i] for i in inputs]))
    return columns


def _evaluate_higher(frame: Frame, columns: Lists, rows: list[Bar], constants: dict[int, float]) -> None:
    """The values of a higher timeframe's nodes, placed at the bars that release them."""
    pushed = [frame.aggregator.push(row) if frame.aggregator else [] for row in rows]
    places = [place for place, released in enumerate(pushed) for _ in released]
    higher = [one for released in pushed for one in released]
    found: dict[int, list[float]] = {node: [value] * len(higher) for node, value in constants.items()}
    for target, name in frame.columns:
        found[target] = [float(getattr(one if name == "bar_index" else one.bar, name)) for one in higher]
    for target, step, inputs in frame.tasks:
        found[target] = list(map(step, *[found[i] for i in inputs]))
    for target in frame.targets():
        columns[target] = [NOT_RELEASED] * len(rows)
        for place, value in zip(places, found[target], strict=True):
            columns[target][place] = value


def _column(bars: Bars, name: str, start: int, stop: int) -> list[float]:
    if name == "bar_index":
        return [float(index) for index in range(start, stop)]
    column: list[float] = getattr(bars, name)[start:stop].astype(np.float64).tolist()
    return column


def _decide(judge: Judge, columns: Columns, bars: Bars, start: int) -> dict[int, Orders]:
    fired = [np.flatnonzero(columns[guard] == 1.0) for guard in judge.guards]
    orders: dict[int, Orders] = {}
    for place in np.unique(np.concatenate(fired)).tolist() if fired else []:
        values = {node: float(column[place]) for node, column in columns.items()}
        index = start + place
        orders[index] = judge.judge(index, int(bars.time[index]), float(bars.close[index]), values)
    return orders
