"""Seeded markets for the engine's tests, and the values of expressions over them."""

import math
import random

from formulas.engine.bars import Bars
from formulas.engine.compiler import compile_expression
from formulas.engine.history import run

MINUTE = 60
FIRST_TIME = 1_700_000_000


def random_walk(seed, count, price=100.0):
    """`count` consistent one-minute bars; some are flat, some repeat a price, so that ties occur."""
    rng = random.Random(seed)
    rows = []
    for index in range(count):
        opening = price
        if rng.random() > 0.1:
            price = round(price * math.exp(rng.gauss(0, 0.01)), 2)
        reach = 0.0 if rng.random() < 0.05 else abs(rng.gauss(0, 0.4))
        high = round(max(opening, price) + reach, 2)
        low = round(min(opening, price) - reach / 2, 2)
        rows.append((FIRST_TIME + MINUTE * index, opening, high, low, price, float(rng.randrange(1, 5000))))
    return Bars.from_rows(rows)


def flat_after(walk, price, count):
    """The walk, and then a halted market at one price."""
    rows = [walk.row(index) for index in range(len(walk))]
    last = rows[-1].time if rows else FIRST_TIME
    rows += [(last + MINUTE * (i + 1), price, price, price, price, 0.0) for i in range(count)]
    return Bars.from_rows(rows)


def closes(*prices):
    """Bars whose four prices are all the given one."""
    return Bars.from_rows([(FIRST_TIME + MINUTE * i, p, p, p, p, 1.0) for i, p in enumerate(prices)])


def values(expression, bars, output=None):
    """The values of an expression, one for each bar; NaN for na."""
    program = compile_expression(expression, output)
    return run(program, bars).outputs[program.outputs[0].name].tolist()


def same(left, right, tolerance=1e-9):
    """Whether two lists have na in the same places and numbers that agree."""
    return len(left) == len(right) and all(
        (a != a and b != b) or abs(a - b) <= tolerance * max(1.0, abs(b)) for a, b in zip(left, right, strict=True)
    )


def bits(numbers):
    """Numbers in a form in which NaN equals itself and -0.0 differs from 0.0."""
    return [number.hex() for number in numbers]
