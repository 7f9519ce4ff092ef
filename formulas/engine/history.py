"""The driver over history: each node runs through a block of bars before the next one does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulas.engine.bars import Bars
from formulas.engine.decisions import Decision, Judge
from formulas.engine.machine import Machine
from formulas.engine.program import Program

BLOCK = 1024

Columns = list[list[float]]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What a program did over bars: its decisions, its outputs (float64, NaN for na), and refused actions."""

    decisions: list[Decision]
    outputs: dict[str, NDArray[np.float64]]
    refused: int


def run_history(program: Program, bars: Bars) -> list[Decision]:
    """All decisions of a program over closed bars, in time order."""
    return run(program, bars).decisions


def run(program: Program, bars: Bars, block: int = BLOCK) -> History:
    """Run a program from its beginning over closed bars, `block` bars at a time; any block gives the same."""
    machine = Machine(program)
    judge = Judge(program)
    decisions: list[Decision] = []
    outputs = {output.name: np.full(len(bars), np.nan) for output in program.outputs}
    for start in range(0, len(bars), block):
        stop = min(start + block, len(bars))
        columns = _evaluate(machine, len(program.nodes), bars, start, stop)
        for output in program.outputs:
            outputs[output.name][start:stop] = columns[output.node]
        decisions.extend(_decide(judge, columns, bars, start))
    return History(decisions, outputs, judge.refused)


def _evaluate(machine: Machine, nodes: int, bars: Bars, start: int, stop: int) -> Columns:
    """The values of all nodes over one block; states move on."""
    columns: Columns = [[]] * nodes
    for target, value in machine.constants:
        columns[target] = [value] * (stop - start)
    for target, name in machine.columns:
        columns[target] = _column(bars, name, start, stop)
    for target, step, inputs in machine.tasks:
        columns[target] = list(map(step, *[columns[i] for i in inputs]))
    return columns


def _column(bars: Bars, name: str, start: int, stop: int) -> list[float]:
    if name == "bar_index":
        return [float(index) for index in range(start, stop)]
    column: NDArray[np.float64] = getattr(bars, name)[start:stop]
    return [float(value) for value in column.tolist()]


def _decide(judge: Judge, columns: Columns, bars: Bars, start: int) -> list[Decision]:
    fired = {place for guard in judge.guards for place, value in enumerate(columns[guard]) if value == 1.0}
    decisions: list[Decision] = []
    for place in sorted(fired):
        values = [column[place] for column in columns]
        index = start + place
        decisions.extend(judge.decide(index, int(bars.time[index]), float(bars.close[index]), values))
    return decisions
