"""Short ways: what a view that is asked very often answers, without a view. Each gives the long way's very words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kernel.permissions import Person


class NotPlain(Exception):
    """The short way has no answer to this; the long way does, or says what is wrong."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request as far as a short way looks at it: `query_params` has the last of each name, `url` is absolute."""

    user: Person
    query_params: Mapping[str, str]
    body: bytes
    url: str

    def build_absolute_uri(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class Shortcut:
    """The short way to one operation of `view`.

    `read(question)` finds out what is wanted, and changes nothing; it raises `NotPlain` or a `DomainError` where the
    long way is to be taken. `answer` makes the body of it, once it is certain that the caller has not asked too often.
    """

    view: type[Any]
    read: Callable[[Question], Any]
    answer: Callable[[Any], bytes] = bytes
    status: int = 200
