"""The words of the language that are not functions, and the names of all that it leaves out."""

from __future__ import annotations

import ast

BAR_SOURCES = ("open", "high", "low", "close", "volume", "time", "bar_index")

PROTECTIONS = ("stop_loss", "take_profit", "trail")
ACTIONS = ("buy", "sell", "short", "cover", "close", "alert", *PROTECTIONS)
ACCOUNT = ("position", "entry_price", "bars_held", "equity")
SIDES = {"buy": "buy", "cover": "buy", "sell": "sell", "short": "sell", "close": "sell"}
SIZED_ACTIONS = ("buy", "short")

# These words have a meaning in the language already, so no formula may take them for its own names,
# and a formula that needs one is told so instead of being half understood.
LATER_WORDS = frozenset({"model"})
OTHER_WORDS = frozenset({"ta", "param", "tf"})

NOT_IN_THE_LANGUAGE: dict[type[ast.AST], str] = {
    ast.Attribute: "a dot after a name",
    ast.Lambda: "lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.List: "a list",
    ast.Dict: "a dictionary",
    ast.Set: "a set",
    ast.Tuple: "a list of values",
    ast.JoinedStr: "text in quotes",
    ast.FormattedValue: "text in quotes",
    ast.Starred: "a star before a value",
    ast.NamedExpr: "an assignment inside an expression",
    ast.Slice: "a slice",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.For: "a loop",
    ast.AsyncFor: "a loop",
    ast.While: "a loop",
    ast.Break: "break",
    ast.Continue: "continue",
    ast.FunctionDef: "a function definition",
    ast.AsyncFunctionDef: "a function definition",
    ast.ClassDef: "a class",
    ast.Return: "return",
    ast.Import: "import",
    ast.ImportFrom: "import",
    ast.With: "with",
    ast.AsyncWith: "with",
    ast.Try: "try",
    ast.TryStar: "try",
    ast.Raise: "raise",
    ast.Assert: "assert",
    ast.Delete: "del",
    ast.Pass: "pass",
    ast.Global: "global",
    ast.Nonlocal: "nonlocal",
    ast.AugAssign: "changing a name's value",
    ast.AnnAssign: "a type annotation",
    ast.Match: "match",
    ast.Pow: "**",
    ast.FloorDiv: "//",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "two less-than signs",
    ast.RShift: "two greater-than signs",
    ast.Invert: "~",
    ast.UAdd: "a plus sign before a value",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}

HINTS: dict[type[ast.AST], str] = {
    ast.Attribute: "only ta.NAME has a dot, as in ta.rsi(14)",
    ast.For: "indicators look back by themselves: sma(close, 20), highest(20), count(close > open, 5)",
    ast.While: "indicators look back by themselves: sma(close, 20), highest(20), count(close > open, 5)",
    ast.AugAssign: "each name gets its value once; use a new name",
    ast.AnnAssign: "write: name = value",
    ast.List: "write several outputs as: line, signal, hist = macd(12, 26, 9)",
    ast.Pow: "multiply, or use sqrt or exp",
    ast.FloorDiv: "write: floor(a / b)",
    ast.BitAnd: "write: and",
    ast.BitOr: "write: or",
    ast.Invert: "write: not",
    ast.Is: "write: ==",
    ast.IsNot: "write: !=",
    ast.NamedExpr: "put the assignment on a line of its own",
    ast.Pass: "leave the branch out",
    ast.UAdd: "leave the plus sign out",
}

GENERAL_HINT = "a formula is made of names, if, conditions and actions: if rsi < 30: buy()"


def left_out(node: ast.AST) -> tuple[str, str]:
    """Message and hint for a kind of syntax that the language does not have."""
    kind = type(node)
    what = NOT_IN_THE_LANGUAGE.get(kind, "this")
    return f"{what} is not part of the formula language", HINTS.get(kind, GENERAL_HINT)
