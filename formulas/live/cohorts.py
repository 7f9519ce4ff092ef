"""Deployments that move on together: those of one series that are warm from the same bar, as one merged program.

A state is never the truth: it is that of the programs run over the stored bars from `warm_from` on, and is built
again from them whenever it does not stand where the deployments' rows say.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from formulas import engine
from formulas.live.stored import Stored
from formulas.services import Decided, Evaluated
from kernel import clock

BEGINNING = -(2**63)


class Standing(NamedTuple):
    """Where a running deployment stands: bars up to the one at `through` have had their signals raised."""

    pk: int
    warm_from: int | None
    through: int | None
    is_stale: bool

    @property
    def last(self) -> int:
        """`through`, or before all bars where there was none."""
        return BEGINNING if self.through is None else self.through


class Cohort:
    """Deployments of one series, known by their ids, that are warm from the bar stamped `warm_from`.

    `built_at` is when their common state was last built from the store.
    """

    def __init__(self, warm_from: int) -> None:
        self._warm_from = warm_from
        self._merged: engine.Merged[int] = engine.Merged()
        self.built_at: datetime = clock.now()

    def missing(self, standings: Iterable[Standing], stored: Stored) -> set[int]:
        """Let those go that run no more; the ids of those that are to join.

        That is all of them where somebody stands before the common state, or where bars behind it have come.
        """
        lasts = {standing.pk: standing.last for standing in standings}
        self._merged.leave(self._merged.keys - lasts.keys())
        last = self._merged.last_time
        if last is not None and (min(lasts.values()) < last or stored.was_filled(self.built_at, last)):
            self._merged = engine.Merged()
        return lasts.keys() - self._merged.keys

    def join(self, programs: Mapping[int, engine.Program], standings: Iterable[Standing], stored: Stored) -> None:
        """Let programs in, warm up to where the others are, or else where the one furthest behind is."""
        if self._merged.keys:
            last = self._merged.last_time
        else:
            self.built_at = clock.now()
            last = min(standing.last for standing in standings if standing.pk in programs)
        self._merged.join(programs, [] if last is None else stored.bars(self._warm_from, last + 1))

    @property
    def last_time(self) -> int | None:
        """The stamp of the newest bar that was taken."""
        return self._merged.last_time

    def skip(self, stored: Stored) -> None:
        """Take the bars that are new without acting on them."""
        for bar in stored.bars(self._warm_from if self.last_time is None else self.last_time + 1):
            self._merged.advance(bar)

    def absorb(self, other: "Cohort") -> None:
        """Let in those of `other`, which took the same bars; raises ValueError where it did not."""
        self._merged.absorb(other._merged)
        self.built_at = min(self.built_at, other.built_at)

    def move(self, standings: Iterable[Standing], stored: Stored, until: int | None) -> Evaluated | None:
        """Take the bars that are new, up to before `until`; what was decided on them, or None where there are none."""
        keys = self._merged.keys
        members = {standing.pk: standing.last for standing in standings if standing.pk in keys}
        last = self._merged.last_time
        decided: list[Decided] = []
        for bar in stored.bars(self._warm_from if last is None else last + 1, until):
            if not self._merged.advance(bar):
                continue
            for pk, decisions in self._merged.decisions().items():
                # One that was paused resumes at the newest bar, and does not act on those before.
                if members[pk] < bar.time:
                    decided += [Decided(pk, decision, stored.closed_at(bar.time)) for decision in decisions]
        through = self._merged.last_time
        if through is None or through == last:
            return None
        come = [pk for pk, before in members.items() if before < through]
        return Evaluated(self._warm_from, through, come, decided)


def cohorts_of(standings: Collection[Standing], first_time: int) -> dict[int, list[Standing]]:
    """Who moves on together, by the bar they are warm from; those that began before any bar are from the first on."""
    found: dict[int, list[Standing]] = {}
    for standing in standings:
        warm_from = first_time if standing.warm_from is None else standing.warm_from
        found.setdefault(warm_from, []).append(standing)
    return found
