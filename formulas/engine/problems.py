"""What is wrong with a formula, said with a place, a reason and a way out."""

from __future__ import annotations

from dataclasses import dataclass

MESSAGE_LENGTH = 160


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal. `line` and `column` count from 1 and point into the source as it was given."""

    line: int
    column: int
    message: str
    hint: str

    def as_dict(self) -> dict[str, int | str]:
        """The shape that the API and the command line show."""
        return {"line": self.line, "column": self.column, "message": self.message, "hint": self.hint}


class FormulaError(ValueError):
    """A formula was refused; `errors` holds at least one problem, in source order."""

    def __init__(self, errors: tuple[Problem, ...]) -> None:
        self.errors = errors
        first = errors[0]
        super().__init__(f"line {first.line}, column {first.column}: {first.message}")


def quoted(text: str) -> str:
    """A short, printable, one-line rendering of text that came from outside."""
    plain = "".join(c if " " <= c <= "~" and c not in '<>&"`' else "?" for c in text[:81])
    return plain if len(plain) <= 80 else plain[:77] + "..."
