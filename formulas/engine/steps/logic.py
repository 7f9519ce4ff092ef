"""Conditions with three values: 1.0 true, 0.0 false, NaN unknown (Kleene's strong logic)."""

import math

NAN = math.nan


def less(x: float, y: float) -> float:
    """`x < y`; unknown when one is na."""
    if x < y:
        return 1.0
    return 0.0 if x >= y else NAN


def less_or_equal(x: float, y: float) -> float:
    """`x <= y`; unknown when one is na."""
    if x <= y:
        return 1.0
    return 0.0 if x > y else NAN


def greater(x: float, y: float) -> float:
    """`x > y`; unknown when one is na."""
    if x > y:
        return 1.0
    return 0.0 if x <= y else NAN


def greater_or_equal(x: float, y: float) -> float:
    """`x >= y`; unknown when one is na."""
    if x >= y:
        return 1.0
    return 0.0 if x < y else NAN


def equal(x: float, y: float) -> float:
    """`x == y`; unknown when one is na."""
    if x == y:
        return 1.0
    return NAN if x != x or y != y else 0.0


def different(x: float, y: float) -> float:
    """`x != y`; unknown when one is na."""
    if x == y:
        return 0.0
    return NAN if x != x or y != y else 1.0


def both(x: float, y: float) -> float:
    """`x and y`: false as soon as one side is false, whatever the other."""
    if x == 0.0 or y == 0.0:
        return 0.0
    return NAN if x != x or y != y else 1.0


def either(x: float, y: float) -> float:
    """`x or y`: true as soon as one side is true, whatever the other."""
    if (x == x and x != 0.0) or (y == y and y != 0.0):
        return 1.0
    return NAN if x != x or y != y else 0.0


def negation(x: float) -> float:
    """`not x`; unknown stays unknown."""
    if x == 0.0:
        return 1.0
    return NAN if x != x else 0.0


def truth(x: float) -> float:
    """A number as a condition: 0 is false, na unknown, all else true."""
    if x == 0.0:
        return 0.0
    return NAN if x != x else 1.0


def choose(condition: float, x: float, y: float) -> float:
    """`x if condition else y`; na while the condition is unknown."""
    if condition != condition:
        return NAN
    return x if condition != 0.0 else y


def is_na(x: float) -> float:
    """Whether x is na; never unknown."""
    return 1.0 if x != x else 0.0
