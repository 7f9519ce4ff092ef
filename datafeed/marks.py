"""Marks on a chart: what an app above market data has to say of an instrument's bars."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from kernel.permissions import Person


class Mark(NamedTuple):
    """Something that happened on a bar of `resolution`; both times are epoch seconds UTC."""

    id: str
    resolution: str
    opened_at: int
    closed_at: int
    color: str
    label: str
    text: str


MarkSource = Callable[[Person, int, int, int], Iterable[Mark]]
"""`source(user, instrument_id, since, until)`: what `user` may see of bars that close from `since` to before `until`,
the newest first."""


_source: list[MarkSource] = []


def use_marks(source: MarkSource) -> None:
    """Called by the wiring page: market data does not know who has something to say of it."""
    _source[:] = [source]


def marks_of(user: Person, instrument_id: int, since: int, until: int) -> Iterable[Mark]:
    """What `user` may see marked on bars that close from `since` to before `until` (epoch seconds UTC)."""
    return _source[0](user, instrument_id, since, until) if _source else ()
