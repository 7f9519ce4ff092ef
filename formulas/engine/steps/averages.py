"""Moving averages.

The windowed ones keep sums over the current block of n values and, for each place in the block before it,
over the rest of that block; a window is one rest and one beginning. Each costs the same for every n, nothing
is ever subtracted again, so no error piles up. Values are summed as differences from a value of their own
block: on a flat market every sum is exactly zero and the mean is exactly the price.
"""

import math

from formulas.engine.steps.arithmetic import INF, NAN

State = list[float]


def sma(s: State, n: int, x: float) -> float:
    """Mean of the last n values. s: place, full, sum, base, n values, n sums of rests.

    The base is the last value of the block before: a window that reaches back into it holds that value too, and the
    mean of a whole block is taken from its own last one.
    """
    if x != x:
        return NAN
    taken = s[0]
    place = int(taken)
    s[4 + place] = x
    if place < n - 1:
        s[0] = taken + 1.0
        base = s[3]
        total = s[2] + (x - base)
        s[2] = total
        if s[1] == 0.0:
            return NAN
        mean = base + (total + s[4 + n + place]) / n
    else:
        s[0] = 0.0
        s[1] = 1.0
        s[2] = 0.0
        s[3] = x
        total = 0.0
        for i in range(n - 1, -1, -1):
            s[4 + n + i] = total
            total += s[4 + i] - x
        mean = x + total / n
    return mean if -INF < mean < INF else NAN


def wma(s: State, n: int, x: float) -> float:
    """Mean weighted 1 (oldest) to n (newest); an na bar repeats the value before it, and is na, as in Pine.

    s: place, known, sum, weighted sum, base, base before, last, n values, n weighted sums of rests.
    """
    is_na = x != x
    if is_na:
        if s[1] == 0.0:
            return NAN
        x = s[6]
    elif s[1] < n:
        s[1] += 1.0
    s[6] = x
    place = int(s[0])
    if place == 0:
        s[2] = 0.0
        s[3] = 0.0
        s[4] = x
    base = s[4]
    total = s[2] + (x - base)
    weighted = s[3] + (x - base) * (place + 1)
    s[2] = total
    s[3] = weighted
    s[7 + place] = x
    rest = n - 1 - place
    if rest > 0:
        s[0] += 1.0
        old = s[7 + n + place] + (s[5] - base) * (rest * (rest + 1) / 2)
        mean = base + (weighted + rest * total + old) / (n * (n + 1) / 2)
    else:
        mean = base + weighted / (n * (n + 1) / 2)
        s[0] = 0.0
        s[5] = x
        later = 0.0
        later_weighted = 0.0
        for i in range(n - 1, -1, -1):
            later_weighted += later
            s[7 + n + i] = later_weighted
            later += s[7 + i] - x
    if is_na or s[1] < n:
        return NAN
    return mean if -INF < mean < INF else NAN


def ema(s: State, n: int, x: float) -> float:
    """`v + 2/(n+1) * (x - v)`, begun with the mean of n values; na is skipped. s: known, value, base."""
    if x != x or n == 1:
        return x
    known = s[0]
    if known >= n:
        value = s[1] + 2.0 / (n + 1) * (x - s[1])
    else:
        if known == 0.0:
            s[1] = 0.0
            s[2] = x
        s[0] = known + 1.0
        value = s[1] + (x - s[2])
        if known + 1.0 < n:
            s[1] = value
            return NAN
        value = s[2] + value / n
    s[1] = value
    if -INF < value < INF:
        return value
    s[0] = 0.0
    return NAN


def rma(s: State, n: int, x: float) -> float:
    """Wilder's average `(v * (n-1) + x) / n`, begun with the mean of n values. s: known, value, base."""
    if x != x or n == 1:
        return x
    known = s[0]
    if known >= n:
        value = s[1]
        # The formula may round a value that does not move; a flat market must stay flat.
        if x != value:
            value = (value * (n - 1) + x) / n
    else:
        if known == 0.0:
            s[1] = 0.0
            s[2] = x
        s[0] = known + 1.0
        value = s[1] + (x - s[2])
        if known + 1.0 < n:
            s[1] = value
            return NAN
        value = s[2] + value / n
    s[1] = value
    if -INF < value < INF:
        return value
    s[0] = 0.0
    return NAN


def stdev(s: State, n: int, x: float) -> float:
    """Population deviation of the last n values, merging the spreads of two parts of the window.

    Welford's update within a part, Chan, Golub and LeVeque's merge of parts. s: place, full, mean, squares,
    n values, n means of rests, n squares of rests.
    """
    if x != x:
        return NAN
    place = int(s[0])
    if place == 0:
        s[2] = 0.0
        s[3] = 0.0
    delta = x - s[2]
    mean = s[2] + delta / (place + 1)
    squares = s[3] + delta * (x - mean)
    s[2] = mean
    s[3] = squares
    s[4 + place] = x
    rest = n - 1 - place
    if rest > 0:
        s[0] += 1.0
        if s[1] == 0.0:
            return NAN
        gap = s[4 + n + place] - mean
        squares += s[4 + 2 * n + place] + gap * gap * ((place + 1) * rest / n)
    else:
        s[0] = 0.0
        s[1] = 1.0
        later_mean = 0.0
        later_squares = 0.0
        for i in range(n - 1, -1, -1):
            s[4 + n + i] = later_mean
            s[4 + 2 * n + i] = later_squares
            delta = s[4 + i] - later_mean
            later_mean += delta / (n - i)
            later_squares += delta * (s[4 + i] - later_mean)
    return math.sqrt(squares / n) if squares < INF else NAN
