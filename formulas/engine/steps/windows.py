"""Looking back: a value some bars ago, and the extremes and counts of a window."""

from formulas.engine.steps.arithmetic import NAN

State = list[float]


def lag(s: State, k: int, x: float) -> float:
    """The value k bars ago, na included. s: place, known, k values."""
    place = int(s[0])
    result = s[2 + place]
    s[2 + place] = x
    s[0] = place + 1.0 if place + 1 < k else 0.0
    if s[1] < k:
        s[1] += 1.0
        return NAN
    return result


def highest(s: State, n: int, x: float) -> float:
    """Largest of the last n values; an na empties the window.

    s: place, full, largest, n values, n of rests.
    """
    if x != x:
        s[0] = 0.0
        s[1] = 0.0
        return NAN
    place = int(s[0])
    top = s[2] if place > 0 and s[2] > x else x
    s[2] = top
    s[3 + place] = x
    if place < n - 1:
        s[0] = place + 1.0
        if s[1] == 0.0:
            return NAN
        return s[3 + n + place] if s[3 + n + place] > top else top
    s[0] = 0.0
    s[1] = 1.0
    later = x
    for i in range(n - 1, -1, -1):
        s[3 + n + i] = later
        if s[3 + i] > later:
            later = s[3 + i]
    return top


def lowest(s: State, n: int, x: float) -> float:
    """Smallest of the last n values; an na empties the window.

    s: place, full, smallest, n values, n of rests.
    """
    if x != x:
        s[0] = 0.0
        s[1] = 0.0
        return NAN
    place = int(s[0])
    bottom = s[2] if place > 0 and s[2] < x else x
    s[2] = bottom
    s[3 + place] = x
    if place < n - 1:
        s[0] = place + 1.0
        if s[1] == 0.0:
            return NAN
        return s[3 + n + place] if s[3 + n + place] < bottom else bottom
    s[0] = 0.0
    s[1] = 1.0
    later = x
    for i in range(n - 1, -1, -1):
        s[3 + n + i] = later
        if s[3 + i] < later:
            later = s[3 + i]
    return bottom


def count(s: State, n: int, condition: float) -> float:
    """How often the condition was true among its last n known values. s: place, known, total, n values."""
    if condition != condition:
        return NAN
    flag = 1.0 if condition != 0.0 else 0.0
    place = int(s[0])
    s[2] += flag - s[3 + place]
    s[3 + place] = flag
    s[0] = place + 1.0 if place + 1 < n else 0.0
    if s[1] < n:
        s[1] += 1.0
    return s[2] if s[1] >= n else NAN
