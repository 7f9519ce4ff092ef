"""Sources that were written to break out, to hang, to crash, to spy or to look ahead."""

import builtins
import keyword


def words(text):
    return text.split()


WRITTEN = [
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

# What Python itself would hand to whoever can name it; the language has a few words of the same name.
OWN_WORDS = {"abs", "max", "min", "round", "open"}
BUILTINS = [
    f"{name}(close)"
    for name in dir(builtins)
    if name[0] != "_" and name.islower() and name not in OWN_WORDS and callable(getattr(builtins, name))
]
HIDDEN = words("""__builtins__ __import__ __loader__ __spec__ __name__ __file__ __doc__ __debug__ __build_class__
__package__ __dict__ __class__ __globals__ __subclasses__""")
ATTRIBUTES = words("""__class__ __bases__ __base__ __mro__ __subclasses__ __init__ __globals__ __builtins__ __dict__
__code__ __closure__ __defaults__ __getattribute__ __reduce__ __reduce_ex__ __self__ __func__ __module__ __wrapped__
gi_frame gi_code cr_frame ag_frame tb_frame f_back f_globals f_locals f_builtins co_code func_globals format format_map
mro values iloc loc ctypes tofile to_pickle eval query pipe apply real imag T __array_interface__""")
REACHED = [text.format(name) for name in ATTRIBUTES for text in ("close.{}", "rsi(14).{}()", "ta.{}", "(1).{}")]
LANGUAGE = [f"{word} close" for word in keyword.kwlist if word not in ("not", "True", "False", "None")]
MODULES = words("""os sys subprocess socket ctypes pickle shutil importlib builtins numpy pandas django urllib signal
threading multiprocessing gc inspect code pty""")
IMPORTS = [text.format(name) for name in MODULES for text in ("import {}", "from {} import *", "__import__('{}')")]
STRANGERS = [
    f"x = clo{character}se" for character in "\u200b\u200d\u202e\u2066\u00a0\ufeff\u0441\uff0e\u2028\x00\x1b\x7f\u00ad"
]
LOOKALIKES = [
    "\uff45val(1)",
    "\U0001d41e\U0001d42f\U0001d41a\U0001d425(1)",
    "\u212fval(1)",
    "cl\u03bfse > 1",
    "r\u017fi > 1",
]
AHEAD = [f"x = {text}" for text in (
    "close[-1]", "close[-5000]", "close[0 - 1]", "close[+1]", "close[~0]", "close[bar_index]", "close[close > 1]",
    "close[1:]", "close[:1]", "close[None]", "close[()]", "close[1][-1]", "sma(close, -5)", "lead(close, 1)",
    "shift(close, -1)", "request(close)", "security('X', close)", "tf('1h', close[-1])", "tf('-1h', close)",
    "highest(close, -3)", "change(close, -1)", "mom(-1)", "valuewhen(close > 1, close, -2)", "future(close)",
)]  # fmt: skip
OTHERS_DATA = [f"x = {text}" for text in (
    "portfolio('x')", "load('formula:1')", "user.password", "settings.SECRET_KEY", "account(2)", "balance('bob')",
    "fetch('http://127.0.0.1/')", "socket('127.0.0.1', 1)", "read('/etc/passwd')", "env('SECRET_KEY')", "now()",
    "clock()", "random()", "rand(1)", "sleep(10)", "model('../../etc/passwd')", "model(close)", "secrets", "request",
    "formula(1)", "position('bob')", "equity[bob]",
)]  # fmt: skip
COSTS = [
    "x = " + "9" * 400 + "." + "9" * 400,
    "x = 1" + "_000" * 900,
    "x = 0b" + "1" * 3000,
    "x = 1e" + "9" * 3000,
    "x = " + "1e308*" * 300 + "1",
    "x = " + "close[5000] + " * 70 + "close",
    "x = " + "max(" * 60 + "close" + ", close)" * 60,
    "x = " + "{" * 60 + "}" * 60,
    "x = " + "[" * 20_000,
    "x = " + "(" * 20_000 + ")" * 20_000,
    "#" * 5000,
    "a" * 1_000_000,
    "\n".join(f"x{i} = stdev(close, {5000 - i})" for i in range(40)),
    "\n".join(f"x{i} = sma(close, {i + 1})" for i in range(65)),
    "\n".join("if close > 1:" for _ in range(60)),
    "if close > 1: " * 60,
    "\n".join(f"x{i} = crossvr{i}" for i in range(63)) + "\nbuy()",
    "\n".join([*(f"stochastic_{i} = close" for i in range(31)), *(f"y{i} = stochastik_{i}" for i in range(31))]),
    "\n".join(f"if crossvoer{i} > stochasti{i}: supertrent{i}()" for i in range(31)),
    "\n".join(f"if supertrnd{i} > 1: bby({i})\nelif keltnr{i} < 2: donchiann{i}" for i in range(15)),
]
HOSTILE = [
    *WRITTEN,
    *BUILTINS,
    *HIDDEN,
    *REACHED,
    *LANGUAGE,
    *IMPORTS,
    *STRANGERS,
    *LOOKALIKES,
    *AHEAD,
    *OTHERS_DATA,
    *COSTS,
]
