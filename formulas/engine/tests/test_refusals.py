"""Every refusal names its place, says what is wrong, and gives a way out."""

import pytest

from formulas.engine import FormulaError, check, compile_formula

ACT = "\nif close > 1: buy()"


def problems(source, parameters=None):
    with pytest.raises(FormulaError) as caught:
        compile_formula(source, parameters)
    return caught.value.errors


REFUSED = [
    # source, line, column, part of the message
    ("", 1, 1, "never acts"),
    ("# nothing", 1, 1, "never acts"),
    ("x = rsi(14)", 1, 1, "never acts"),
    ("if rsi < 30:", 1, 13, "cannot be read"),
    ("if rsi < 30 buy()", 1, 13, "cannot be read"),
    ("if close > 1 && open > 1: buy()", 1, 15, "cannot be read"),
    ("if close > 1: buy(", 1, 18, "cannot be read"),
    ("  buy()", 1, 2, "cannot be read"),
    ("x = 0777" + ACT, 1, 5, "cannot be read"),
    ("x = 5e" + ACT, 1, 5, "cannot be read"),
    ("import os", 1, 1, "import is not part of the formula language"),
    ("from os import path", 1, 1, "import is not part"),
    ("for i in close: buy()", 1, 1, "a loop is not part"),
    ("while True: buy()", 1, 1, "a loop is not part"),
    ("def f(): buy()", 1, 1, "a function definition is not part"),
    ("async def f(): buy()", 1, 1, "a function definition is not part"),
    ("class A: pass", 1, 1, "a class is not part"),
    ("with close: buy()", 1, 1, "with is not part"),
    ("try: buy()\nexcept: sell()", 1, 1, "try is not part"),
    ("try: buy()\nexcept* ValueError: sell()", 1, 1, "try is not part"),
    ("match close:\n    case 1: buy()", 1, 1, "match is not part"),
    ("raise close", 1, 1, "raise is not part"),
    ("assert close", 1, 1, "assert is not part"),
    ("del close", 1, 1, "del is not part"),
    ("global x", 1, 1, "global is not part"),
    ("nonlocal x", 1, 1, "nonlocal is not part"),
    ("return close", 1, 1, "return is not part"),
    ("pass" + ACT, 1, 1, "pass is not part"),
    ("break", 1, 1, "break is not part"),
    ("x = 1\nx += 1" + ACT, 2, 1, "changing a name's value is not part"),
    ("x: int = 1" + ACT, 1, 1, "a type annotation is not part"),
    ("x = (lambda: 1)" + ACT, 1, 6, "lambda is not part"),
    ("x = [close for i in close]" + ACT, 1, 5, "a comprehension is not part"),
    ("x = {close for i in close}" + ACT, 1, 5, "a comprehension is not part"),
    ("x = {i: 1 for i in close}" + ACT, 1, 5, "a comprehension is not part"),
    ("x = sum(i for i in close)" + ACT, 1, 5, "sum is not known here"),
    ("x = abs(i for i in close)" + ACT, 1, 8, "a comprehension is not part"),
    ("x = [1, 2]" + ACT, 1, 5, "a list is not part"),
    ("x = {}" + ACT, 1, 5, "a dictionary is not part"),
    ("x = {1}" + ACT, 1, 5, "a set is not part"),
    ("x = (1, 2)" + ACT, 1, 5, "a list of values is not part"),
    ("x = 'text'" + ACT, 1, 5, "text in quotes is not part"),
    ("x = b'text'" + ACT, 1, 5, "text in quotes is not part"),
    ("x = f'{close}'" + ACT, 1, 5, "text in quotes is not part"),
    ("x = None" + ACT, 1, 5, "this value is not part"),
    ("x = ..." + ACT, 1, 5, "this value is not part"),
    ("x = 3j" + ACT, 1, 5, "this value is not part"),
    ("x = abs(*close)" + ACT, 1, 9, "a star before a value is not part"),
    ("x = abs(**close)" + ACT, 1, 9, "abs has no such argument"),
    ("if (x := close) > 1: buy()", 1, 5, "an assignment inside an expression is not part"),
    ("x = (yield close)" + ACT, 1, 6, "yield is not part"),
    ("x = await close" + ACT, 1, 5, "await is not part"),
    ("x = close ** 2" + ACT, 1, 5, "** is not part"),
    ("x = close // 2" + ACT, 1, 5, "// is not part"),
    ("x = close @ open" + ACT, 1, 5, "@ is not part"),
    ("x = close & 1" + ACT, 1, 5, "& is not part"),
    ("x = close | 1" + ACT, 1, 5, "| is not part"),
    ("x = close ^ 1" + ACT, 1, 5, "^ is not part"),
    ("x = close << 1" + ACT, 1, 5, "less-than signs is not part"),
    ("x = close >> 1" + ACT, 1, 5, "greater-than signs is not part"),
    ("x = ~close" + ACT, 1, 5, "~ is not part"),
    ("x = +close" + ACT, 1, 5, "a plus sign before a value is not part"),
    ("if close is open: buy()", 1, 4, "is is not part"),
    ("if close is not open: buy()", 1, 4, "is not is not part"),
    ("if close in open: buy()", 1, 4, "in is not part"),
    ("if close not in open: buy()", 1, 4, "not in is not part"),
    ("x = close.real" + ACT, 1, 5, "a dot after a name is not part"),
    ("x = close.__class__" + ACT, 1, 5, "a dot after a name is not part"),
    ("x = ta.rsi.real" + ACT, 1, 5, "a dot after a name is not part"),
    ("x = math.abs(close)" + ACT, 1, 5, "a dot after a name is not part"),
    ("x = ta.nothing(14)" + ACT, 1, 5, "nothing is not known here"),
    ("x = ta.close" + ACT, 1, 5, "ta before a price is not part"),
    ("x = ta.buy()" + ACT, 1, 5, "buy is an action"),
    ("close.x = 1" + ACT, 1, 1, "a dot after a name is not part"),
    ("x[0] = 1" + ACT, 1, 1, "this is not part"),
    ("[a, b, c] = macd()" + ACT, 1, 1, "a list is not part"),
    ("a, *b = macd()" + ACT, 1, 4, "a star before a value is not part"),
    ("a = b = close" + ACT, 1, 1, "a value to one name"),
    ("x = abs(close)(1)" + ACT, 1, 5, "this is not part"),
    # lookbacks and lengths
    ("x = close[-1]" + ACT, 1, 11, "would read the future"),
    ("x = close[1:2]" + ACT, 1, 11, "a slice is not part"),
    ("x = close[open]" + ACT, 1, 11, "number of bars to look back must be a whole number from 0 to 5000"),
    ("x = close[1.5]" + ACT, 1, 11, "from 0 to 5000"),
    ("x = close[5001]" + ACT, 1, 11, "from 0 to 5000"),
    ("x = close[True]" + ACT, 1, 11, "from 0 to 5000"),
    ("x = close[1, 2]" + ACT, 1, 11, "from 0 to 5000"),
    ("x = rsi(0)" + ACT, 1, 9, "the length of rsi must be a whole number from 1 to 5000"),
    ("x = rsi(-14)" + ACT, 1, 9, "from 1 to 5000"),
    ("x = rsi(14.5)" + ACT, 1, 9, "from 1 to 5000"),
    ("x = rsi(True)" + ACT, 1, 9, "from 1 to 5000"),
    ("x = rsi('14')" + ACT, 1, 9, "from 1 to 5000"),
    ("x = rsi(1000000000)" + ACT, 1, 9, "from 1 to 5000"),
    ("x = rsi(" + "9" * 400 + ")" + ACT, 1, 9, "from 1 to 5000"),
    ("x = sma(close, close)" + ACT, 1, 16, "from 1 to 5000"),
    ("x = sma(close, 5 + 5)" + ACT, 1, 16, "from 1 to 5000"),
    ("n = 14\nx = rsi(n)" + ACT, 2, 9, "n is calculated"),
    ("n = 14\nx = close[n]" + ACT, 2, 11, "n is calculated"),
    ("x = valuewhen(close > 1, close, -1)" + ACT, 1, 33, "from 0 to 5000"),
    ("a, b, c = bb(20, close)" + ACT, 1, 18, "the mult of bb must be a number or a param"),
    # calls
    ("x = sma(close)" + ACT, 1, 5, "sma needs a length"),
    ("x = sma" + ACT, 1, 5, "sma needs a length"),
    ("x = crossover(close)" + ACT, 1, 5, "crossover needs a value for b"),
    ("x = min(close)" + ACT, 1, 5, "min needs a value for b"),
    ("x = rsi(close, 14, 3)" + ACT, 1, 20, "rsi does not take so many values"),
    ("x = sma(20, close)" + ACT, 1, 13, "the length of sma must be a whole number"),
    ("x = tr(14)" + ACT, 1, 8, "tr does not take so many values"),
    ("x = rsi(period=14)" + ACT, 1, 9, "rsi has no such argument"),
    ("x = rsi(14, length=14)" + ACT, 1, 13, "length is given twice"),
    ("x = macd(12, 26, 9)" + ACT, 1, 5, "macd gives several values: line, signal, hist"),
    ("if bb > 1: buy()", 1, 4, "bb gives several values"),
    ("a, b = macd()" + ACT, 1, 1, "this gives 3 values: line, signal, hist"),
    ("a, b = rsi(14)" + ACT, 1, 8, "this gives one value, not 2"),
    ("a, b = 1, 2" + ACT, 1, 8, "a list of values is not part"),
    ("x = close(1)" + ACT, 1, 5, "close() is an action"),
    ("x = open()" + ACT, 1, 5, "open is a price, not a function"),
    ("x = close + open\ny = x(2)" + ACT, 2, 5, "x is a value, not a function"),
    ("x = eval(1)" + ACT, 1, 5, "eval is not known here"),
    ("x = __import__" + ACT, 1, 5, "__import__ is not known here"),
    # names
    ("close = 1" + ACT, 1, 1, "close is a word of the language"),
    ("rsi = 1" + ACT, 1, 1, "rsi is a word of the language"),
    ("buy = 1" + ACT, 1, 1, "buy is a word of the language"),
    ("ta = 1" + ACT, 1, 1, "ta is a word of the language"),
    ("position = 1" + ACT, 1, 1, "position is a word of the language"),
    ("supertrend = 1" + ACT, 1, 1, "supertrend is a word of the language"),
    ("rsi, b, c = macd()" + ACT, 1, 1, "rsi is a word of the language"),
    ("X = 1" + ACT, 1, 1, "this name is not allowed"),
    ("_x = 1" + ACT, 1, 1, "this name is not allowed"),
    ("x" * 33 + " = 1" + ACT, 1, 1, "this name is not allowed"),
    ("x = 1\nx = 2" + ACT, 2, 1, "x has a value already"),
    ("a, a, b = macd()" + ACT, 1, 4, "a has a value already"),
    ("x = y\ny = 1" + ACT, 1, 5, "y is not known here"),
    ("x = x + 1" + ACT, 1, 5, "x is not known here"),
    ("if close > 1:\n    s = 0.5\nbuy(size=s)", 3, 10, "s is given inside an if block"),
    ("x = True()" + ACT, 1, 5, "this is not part"),
    # actions
    ("x = buy()" + ACT, 1, 5, "buy() is an action and cannot stand inside an expression"),
    ("if buy(): sell()", 1, 4, "buy() is an action"),
    ("buy", 1, 1, "buy needs its brackets"),
    ("if rsi < 30: close", 1, 14, "close needs its brackets"),
    ("x = buy" + ACT, 1, 5, "buy is an action, not a value"),
    ("x = ta(14)" + ACT, 1, 5, "ta stands before the name of a function"),
    ("buy(0.5)", 1, 5, "buy does not take a plain value"),
    ("buy(share=1)", 1, 5, "buy has no such argument"),
    ("buy(**close)", 1, 5, "buy has no such argument"),
    ("sell(size=1)", 1, 6, "sell has no such argument"),
    ("close(1)", 1, 7, "close does not take a plain value"),
    ("buy(size=buy())", 1, 10, "buy() is an action"),
    ("alert()", 1, 1, "alert takes one number"),
    ("alert(close)", 1, 1, "alert takes one number"),
    ("alert('x')", 1, 1, "alert takes one number"),
    ("alert(1, 2)", 1, 1, "alert takes one number"),
    ("rsi < 30" + ACT, 1, 1, "this line has no effect"),
    ("rsi" + ACT, 1, 1, "this line has no effect"),
    ("'docstring'" + ACT, 1, 1, "text in quotes is not part"),
    # announced words
    ("stop_loss(close - 2)", 1, 1, "never acts"),
    ("stop_loss()" + ACT, 1, 1, "stop_loss takes one price, or a distance in percent"),
    ("stop_loss(close, pct=2)" + ACT, 1, 1, "stop_loss takes one price"),
    ("take_profit(1, 2)" + ACT, 1, 1, "take_profit takes one price"),
    ("take_profit(pct=0)" + ACT, 1, 13, "the distance of take_profit is above 0"),
    ("trail(pct=-1)" + ACT, 1, 7, "the distance of trail is above 0"),
    ("trail(size=1)" + ACT, 1, 1, "trail takes one price"),
    ("trail(pct=foo)" + ACT, 1, 11, "foo is not known here"),
    ("x = trail(close)" + ACT, 1, 5, "trail() is an action"),
    ("cover(size=1)" + ACT, 1, 7, "cover has no such argument"),
    ("equity = 1" + ACT, 1, 1, "equity is a word of the language"),
    ("x = position(1)" + ACT, 1, 5, "position is a price, not a function"),
    ("x = tf" + ACT, 1, 5, "tf takes a period and an expression"),
    ("x = tf('1h')" + ACT, 1, 5, "tf takes a period and an expression"),
    ("x = tf('1h', close, open)" + ACT, 1, 5, "tf takes a period and an expression"),
    ("x = tf('1h', source=close)" + ACT, 1, 5, "tf takes a period and an expression"),
    ("x = tf(60, close)" + ACT, 1, 8, "this is not a period"),
    ("x = tf('1 fortnight', close)" + ACT, 1, 8, "this is not a period"),
    ("x = tf('', close)" + ACT, 1, 8, "this is not a period"),
    ("x = tf('0h', close)" + ACT, 1, 8, "this is not a period"),
    ("x = tf('99w', close)" + ACT, 1, 8, "this is not a period"),
    ("x = tf('1h', tf('4h', close))" + ACT, 1, 14, "tf cannot stand inside tf"),
    ("x = tf('1h', 'text')" + ACT, 1, 14, "text in quotes is not part"),
    ("x = tf('1h', equity)" + ACT, 1, 14, "equity belongs to the chart's own bars"),
    ("a = sma(9)\nx = tf('1h', a)" + ACT, 2, 14, "a is made of the chart's own bars"),
    ("x = tf('1h', macd())" + ACT, 1, 14, "macd gives several values"),
    ("tf = 1" + ACT, 1, 1, "tf is a word of the language"),
    ("x = model('m')" + ACT, 1, 5, "model is not available yet"),
    ("x = supertrend(3, 10)" + ACT, 1, 5, "supertrend gives several values: line, direction"),
    ("x = sar(close)" + ACT, 1, 9, "the start of sar must be a number or a param"),
    # params
    ("x = param()" + ACT, 1, 5, "a param needs its default"),
    ("x = param(close)" + ACT, 1, 11, "plain numbers"),
    ("x = param(1, 2)" + ACT, 1, 5, "a param needs its default"),
    ("x = param(5, min=9)" + ACT, 1, 5, "lies between its min and max"),
    ("x = param(5, max=4)" + ACT, 1, 5, "lies between its min and max"),
    ("x = param(5, step=0)" + ACT, 1, 5, "the step of a param is above 0"),
    ("x = param(5, low=1)" + ACT, 1, 14, "a param takes min, max and step"),
    ("x = param(5, min=close)" + ACT, 1, 18, "plain numbers"),
    ("x = 1 + param(5)" + ACT, 1, 9, "param stands on a line of its own"),
    ("if close > 1:\n    x = param(5)\n    buy()", 2, 9, "a param cannot stand inside an if block"),
    ("n = param(14.5)\nx = rsi(n)" + ACT, 2, 9, "from 1 to 5000"),
    ("n = param(0)\nx = rsi(n)" + ACT, 2, 9, "from 1 to 5000"),
    # numbers
    ("x = 1e999" + ACT, 1, 5, "this number is too large"),
    ("x = 1e15" + ACT, 1, 5, "this number is too large"),
    ("x = " + "9" * 400 + ACT, 1, 5, "this number is too large"),
    # raw text
    ("if \uff43lose > 1: buy()", 1, 4, "U+FF43"),
    ("buy()\n# \u202e", 2, 3, "U+202E"),
    ("buy()\x00", 1, 6, "U+0000"),
    ("buy()\n\x0cbuy()", 2, 1, "U+000C"),
    ("buy() \ud800", 1, 7, "U+D800"),
    ("\ufeffbuy()", 1, 1, "U+FEFF"),
    ("buy()\r\nx = \u00e9", 2, 5, "U+00E9"),
    ("buy()\n" + "#" * 4096, 2, 4091, "at most 4096 characters"),
]


