"""How far prices moved: relative strength, true range, and the two sides of a change."""

from formulas.engine.steps.arithmetic import NAN

State = list[float]

NO_MOVEMENT = 1e-10


def rsi(s: State, n: int, x: float) -> float:
    """100 - 100 / (1 + average rise / average fall), both averaged as `rma`. s: known, last, rise, fall.

    A fall of at most 1e-10 gives 100, then a rise of at most 1e-10 gives 0, as Pine does; na is skipped.
    """
    if x != x:
        return NAN
    known = s[0]
    change = x - s[1]
    s[1] = x
    if known <= n:
        s[0] = known + 1.0
    if known == 0.0:
        return NAN
    gain = change if change > 0.0 else 0.0
    loss = -change if change < 0.0 else 0.0
    if known > n:
        rise = (s[2] * (n - 1) + gain) / n
        fall = (s[3] * (n - 1) + loss) / n
    else:
        rise = s[2] + gain
        fall = s[3] + loss
        if known == n:
            rise /= n
            fall /= n
    s[2] = rise
    s[3] = fall
    if known < n:
        return NAN
    if fall <= NO_MOVEMENT:
        return 100.0
    if rise <= NO_MOVEMENT:
        return 0.0
    result = 100.0 - 100.0 / (1.0 + rise / fall)
    return result if 0.0 <= result <= 100.0 else NAN


def true_range(s: State, high: float, low: float, close: float) -> float:
    """The largest of high - low and the distances of both from the last close. s: known, close."""
    result = high - low
    if s[0] != 0.0:
        last = s[1]
        if abs(high - last) > result:
            result = abs(high - last)
        if abs(low - last) > result:
            result = abs(low - last)
    s[0] = 1.0
    s[1] = close
    return result


def true_range_after_close(s: State, high: float, low: float, close: float) -> float:
    """The true range where there is a close before it; na on the first bar. s: known, close."""
    known = s[0]
    result = true_range(s, high, low, close)
    return result if known != 0.0 else NAN


def rise(change: float) -> float:
    """A change upwards, else 0; a fall of less than 1e-10 counts as none, as in Pine's `cmo`."""
    if change != change:
        return NAN
    return change if change >= -NO_MOVEMENT else 0.0


def fall(change: float) -> float:
    """A change downwards as a positive number, else 0."""
    if change != change:
        return NAN
    return 0.0 if change >= -NO_MOVEMENT else -change
