"""Looking back: a value some bars ago, and the extremes and counts of a window."""

from formulas.engine.steps.arithmetic import INF, NAN

State = list[float]

NO_SPREAD = 1e-14


def lag(s: State, k: int, x: float) -> float:
    """The value k bars ago, na included. s: place, known, k values."""
    place = int(s[0])
    result = s[2 + place]
    s[2 + place] = x
    s[0] = s[0] + 1.0 if place + 1 < k else 0.0
    if s[1] < k:
        s[1] += 1.0
        return NAN
    return result


def hold(s: State, period: int, x: float) -> float:
    """The last value that was released; on a bar without a release x is infinite. s: known, value."""
    if x < INF:
        s[0] = 1.0
        s[1] = x
    elif x != x:
        s[0] = 0.0
    return s[1] if s[0] != 0.0 else NAN


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
        s[0] += 1.0
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
        s[0] += 1.0
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
    s[0] = s[0] + 1.0 if place + 1 < n else 0.0
    if s[1] < n:
        s[1] += 1.0
    return s[2] if s[1] >= n else NAN


def highestbars(s: State, n: int, x: float) -> float:
    """How many bars ago the largest of the last n values was, as 0 or below; the earliest of equals.

    s: bars since an na, first and number of candidates, n of their values, n of their bars. A candidate is a
    value that no later one exceeds: they fall from the first to the last.
    """
    if x != x:
        s[0] = 0.0
        s[2] = 0.0
        return NAN
    bar = s[0]
    first = int(s[1])
    size = int(s[2])
    s[0] = bar + 1.0
    if size > 0 and s[3 + n + first] <= bar - n:
        first = first + 1 if first + 1 < n else 0
        size -= 1
    while size > 0 and s[3 + (first + size - 1) % n] < x:
        size -= 1
    place = (first + size) % n
    s[3 + place] = x
    s[3 + n + place] = bar
    s[1] = float(first)
    s[2] = size + 1.0
    return s[3 + n + first] - bar if bar >= n - 1 else NAN


def lowestbars(s: State, n: int, x: float) -> float:
    """How many bars ago the smallest of the last n values was, as 0 or below; the earliest of equals."""
    return highestbars(s, n, -x)


def cci(s: State, n: int, x: float) -> float:
    """`(x - mean) / (0.015 * mean distance from the mean)`; na is skipped, a flat window is na.

    s: place, known, n values.
    """
    if x != x:
        return NAN
    place = int(s[0])
    s[2 + place] = x
    s[0] = s[0] + 1.0 if place + 1 < n else 0.0
    if s[1] < n:
        s[1] += 1.0
    if s[1] < n:
        return NAN
    total = 0.0
    for i in range(2, 2 + n):
        total += s[i] - x
    mean = x + total / n
    distance = 0.0
    for i in range(2, 2 + n):
        distance += abs(s[i] - mean)
    distance /= n
    if distance <= NO_SPREAD * abs(mean):
        return NAN
    result = (x - mean) / (0.015 * distance)
    return result if -INF < result < INF else NAN
