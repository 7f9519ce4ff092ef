"""The small Python of steps, as machine code: what it gives, and what is refused."""

import ctypes
import math

import pytest
from llvmlite import ir

from formulas.engine.kernels.machine_code import NUMBER, WHOLE, Library, object_code
from formulas.engine.kernels.translator import Translator
from formulas.engine.kernels.values import NotTranslatable

KINDS = {"int": WHOLE, "float": NUMBER, "bool": ctypes.c_bool}
KEPT = []


def both(text, **names):
    """A function as Python runs it, and as machine code."""
    module = ir.Module()
    translator = Translator(module)
    code = translator.translate(text, {"math": math, **names}, is_entry=True)
    library = Library(object_code(str(module)))
    KEPT.append(library)
    plain = {"math": math, **names}
    exec(text, plain)
    head = text.split(":\n")[0]
    given = [KINDS[one.split(": ")[1]] for one in head[head.index("(") + 1 : head.index(")")].split(", ")]
    return plain[code.name], library.function(code.name, KINDS[head.split("-> ")[1]], *given)


@pytest.mark.parametrize("expression", ["x % y", "x // y", "-x", "max(x, y)", "min(x, y)", "int(x / y)", "x - y * 2"])
def test_whole_numbers_are_those_of_python(expression):
    plain, fast = both(f"def whole(x: int, y: int) -> int:\n    return {expression}")
    for x in range(-7, 8):
        for y in (-3, -1, 1, 2, 5):
            assert fast(x, y) == plain(x, y), (x, y)


VALUES = [0.0, -0.0, 1.5, -1.5, 2.5, 1e300, -1e-300, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize(
    "expression",
    [
        "max(x, y)",
        "min(x, y)",
        "math.copysign(x, y)",
        "abs(x) - y",
        "x if x < y <= 2.5 else -y",
        "1.0 if x != x or y == x else 0.0",
        "0.0 if not (x > y and y > 0.0) else x / y",
        "float(math.floor(x)) if abs(x) < 9.0 else y",
        "math.sqrt(abs(x)) + 1",
    ],
)
def test_floats_are_those_of_python_with_na_and_zeros_of_both_signs(expression):
    plain, fast = both(f"def number(x: float, y: float) -> float:\n    return {expression}")
    for x in VALUES:
        for y in VALUES:
            assert float(fast(x, y)).hex() == float(plain(x, y)).hex(), (x, y)


def test_loops_and_branches_go_as_in_python():
    text = (
        "def walk(n: int) -> int:\n"
        "    total = 0\n"
        "    for i in range(n - 1, -1, -1):\n"
        "        j = i\n"
        "        while j > 0 and (j % 3 != 0 or n // j == 1):\n"
        "            total += j\n"
        "            j -= 1\n"
        "        if total > 500:\n"
        "            return -total\n"
        "    return total if total != LIMIT else 0"
    )
    plain, fast = both(text, LIMIT=3)
    assert [fast(n) for n in range(40)] == [plain(n) for n in range(40)]


@pytest.mark.parametrize(
    "body",
    [
        "return x ** 2",
        "return sum([x])",
        "return unknown",
        "return 'text'",
        "return x is x",
        "y = 1\n    y = x\n    return x",
        "for i in [1]:\n        x = x\n    return x",
        "import os\n    return x",
        "return x\n    return x",
        "return math.sin(x)",
    ],
)
def test_anything_else_is_refused_by_line(body):
    with pytest.raises(NotTranslatable, match="line "):
        Translator(ir.Module()).translate(f"def step(x: float) -> float:\n    {body}", {"math": math})
