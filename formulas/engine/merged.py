"""Many formulas live on one instrument as one program: what they have in common is computed once for each bar."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from formulas.engine.bars import Bar, Bars
from formulas.engine.decisions import Decision, Judge
from formulas.engine.live import LiveProgram
from formulas.engine.native import kernels_for
from formulas.engine.native_stepper import NativeStepper
from formulas.engine.program import Node, Program
from formulas.engine.stepper import Stepper

ALWAYS = 10**9  # live programs run for long: loading machine code always pays

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class _Member(Generic[Key]):
    """One distinct program: those who run it, where its nodes stand in the pool, and what decides for it."""

    program: Program
    places: tuple[int, ...]
    judge: Judge
    keys: set[Key] = field(default_factory=set)


class Merged(Generic[Key]):
    """Programs at work on one instrument from the same first bar on, each known by a key of the caller's.

    Equal calculations of different programs are one node with one state, equal programs are judged once, and of the
    others only those cost time whose conditions hold. What a program decides is, bit for bit, what `LiveProgram`
    decides for it alone. A program that needs an account has one of its own and is run beside the others.
    """

    def __init__(self) -> None:
        self._members: dict[object, _Member[Key]] = {}
        self._identities: dict[Key, object] = {}
        self._alone: dict[Key, LiveProgram] = {}
        self.stepper = Stepper(())
        # For each condition that is watched, whose it is; which of them hold, and what else was decided.
        self._guards: list[list[_Member[Key]]] = []
        self._true: list[int] = []
        self._decided: dict[Key, list[Decision]] = {}
        self._close = 0.0

    @property
    def bars(self) -> int:
        """How many bars were taken."""
        return self.stepper.bars

    @property
    def last_time(self) -> int | None:
        """When the last bar began, in epoch seconds."""
        return self.stepper.last_time

    @property
    def keys(self) -> set[Key]:
        """Who is in."""
        return {*self._identities, *self._alone}

    @property
    def has_alone(self) -> bool:
        """Whether any program needs an account."""
        return bool(self._alone)

    @property
    def nodes(self) -> int:
        """How many distinct calculations a bar costs, those of programs that need an account left out."""
        return len(self.stepper.nodes)

    def join(self, programs: Mapping[Key, Program], bars: Iterable[Bar] = ()) -> None:
        """Let programs in, warm from `bars`, which must be all that were taken so far; the others do not notice.

        The first to come may bring any bars. Raises ValueError, with nothing changed, for a key that is in already,
        and BarError or ValueError for bars that are not those that were taken.
        """
        if not self.keys.isdisjoint(programs):
            raise ValueError("a program with this key is in already")
        alone = {key: LiveProgram(program) for key, program in programs.items() if program.needs_account}
        fresh = {key: program for key, program in programs.items() if key not in alone}
        pool = _Pool()
        members: dict[object, _Member[Key]] = {}
        identities: dict[Key, object] = {}
        for key, program in fresh.items():
            identities[key] = identity = _identity(program)
            known = self._members.get(identity) or members.get(identity)
            if known is None:
                members[identity] = _Member(program, pool.take(program.nodes), Judge(program))
        stepper = _stepper_of(pool.nodes)
        self._warm(stepper, list(alone.values()), bars)
        self._alone |= alone
        self._identities |= identities
        self._merge(stepper, members)
        for key, identity in identities.items():
            self._members[identity].keys.add(key)

    def absorb(self, other: Merged[Key]) -> None:
        """Let in all that are in `other`, which is not to be used any more.

        Raises ValueError, with nothing changed, where the two did not take as many bars up to the same one, or where a
        key is in both.
        """
        if not self.keys.isdisjoint(other.keys):
            raise ValueError("a program with this key is in already")
        if (other.bars, other.last_time) != (self.bars, self.last_time):
            raise ValueError("the bars that were taken are not the same")
        known = self._members.keys()
        self._alone |= other._alone
        self._identities |= other._identities
        self._merge(other.stepper, {name: found for name, found in other._members.items() if name not in known})
        for key, identity in other._identities.items():
            self._members[identity].keys.add(key)

    def leave(self, keys: Collection[Key]) -> None:
        """Let programs go, and forget what only they needed. A key that is not in is no fault."""
        for key in keys:
            self._alone.pop(key, None)
            identity = self._identities.pop(key, None)
            if identity is not None:
                self._members[identity].keys.discard(key)
        empty = [identity for identity, member in self._members.items() if not member.keys]
        for identity in empty:
            del self._members[identity]
        if empty:
            self._merge(self.stepper, {})

    def advance(self, bar: Bar) -> int:
        """Take the next closed bar; how many distinct conditions hold at its close, 0 when nothing is decided.

        Raises BarError, with nothing changed, unless the bar follows the last one and is consistent.
        """
        self.stepper.check(bar)
        self.stepper.advance(bar)
        self.note(bar, self.stepper.true_ones())
        return len(self._true) + self.advance_alone(bar)

    def note(self, bar: Bar, true: list[int]) -> None:
        """What holds at the close of the bar that the stepper took last."""
        self._close, self._true = float(bar.close), true

    def advance_alone(self, bar: Bar) -> int:
        """Let the programs that need an account take the bar; how many of them decide something."""
        self._decided = {key: found for key, program in self._alone.items() if (found := program.advance(bar))}
        return len(self._decided)

    def decisions(self) -> dict[Key, list[Decision]]:
        """The decisions at the close of the last bar, of those that decide something."""
        decided = dict(self._decided)
        fired = {id(member): member for place in self._true for member in self._guards[place]}
        for member in fired.values():
            values = self.stepper.read(member.places)
            orders = member.judge.judge(self.bars - 1, self.last_time or 0, self._close, values)
            if orders.decisions:
                decided.update(dict.fromkeys(member.keys, orders.decisions))
        return decided

    def _warm(self, stepper: Stepper, alone: Sequence[LiveProgram], bars: Iterable[Bar]) -> None:
        if alone:
            heard = Bars.gathered(bars)
            for program in alone:
                program.warm(heard)
            bars = heard.rows()
        stepper.warm(bars)
        if self.keys and (stepper.bars, stepper.last_time) != (self.bars, self.last_time):
            raise ValueError("the bars to warm from are not those that were taken")

    def _merge(self, joining: Stepper, members: Mapping[object, _Member[Key]]) -> None:
        """Put all programs into a new pool; the states move over."""
        pool = _Pool()
        stay: dict[int, int] = {}
        come: dict[int, int] = {}
        for member in self._members.values():
            places = pool.take(member.program.nodes)
            stay.update(zip(member.places, places, strict=True))
            member.places = places
        for identity, member in members.items():
            places = pool.take(member.program.nodes)
            come.update(zip(member.places, places, strict=True))
            member.places = places
            self._members[identity] = member
        stepper = _stepper_of(pool.nodes)
        stepper.take_over(self.stepper, stay)
        stepper.take_over(joining, come)
        self.stepper = stepper
        self._watch_guards()

    def _watch_guards(self) -> None:
        guards: dict[int, list[_Member[Key]]] = {}
        for member in self._members.values():
            for guard in member.judge.guards:
                guards.setdefault(member.places[guard], []).append(member)
        self._guards = list(guards.values())
        self.stepper.watch(list(guards))
        self._true, self._decided = [], {}


class _Pool:
    """Nodes of many programs, in topological order, each distinct one once."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[object, int] = {}

    def take(self, nodes: Iterable[Node]) -> tuple[int, ...]:
        """Where the nodes of a program stand among all."""
        places: list[int] = []
        for node in nodes:
            moved = node._replace(inputs=tuple(places[i] for i in node.inputs))
            # By the bits of a constant: na is equal to itself here, and 0 is not -0.
            key = (*moved[:3], moved.value.hex(), moved.frame)
            place = self._known.setdefault(key, len(self.nodes))
            if place == len(self.nodes):
                self.nodes.append(moved)
            places.append(place)
        return tuple(places)


def _stepper_of(nodes: Sequence[Node]) -> Stepper:
    """Machine code where there is any."""
    kernels = kernels_for(ALWAYS)
    return Stepper(nodes) if kernels is None else NativeStepper(nodes, kernels)


def _identity(program: Program) -> object:
    """Equal for programs that decide the same and say the same why."""
    return program.version_hash, program.texts
