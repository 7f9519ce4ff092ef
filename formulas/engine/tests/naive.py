"""The indicators once more, as plainly as they can be said: whole windows, exact sums, no state."""

import math

NAN = math.nan


def windows(xs, n):
    return [xs[i - n + 1 : i + 1] if i >= n - 1 else None for i in range(len(xs))]


def over_windows(xs, n, function):
    return [NAN if w is None or any(x != x for x in w) else function(w) for w in windows(xs, n)]


def sma(xs, n):
    return over_windows(xs, n, lambda w: math.fsum(w) / n)


def wma(xs, n):
    weights = range(1, n + 1)
    return over_windows(xs, n, lambda w: math.fsum(x * k for x, k in zip(w, weights, strict=True)) / sum(weights))


def stdev(xs, n):
    def deviation(window):
        mean = math.fsum(window) / n
        return math.sqrt(math.fsum((x - mean) ** 2 for x in window) / n)

    return over_windows(xs, n, deviation)


def smoothed(xs, n, weight):
    """Recursive average over the known values, begun with the mean of the first n of them."""
    result, known, value = [], [], NAN
    for x in xs:
        if x != x:
            result.append(NAN)
            continue
        known.append(x)
        if len(known) == n:
            value = math.fsum(known) / n
        elif len(known) > n:
            value = value * (1 - weight) + x * weight
        result.append(value)
    return result


def ema(xs, n):
    return smoothed(xs, n, 2 / (n + 1))


def rma(xs, n):
    return smoothed(xs, n, 1 / n)


def change(xs, k):
    return [xs[i] - xs[i - k] if i >= k else NAN for i in range(len(xs))]


def rsi(xs, n):
    changes = change(xs, 1)
    rises = rma([max(c, 0.0) if c == c else NAN for c in changes], n)
    falls = rma([max(-c, 0.0) if c == c else NAN for c in changes], n)
    result = []
    for rise, fall in zip(rises, falls, strict=True):
        if rise != rise:
            result.append(NAN)
        else:
            result.append(100.0 if fall <= 1e-10 else 100 - 100 / (1 + rise / fall))
    return result


def true_range(highs, lows, closes):
    first = [highs[0] - lows[0]]
    return first + [
        max(high - low, abs(high - last), abs(low - last))
        for high, low, last in zip(highs[1:], lows[1:], closes, strict=False)
    ]


def highest(xs, n):
    return over_windows(xs, n, max)


def lowest(xs, n):
    return over_windows(xs, n, min)


def stoch(closes, highs, lows, n):
    tops, bottoms = highest(highs, n), lowest(lows, n)
    return [
        NAN if top != top or top == bottom else 100 * (close - bottom) / (top - bottom)
        for close, top, bottom in zip(closes, tops, bottoms, strict=True)
    ]


def crossover(xs, ys):
    result = [NAN] * len(xs)
    last = None
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if x != x or y != y:
            continue
        if last is not None:
            result[i] = 1.0 if x > y and last[0] <= last[1] else 0.0
        last = (x, y)
    return result