@pytest.mark.parametrize(("source", "line", "column", "message"), REFUSED)
def test_a_refusal_says_where_and_why(source, line, column, message):
    problem = problems(source)[0]
    assert message in problem.message
    assert (problem.line, problem.column) == (line, column)
    assert problem.hint


def test_checking_reports_what_compiling_refuses():
    for source, *_ in REFUSED:
        report = check(source)
        assert not report.valid
        assert report.version_hash is None
        assert report.errors == problems(source)


NESTED = "\n".join(" " * i + "if close > 1:" for i in range(9)) + "\n" + " " * 9 + "buy()"
LIMITS = [
    ("\n".join(f"x{i} = {i}" for i in range(64)) + "\nbuy()", 65, 1, "at most 64 statements"),
    (NESTED, 9, 9, "nested more than 8 deep"),
    ("x = " + "-" * 51 + "close" + ACT, 1, 55, "more than 50 levels deep"),
    ("x = " + "not " * 60 + "close" + ACT, 1, 205, "more than 50 levels deep"),
    ("x = " + "abs(" * 51 + "close" + ")" * 51 + ACT, 1, 208, "more than 50 brackets are open"),
    ("x = " + "(" * 51 + "close" + ")" * 51 + ACT, 1, 55, "more than 50 brackets are open"),
    ("x = " + "+".join(["close"] * 65) + ACT, 1, 5, "at most 64 operands"),
    ("x = " + " and ".join(["close"] * 65) + ACT, 1, 5, "at most 64 operands"),
    ("x = " + " < ".join(["close"] * 65) + ACT, 1, 5, "at most 64 operands"),
    ("x = max(" + ", ".join(["close"] * 65) + ")" + ACT, 1, 5, "at most 64 operands"),
    (
        "\n".join(f"x{k} = " + "+".join(f"sma({k * 50 + i + 1})" for i in range(50)) for k in range(4)) + ACT,
        3,
        1,
        "more than 256 different calculations",
    ),
    ("\n".join(f"x{i} = sma({5000 - i})" for i in range(30)) + ACT, 14, 1, "more than 1 MB"),
]


