"""The accounts of many programs over the same bars; what several of them calculate alike is calculated once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from formulas.engine.backtest import run_account
from formulas.engine.bars import Bars
from formulas.engine.broker import Terms
from formulas.engine.metrics import Curve
from formulas.engine.native import kernels_for
from formulas.engine.operations import OPERATIONS
from formulas.engine.program import Node, Program
from formulas.engine.tape import Tape
from formulas.engine.vocabulary import ACCOUNT

Floats = NDArray[np.float64]

# Columns that are kept for all programs take at most so much memory.
MOST_BYTES = 64 * 2**20


class Accounts:
    """Programs over the same bars and terms, and the columns that they share."""

    def __init__(self, programs: Sequence[Program], bars: Bars, terms: Terms) -> None:
        self._programs = programs
        self._bars = bars
        self._terms = terms
        self._numbers, nodes = merged(programs)
        shared = _shared(self._numbers, nodes)[: MOST_BYTES // (8 * max(1, len(bars)))]
        self._columns = self._calculated(nodes, shared)

    def curve(self, place: int) -> Curve:
        """The account of one of the programs."""
        numbers = self._numbers[place]
        given = {node: self._columns[number] for node, number in enumerate(numbers) if number in self._columns}
        return run_account(self._programs[place], self._bars, self._terms, given)[0]

    def _calculated(self, nodes: tuple[Node, ...], shared: Sequence[int]) -> dict[int, Floats]:
        kernels = kernels_for(len(self._bars) * len(nodes))
        if kernels is None or not shared:
            return {}
        whole = Program(nodes, (), (), (), (), (), (), 0, "", "")
        return Tape(whole, self._bars, shared).advance(kernels, 0, len(self._bars))


def merged(programs: Sequence[Program]) -> tuple[list[list[int]], tuple[Node, ...]]:
    """For each program the number of each of its nodes' calculation, and all calculations, inputs before users."""
    known: dict[tuple[Node, str], int] = {}
    numbers: list[list[int]] = []
    for program in programs:
        own: list[int] = []
        for node in program.nodes:
            renamed = node._replace(inputs=tuple([own[i] for i in node.inputs]))
            # 0 and -0 are equal, but not the same.
            own.append(known.setdefault((renamed, renamed.value.hex()), len(known)))
        numbers.append(own)
    return numbers, tuple(node for node, _ in known)


def _shared(numbers: Sequence[Sequence[int]], nodes: Sequence[Node]) -> list[int]:
    """Calculations of several programs on whose results something rests that is not shared, most used first."""
    users = Counter(number for own in numbers for number in own)
    free = _free_of_account(nodes)
    kept = {n for n in free if users[n] > 1 and nodes[n].op in OPERATIONS and not nodes[n].frame}
    inputs = {i for place, node in enumerate(nodes) if place not in kept for i in node.inputs}
    inputs |= {n for n in kept if not any(n in node.inputs for node in nodes)}
    return sorted(kept & inputs, key=lambda number: -users[number])


def _free_of_account(nodes: Sequence[Node]) -> set[int]:
    """The calculations that do not rest on what an account holds."""
    free: set[int] = set()
    for place, node in enumerate(nodes):
        if node.op not in ACCOUNT and free.issuperset(node.inputs):
            free.add(place)
    return free
