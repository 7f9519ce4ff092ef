"""How many connections one person, or the strangers at one address, may have to this process.

Counted here and not in a shared store: a count must never outlive a process that was killed, and what is protected is
this process's own memory.
"""

from collections import Counter
from collections.abc import Hashable


class Crowd:
    """Those who are in, by who they are."""

    def __init__(self) -> None:
        self._inside: Counter[Hashable] = Counter()

    def enter(self, who: Hashable, most: int) -> bool:
        """Let one more in; not where `most` are in already."""
        if self._inside[who] >= most:
            return False
        self._inside[who] += 1
        return True

    def leave(self, who: Hashable) -> None:
        self._inside[who] -= 1
        if self._inside[who] <= 0:
            del self._inside[who]


people = Crowd()
strangers = Crowd()