@pytest.mark.parametrize(("source", "line", "column", "message"), LIMITS)
def test_a_formula_that_is_too_large_is_refused_where_it_becomes_so(source, line, column, message):
    problem = problems(source)[0]
    assert message in problem.message
    assert (problem.line, problem.column) == (line, column)


@pytest.mark.parametrize(
    "source",
    [
        "\n".join(f"x{i} = {i}" for i in range(63)) + "\nbuy()",
        "\n".join(" " * i + "if close > 1:" for i in range(8)) + "\n" + " " * 8 + "buy()",
        "x = " + "-" * 49 + "close" + ACT,
        "x = " + "abs(" * 49 + "close" + ")" * 49 + ACT,
        "x = " + "+".join(["close"] * 64) + ACT,
        "x = " + " and ".join(["close"] * 64) + ACT,
        "x = close[5000] + close[0] + rsi(5000) + rsi(1)" + ACT,
        "if close > 1: buy()\n" + "elif close > 2: buy()\n" * 31,
        "x" * 32 + " = 1" + ACT,
        "x = 999999999999999" + ACT,
    ],
)
def test_a_formula_at_the_limit_is_accepted(source):
    assert check(source).errors == ()


def test_one_run_tells_all_problems_in_order_and_no_echoes():
    source = "x = foo\ny = rsi(0)\nz = x + y\nBig = z\nif Big > 1: buy()\nfor i in z: sell()"
    found = [(problem.line, problem.column) for problem in problems(source)]
    assert found == [(1, 5), (2, 9), (4, 1), (6, 1)]


