"""Sources written to break out, to hang or to crash: each is refused, quickly, by a FormulaError."""

import time

import pytest

from formulas.engine import FormulaError, compile_formula
from formulas.engine.compiler import compile_expression, compile_output

HOSTILE = [
    "__import__('os').system('id')",
    "().__class__.__bases__[0].__subclasses__()",
    "(lambda: 0).__globals__",
    "close.__class__.__mro__",
    "ta.__class__",
    "ta.__dict__['rsi']",
    "ta.rsi.__globals__",
    "ta.rsi(14).__class__",
    "getattr(ta, 'rsi')",
    "eval('1')",
    "exec('buy()')",
    "compile('1', '', 'eval')",
    "open('/etc/passwd')",
    "open('/etc/passwd').read()",
    "globals()",
    "locals()",
    "vars()",
    "breakpoint()",
    "input()",
    "print(close)",
    "exit()",
    "type(close)",
    "object()",
    "super()",
    "'{0.__class__}'.format(close)",
    "f'{close.__class__}'",
    "f'{close!r:>{99999999}}'",
    "'%s' % close",
    "'a' * 10**10",
    "[i for i in ().__class__.__base__.__subclasses__()]",
    "(x for x in [1]).gi_frame.f_back",
    "{**close}",
    "[*close]",
    "abs(*[1] * 10**9)",
    "abs(**{'x': 1})",
    "max(key=close)",
    "min(default=close)",
    "x if (x := eval) else x",
    "lambda close=__import__: close",
    "import os; buy()",
    "from __future__ import annotations",
    "try:\n    buy()\nexcept* Exception as e:\n    sell()",
    "try:\n    1/0\nexcept BaseException:\n    buy()",
    "class A(metaclass=type): pass",
    "def rsi(close, /, **kw): return close",
    "@buy\ndef f(): pass",
    "async def f():\n    async with close: pass",
    "async def f():\n    [x async for x in close]",
    "with open('x') as f: buy()",
    "match close:\n    case object(__class__=x): buy()",
    "global close; close = 1",
    "del rsi",
    "9**9**9",
    "2 << 10**9",
    "1e308 * 10 ** 308",
    "9" * 4090,
    "9" * 5000,
    "0x" + "f" * 4000,
    "1" + "0" * 4000 + ".5",
    "1j ** close",
    "(" * 200 + ")" * 200,
    "(" * 4096,
    "[" * 4096,
    "{" * 2000 + "}" * 2000,
    "-" * 4000 + "1",
    "~" * 4000 + "1",
    "not " * 1000 + "close",
    "close" + "[0]" * 1300,
    "close" + ".x" * 2000,
    "close" + "()" * 2000,
    "+".join(["1"] * 2000),
    "<".join(["1"] * 2000),
    " and ".join(["1"] * 800),
    "1 if 1 else " * 300 + "1",
    "close < " * 30_000 + "1",
    "x" * 2_000_000,
    "\n" * 5000,
    "if close:\n" + "\n".join(" " * i + "if close:" for i in range(1, 88)),
    "if close: buy()\n" + "elif close: buy()\n" * 200,
    ";".join(["buy()"] * 600),
    "\n".join(["buy()"] * 600),
    "a = " * 900 + "1",
    "x = " + ", ".join("a" * 1 for _ in range(1000)),
    "\n".join(f"a{i} = " + ("close" if not i else f"a{i - 1} * a{i - 1}") for i in range(64)),
    "b = close > 1\n" + "\n".join(f"b{i} = b{i - 1 if i else ''} and b" for i in range(62)) + "\nbuy(b)",
    "\uff45\uff56\uff41\uff4c(1)",
    "\u0435val(1)",
    "cl\u200bose",
    "close\u2028buy()",
    "# -*- coding: utf-7 -*-\n+AGIAdQB5-()",
    "buy()\x00; import os",
    "\udcff",
    "\x1a",
    "\x0c" * 100,
    "\\\n" * 1000,
    "buy()\\",
    "'''" + "a" * 4000,
    'f"{' * 500,
    "\t buy()\n \tsell()",
    "if True:\n\tbuy()\n        sell()",
    "close[-1]",
    "close[--1]",
    "close[~0]",
    "close[0 - 1]",
    "close[1 if close > 1 else 0]",
    "close[:]",
    "close[::-1]",
    "close[1e9]",
    "close[10**9]",
    "highest(close, 10**9)",
    "sma(close, -1)",
    "sma(close, 0.0)",
    "valuewhen(close > 1, close, 1000000)",
    "shift(close, -1)",
    "portfolio('x')",
    "load('formula:1')",
    "random()",
    "now()",
    "None",
    "...",
    "",
    " ",
    "#",
    "\\",
    ";",
]


def wrapped(source):
    """The source as it stands, and as a value inside an otherwise good formula."""
    return [source, f"x = {source}\nif close > 1: buy()"]


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_source_is_refused_quickly(source):
    start = time.process_time()
    with pytest.raises(FormulaError) as caught:
        compile_formula(source)
    for compiles in (compile_expression, lambda text: compile_output(text, "x")):
        if not source.startswith(("a0 = ", "\n")):
            with pytest.raises(FormulaError):
                compiles(source)
    assert time.process_time() - start < 0.5
    for problem in caught.value.errors:
        assert problem.line >= 1
        assert problem.column >= 1
        assert len(problem.message) <= 160


def test_a_value_squared_many_times_compiles_to_a_small_program():
    lines = ["a0 = close"] + [f"a{i} = a{i - 1} * a{i - 1}" for i in range(1, 60)]
    start = time.process_time()
    report = compile_formula("\n".join([*lines, "if a59 > 1: buy()"]))
    assert time.process_time() - start < 0.1
    assert max(len(text) for text in report.texts) <= 300


def test_conditions_joined_many_times_over_explain_themselves_shortly():
    lines = ["b0 = close > open"] + [f"b{i} = b{i - 1} and (b{i - 1} or low > {i})" for i in range(1, 60)]
    start = time.process_time()
    program = compile_formula("\n".join([*lines, "if b59: buy()"]))
    assert time.process_time() - start < 0.1
    assert len(program.actions[0].reasons) <= 16
