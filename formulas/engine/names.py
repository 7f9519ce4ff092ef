"""The names a formula gives to its own values, each once, and where they can be used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from formulas.engine.foreign import PINE_WORDS
from formulas.engine.limits import refuse_at
from formulas.engine.problems import FormulaError
from formulas.engine.program import Parameter
from formulas.engine.registry import FUNCTIONS
from formulas.engine.vocabulary import ACTIONS, LATER_WORDS, OTHER_WORDS

TF_HINT = 'write: tf("1h", rsi(14)); periods are such as 15m, 4h, 1d and 1w'
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
GIVE_FIRST = "give it a value first, on a line above: name = ..."
MOST_LOOKED_UP = 5  # comparing a word with all others takes longer than compiling a line

KNOWN_WORDS: dict[str, tuple[str, str]] = {
    **{word: (f"{word} is not available yet", "write the formula without it for now") for word in LATER_WORDS},
    **{word: (f"{word} is not known here", hint) for word, hint in PINE_WORDS.items()},
    "ta": ("ta stands before the name of a function", "write: ta.rsi(14), or rsi(14)"),
    "tf": ("tf takes a period and an expression", TF_HINT),
    "param": ("param stands on a line of its own", "write: length = param(14, min=2, max=50)"),
}


class AlreadyRefused(Exception):
    """A name was used whose own definition was refused: nothing new to tell its author."""


class Names:
    """Names in scope while a formula is compiled; a name given inside an if block ends with the block."""

    def __init__(self) -> None:
        self.parameters: dict[str, Parameter] = {}
        self._blocks: list[dict[str, int]] = [{}]
        self._taken: set[str] = set()
        self._ended: set[str] = set()
        self._refused: set[str] = set()
        self._looked_up = 0

    def open_block(self) -> None:
        """Begin a block: names given from here on are forgotten at its end."""
        self._blocks.append({})

    def close_block(self) -> None:
        """Forget the names of the innermost block."""
        self._ended.update(self._blocks.pop())

    def reserve(self, node: ast.Name) -> None:
        """Take a name for a new value. Raises FormulaError when it is malformed, built in or taken."""
        name = node.id
        if is_built_in(name):
            raise refuse_at(node, f"{name} is a word of the language", f"choose another name, such as my_{name}")
        if not NAME.fullmatch(name):
            hint = "start with a-z, then a-z, 0-9 and _, at most 32 characters"
            raise refuse_at(node, "this name is not allowed", hint)
        if name in self._taken:
            raise refuse_at(node, f"{name} has a value already", "each name gets its value once; use a new name")
        self._taken.add(name)

    def give(self, name: str, value: int) -> None:
        """Bind a reserved name to a node in the current block."""
        self._blocks[-1][name] = value

    def is_taken(self, name: str) -> bool:
        """Whether the formula gives this name a value anywhere so far, well or not."""
        return name in self._taken

    def is_refused(self, name: str) -> bool:
        """Whether the name's own definition was refused, which its author has been told."""
        return name in self._refused

    @contextmanager
    def defining(self, *names: str) -> Iterator[None]:
        """Remember the names as refused when their definition, compiled inside, is refused."""
        try:
            yield
        except (FormulaError, AlreadyRefused):
            self._refused.update(names)
            raise

    def find(self, name: str) -> int | None:
        """The node a name stands for here, if it is one of the formula's own values."""
        for block in reversed(self._blocks):
            if name in block:
                return block[name]
        return None

    def complain(self, node: ast.Name) -> Exception:
        """The error for a name that stands for nothing here."""
        name = node.id
        if name in self._refused:
            return AlreadyRefused(name)
        if name in self._ended:
            message = f"{name} is given inside an if block and ends with it"
            return refuse_at(node, message, "give it its value before the if")
        return self.unknown(node, name)

    def unknown(self, node: ast.AST, name: str) -> Exception:
        """The error for a word that the language does not know, with what may have been meant."""
        message, hint = KNOWN_WORDS.get(name) or (f"{_shown(name)} is not known here", self._nearest(name))
        if name in ACTIONS:
            message, hint = f"{name} is an action, not a value", f"write it on its own: if ...: {name}()"
        return refuse_at(node, message, hint)

    def _nearest(self, name: str) -> str:
        self._looked_up += 1
        if self._looked_up > MOST_LOOKED_UP:
            return GIVE_FIRST
        own = [one for block in self._blocks for one in block]
        near = get_close_matches(name.lower(), [*own, *self.parameters, *FUNCTIONS, *ACTIONS], n=1)
        return f"did you mean {near[0]}?" if near else GIVE_FIRST


def is_built_in(name: str) -> bool:
    """Whether the word has a meaning in the language, now or announced."""
    return name in FUNCTIONS or name in ACTIONS or name in LATER_WORDS or name in OTHER_WORDS


def _shown(name: str) -> str:
    return name if len(name) <= 32 else name[:29] + "..."