@pytest.mark.parametrize("use", ["rsi(n)", "close[n]", "bb(20, n)", "close + n", "n(1)", "tf('1h', n)"])
def test_a_refused_param_is_told_once_wherever_it_is_used(use):
    target = "a, b, c" if use.startswith("bb") else "x"
    found = [(problem.line, problem.column) for problem in problems(f"n = param(9, max=5)\n{target} = {use}" + ACT)]
    assert found == [(1, 5)]


def test_only_the_first_problems_are_told_and_their_order_is_that_of_the_source():
    source = "\n".join(f"x{i} = crosover{i}" for i in range(60)) + "\nn = param(5)\nbuy()"
    told = problems(source, {"n": 7})
    assert [problem.line for problem in told] == list(range(1, 21))
    assert "crossover" in told[0].hint


def test_a_problem_inside_a_branch_is_found_beside_one_in_its_condition():
    found = [(p.line, p.column) for p in problems("if foo > 1:\n    bar()\nelse:\n    buy(1)")]
    assert found == [(1, 4), (2, 5), (4, 9)]


def test_the_error_reads_as_one_line():
    with pytest.raises(FormulaError, match=r"^line 1, column 4: clsoe is not known here$"):
        compile_formula("if clsoe > 1: buy()")


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("if clsoe > 1: buy()", "did you mean close?"),
        ("if close > 1 && open > 1: buy()", "write: and"),
        ("x = sma(close)" + ACT, "write: sma(close, 20)"),
        ("n = 14\nx = rsi(n)" + ACT, "write: n = param(14)"),
        ("x = macd()" + ACT, "line, signal, hist = macd("),
        ("buy(0.5)", "write: buy(size=0.5)"),
        ("if rsi < 30: buy", "write: buy()"),
        ("buy()\nstop_loss", "write: stop_loss(pct=2)"),
        ("if rsi = 30: buy()", "write: =="),
        ("if rsi => 30: buy()", "write: >="),
        ("if rsi =< 30: buy()", "write: <="),
        ("if rsi <> 30: buy()", "!= for"),
        ("if !rsi: buy()", "write: not"),
        ("if rsi < 30%: buy()", "write the number alone"),
        ("if rsi < 30 AND close > 1: buy()", "small letters"),
        ("IF rsi < 30: buy()", "small letters"),
        ("if rsi < 30 then buy()", "a colon in place of then"),
        ("if rsi < 30: buy() else: sell()", "on a line of its own"),
        ("if rsi < 30:\n    buy()\nelse if rsi > 70:\n    sell()", "write: elif"),
        ("if rsi < 30 { buy() }", "a colon and indented lines"),
        ("if rsi < 30:\nbuy()", "four spaces"),
        ("if rsi < 30:\n    buy()\n  sell()", "four spaces"),
        ("var x = 3", "write: name = value"),
        ("rsi(14) = 3", "== to compare"),
        ("x = 'close" + ACT, "only tf takes text"),
        ("x = 30pips" + ACT, "numbers are such as"),
        ("x = true" + ACT, "write: True"),
        ("x = math.max(close, open)" + ACT, "write: max(a, b, ...)"),
        ("x = math.abs(close)" + ACT, "write: abs(x)"),
        ("x = ta.close" + ACT, "write: close"),
        ("x = input.int(14)" + ACT, "write: length = param(14"),
        ("x = request.security(close)" + ACT, "tf("),
        ("strategy.entry(1)", "write: buy()"),
        ("if crossover(close, 1): plot(close)", "leave this line out"),
    ],
)
def test_the_hint_shows_what_to_write(source, hint):
    assert hint in problems(source)[0].hint


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"m": 3}, "does not have"),
        ({"n": 60}, "outside its range"),
        ({"n": 1}, "outside its range"),
        ({"n": 7.5}, "from 1 to 5000"),
        ({"n": float("nan")}, "outside its range"),
        ({"n": float("inf")}, "outside its range"),
        ({"n": 10**400}, "outside its range"),
        ({"n": True}, "is not a number"),
        ({"n": "7"}, "is not a number"),
    ],
)
def test_values_for_params_are_checked(parameters, message):
    source = "n = param(14, min=2, max=50)\nif rsi(n) < 30: buy()"
    assert message in problems(source, parameters)[0].message


def test_what_cannot_be_read_is_told_without_the_words_of_python():
    told = {problems(source)[0].message for source, _, _, message in REFUSED if message == "cannot be read"}
    assert told
    for message in told:
        assert "invalid syntax" not in message
        assert ":=" not in message
        assert "literal" not in message


def test_messages_are_short_plain_lines():
    for source, *_ in [*REFUSED, *LIMITS]:
        for problem in problems(source):
            for text in (problem.message, problem.hint):
                assert text.isascii()
                assert text.isprintable()
                assert len(text) <= 160
