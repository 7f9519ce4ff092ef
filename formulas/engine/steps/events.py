"""What happened: crossings, runs in one direction, and how long ago a condition was true."""

from formulas.engine.steps.arithmetic import NAN

State = list[float]

TIE = 1e-10


def exceeds(x: float, y: float) -> bool:
    """Whether x is above y by more than rounding dust, relative to the larger of the two."""
    return x - y > TIE * max(abs(x), abs(y))


def crossover(s: State, x: float, y: float) -> float:
    """x above y now, and not above at the last bar where both were known. s: 0 none, 1 not above, 2 above."""
    if x != x or y != y:
        return NAN
    before = s[0]
    # Written out: a call takes as long as the rest in plain Python.
    above = x - y > TIE * max(abs(x), abs(y))
    s[0] = 2.0 if above else 1.0
    if before == 0.0:
        return NAN
    return 1.0 if above and before == 1.0 else 0.0


def crossunder(s: State, x: float, y: float) -> float:
    """x below y now, and not below at the last bar where both were known."""
    return crossover(s, y, x)


def cross(s: State, x: float, y: float) -> float:
    """x on the other side of y than when they last differed; a tie changes nothing. s: known, side."""
    if x != x or y != y:
        return NAN
    known = s[0]
    before = s[1]
    side = before
    if exceeds(x, y):
        side = 1.0
    elif exceeds(y, x):
        side = -1.0
    s[0] = 1.0
    s[1] = side
    if known == 0.0:
        return NAN
    return 1.0 if before != 0.0 and side != before else 0.0


def rising(s: State, n: int, x: float) -> float:
    """Each of the last n values above the one before it; an na begins anew. s: known, last, steps up."""
    if x != x:
        s[0] = 0.0
        s[2] = 0.0
        return NAN
    known = s[0]
    s[2] = s[2] + 1.0 if known > 0.0 and exceeds(x, s[1]) else 0.0
    s[1] = x
    if known <= n:
        s[0] = known + 1.0
    if known < n:
        return NAN
    return 1.0 if s[2] >= n else 0.0


def falling(s: State, n: int, x: float) -> float:
    """Each of the last n values below the one before it; an na begins anew."""
    return rising(s, n, -x)


def barssince(s: State, condition: float) -> float:
    """Bars since the condition was last true; na before it ever was. s: seen, bars."""
    if condition == condition and condition != 0.0:
        s[0] = 1.0
        s[1] = 0.0
    elif s[0] != 0.0:
        s[1] += 1.0
    return s[1] if s[0] != 0.0 else NAN


def valuewhen(s: State, k: int, condition: float, x: float) -> float:
    """x at the bar where the condition was true, k such bars back. s: place, known, newest, k values before it."""
    if condition == condition and condition != 0.0:
        if k > 0:
            place = int(s[0])
            s[3 + place] = s[2]
            s[0] = s[0] + 1.0 if place < k - 1 else 0.0
        s[2] = x
        if s[1] <= k:
            s[1] += 1.0
    if s[1] <= k:
        return NAN
    return s[3 + int(s[0])] if k > 0 else s[2]
