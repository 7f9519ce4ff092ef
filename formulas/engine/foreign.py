"""What people write who come from Pine, Python or plain English, and how it is said in a formula."""

from __future__ import annotations

import ast
import re

from formulas.engine.problems import quoted
from formulas.engine.registry import FUNCTIONS, SOURCE_NAMES, signature
from formulas.engine.vocabulary import left_out

EXAMPLE = "a formula looks like: if rsi < 30: buy()"
ON_LINES = "put each branch on a line of its own, and what belongs to it on the next, four spaces further in"
INDENT = "lines below an if begin four spaces further in than it, all of them alike"

# Python's own reasons, which speak of Python, in words about formulas.
REASONS = (
    ("cannot assign", "only a name can be given a value", "write: name = value, or == to compare"),
    ("Maybe you meant '=='", "one = gives a name its value, two compare", "write: =="),
    ("expected ':'", "a colon is missing", EXAMPLE),
    ("expected an indented block", "nothing stands below this if", INDENT),
    ("indent", "this line does not begin where the lines around it do", INDENT),
    ("inconsistent use of tabs", "tabs and spaces are mixed", INDENT),
    ("unterminated", "a quote is opened and not closed", "only tf takes text in quotes: " + 'tf("1h", rsi(14))'),
    ("decimal literal", "a number runs into a word", "numbers are such as 14, 0.5 and 1e6"),
    ("leading zeros", "a number begins with 0", "write: 7, not 007"),
    ("line continuation", "a line goes on in the next one only inside brackets", "leave the backslash out"),
    ("Perhaps you forgot a comma", "a comma or a sign such as + or < is missing", EXAMPLE),
    ("Missing parentheses", "a call needs brackets", EXAMPLE),
    ("invalid syntax", "something is missing or too much here", ""),
)
SPELLINGS = (
    (re.compile(r"&&"), "write: and"),
    (re.compile(r"\|\|"), "write: or"),
    (re.compile(r":="), "write: name = value, each name once"),
    (re.compile(r"\?"), "write: a if condition else b"),
    (re.compile(r"=>"), "write: >="),
    (re.compile(r"=<"), "write: <="),
    (re.compile(r"<>|!(?!=)"), "write: not, or != for 'is different from'"),
    (re.compile(r"//"), "comments begin with #"),
    (re.compile(r"\$"), "names are made of a-z, 0-9 and _"),
    (re.compile(r"\d\s*%"), "write the number alone: rsi < 30"),
    (re.compile(r"\b(AND|OR|NOT|IF|If|ELSE|Else|ELIF|Elif)\b"), "words are in small letters: if, elif, else, and, or"),
    (re.compile(r"\belse\s+if\b|\belse?if\b|\belsif\b"), "write: elif"),
    (re.compile(r"\bthen\b"), "write a colon in place of then"),
    (re.compile(r"^\s*if\b.*\S\s+(else|elif)\b"), ON_LINES),
    (re.compile(r"[{}]"), "a colon and indented lines stand for { and }"),
    (re.compile(r"^\s*(var|varip|let|const|int|float|bool|series|simple)\s+[a-z]"), "write: name = value"),
)
PINE_PREFIXES = {
    "strategy": "write: buy(), sell(), short(), cover() or close()",
    "input": "write: length = param(14, min=2, max=50)",
    "request": 'write: tf("1h", rsi(14))',
    "np": "functions have no prefix: abs(close), max(a, b)",
}
PINE_WORDS = {
    "true": "write: True",
    "false": "write: False",
    "input": PINE_PREFIXES["input"],
    "security": PINE_PREFIXES["request"],
    "iff": "write: a if condition else b",
    "ref": "write: close[1]",
    "shift": "write: close[1]",
    "strategy": PINE_PREFIXES["strategy"],
    "indicator": "leave this line out: a formula is made of values, conditions and actions",
    "study": "leave this line out: a formula is made of values, conditions and actions",
    "plot": "leave this line out: the values that decide are drawn by themselves",
    "alertcondition": "write: if condition: alert(1)",
}


def unreadable(line: str, reason: str) -> tuple[str, str]:
    """Message and hint for a line of the source that Python's parser refused for `reason`."""
    said, hint = next(((ours, hint) for theirs, ours, hint in REASONS if theirs in reason), (quoted(reason), EXAMPLE))
    code = line.split("#", 1)[0]
    spelling = next((better for foreign, better in SPELLINGS if foreign.search(code)), None)
    return f"this line cannot be read: {said}", spelling or hint or EXAMPLE


def dotted(node: ast.Attribute) -> tuple[str, str]:
    """Message and hint for a name with a dot that is no ta.NAME."""
    message, hint = left_out(node)
    before = node.value.id if isinstance(node.value, ast.Name) else ""
    if before in PINE_PREFIXES:
        return message, PINE_PREFIXES[before]
    if before == "ta" and node.attr in SOURCE_NAMES:
        return message.replace("a dot after a name", "ta before a price"), f"write: {node.attr}"
    if before in ("math", "ta") and node.attr in FUNCTIONS:
        return message, f"write: {signature(FUNCTIONS[node.attr])}"
    return message, hint
