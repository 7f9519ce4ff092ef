"""How much of the past a program rests on, in bars of each timeframe that it looks at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from formulas.engine.operations import OPERATIONS
from formulas.engine.program import Node, Program
from formulas.engine.timeframes import offset_of

# What remembers all bars so far: how it began weighs little after five times as many as it first waits for.
RECURSIVE = frozenset({"ema", "rma", "rsi", "sar", "band_below", "band_above", "trend_side", "barssince", "valuewhen"})
SETTLING, LEAST_SETTLING = 4, 100

CHART = 0


def bars_before(program: Program) -> dict[int, int]:
    """By timeframe (seconds, 0 for the chart's own) the closed bars before the one on which values have settled.

    What only looks back over a window has its value by then; what is recursive differs little from one that has seen
    more. The chart's bars come after those of the longer ones where a calculation rests on both.
    """
    found: list[dict[int, int]] = []
    for node in program.nodes:
        before = _most(found[place] for place in node.inputs)
        before[node.frame] = before.get(node.frame, 0) + _own(node)
        found.append(before)
    return _most([{CHART: program.warmup_bars}, *found])


def _most(counts: Iterable[dict[int, int]]) -> dict[int, int]:
    most: dict[int, int] = {}
    for count in counts:
        for period, bars in count.items():
            most[period] = max(bars, most.get(period, 0))
    return most


def _own(node: Node) -> int:
    operation = OPERATIONS.get(node.op)
    if operation is None:
        return 0
    wait = operation.wait(node.lengths)
    return wait + max(SETTLING * wait, LEAST_SETTLING) if node.op in RECURSIVE else wait


def most_bars(program: Program, length: int) -> int:
    """How many bars of the chart, each `length` seconds long, to look through for `first_needed` at most.

    There are as many where the market never closes, else fewer.
    """
    before = bars_before(program)
    return before.pop(CHART) + sum((bars + 4) * max(1, period // length) for period, bars in before.items())


def first_needed(program: Program, times: NDArray[np.int64], least: int, grid: int = 1) -> int | None:
    """When the bars begin that a program is to see before one that follows `times`, `least` of the chart's at least.

    In epoch seconds: a multiple of `grid`, or the last beginning of a bar of each longer timeframe before it. None
    where there are not as many bars.
    """
    before = bars_before(program)
    place = times.size - max(least, before.pop(CHART))
    if place < 0:
        return None
    start = int(times[place])
    for period, bars in sorted(before.items()):
        periods = np.unique((times[times <= start] - offset_of(period)) // period)
        # The newest of them is not complete then, and the first that is stored may have begun before.
        if periods.size < bars + 3:
            return None
        start = int(periods[-bars - 2]) * period + offset_of(period)
    start = start // grid * grid
    for period in sorted(before):
        start = (start - offset_of(period)) // period * period + offset_of(period)
    return start
