"""Measures of a trend: directional movement, bands and stops that follow the price, and a line through a window."""

from formulas.engine.steps.arithmetic import INF, NAN

State = list[float]

NO_MOVEMENT = 1e-10


def own_move(own: float, other: float) -> float:
    """A move that counts as directional: the larger of the two, and above 0; else 0."""
    if own != own or other != other:
        return NAN
    return own if own - other > NO_MOVEMENT and own > NO_MOVEMENT else 0.0


def imbalance(plus: float, minus: float) -> float:
    """How far two sides differ, as a share of both; 0 when both are 0."""
    both = plus + minus
    distance = abs(plus - minus)
    return distance if both == 0.0 else distance / both


def band_below(s: State, raw: float, close: float) -> float:
    """A lower band that only rises until a close falls below it. s: known, band, last close."""
    if raw != raw:
        return NAN
    before = s[1]
    band = raw if s[0] == 0.0 or raw > before or s[2] < before else before
    s[0] = 1.0
    s[1] = band
    s[2] = close
    return band


def band_above(s: State, raw: float, close: float) -> float:
    """An upper band that only falls until a close rises above it. s: known, band, last close."""
    return -band_below(s, -raw, -close)


def trend_side(s: State, close: float, upper: float, lower: float) -> float:
    """-1 in a rising market, 1 in a falling one, as Pine's supertrend. s: known, line, upper band."""
    if upper != upper or lower != lower:
        return NAN
    if s[0] == 0.0:
        side = 1.0
    elif s[1] == s[2]:
        side = -1.0 if close > upper else 1.0
    else:
        side = 1.0 if close < lower else -1.0
    s[0] = 1.0
    s[1] = lower if side < 0.0 else upper
    s[2] = upper
    return side


def sar(s: State, start: float, step: float, most: float, high: float, low: float, close: float) -> float:
    """Wilder's stop and reverse. s: bars, rising, stop, extreme, speed, close, 2 highs, 2 lows, newest first."""
    bars = s[0]
    s[0] = bars + 1.0 if bars < 2.0 else 2.0
    turned = False
    if bars == 1.0:
        turned = True
        s[4] = start
        s[1] = 1.0 if close > s[5] else 0.0
        s[2] = s[8] if close > s[5] else s[6]
        s[3] = high if close > s[5] else low
    stop = s[2] + s[4] * (s[3] - s[2])
    if bars > 0.0 and s[1] != 0.0 and stop > low:
        turned = True
        stop = max(high, s[3])
        s[1] = 0.0
        s[3] = low
        s[4] = start
    elif bars > 0.0 and s[1] == 0.0 and stop < high:
        turned = True
        stop = min(low, s[3])
        s[1] = 1.0
        s[3] = high
        s[4] = start
    if not turned and (high > s[3] if s[1] != 0.0 else low < s[3]):
        s[3] = high if s[1] != 0.0 else low
        s[4] = min(s[4] + step, most)
    if bars > 0.0:
        stop = min(stop, s[8]) if s[1] != 0.0 else max(stop, s[6])
    if bars > 1.0:
        stop = min(stop, s[9]) if s[1] != 0.0 else max(stop, s[7])
    s[2] = stop
    s[5] = close
    s[7] = s[6]
    s[6] = high
    s[9] = s[8]
    s[8] = low
    return stop if bars > 0.0 and -INF < stop < INF else NAN


def linreg(s: State, n: int, offset: int, x: float) -> float:
    """The least-squares line of the last n known values, `offset` bars before its end. s: place, known, n values."""
    if x != x:
        return NAN
    place = int(s[0])
    s[2 + place] = x
    s[0] = s[0] + 1.0 if place + 1 < n else 0.0
    if s[1] < n:
        s[1] += 1.0
    if s[1] < n:
        return NAN
    if n == 1:
        return x
    total = 0.0
    moment = 0.0
    middle = (n - 1) / 2
    # Distances from the newest value and from the middle of the window: a flat one gives exactly its price.
    for age in range(n):
        distance = s[2 + place] - x
        total += distance
        moment += distance * (middle - age)
        place = place - 1 if place > 0 else n - 1
    slope = moment / (n * (n * n - 1.0) / 12.0)
    result = x + total / n + slope * (middle - offset)
    return result if -INF < result < INF else NAN
