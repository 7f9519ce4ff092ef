"""More indicators as plainly as they can be said: channels, directional movement, money flows."""

import math

from formulas.engine.tests.naive import NAN, change, ema, over_windows, rma, sma, stdev, stoch, true_range, wma


def each(function, *columns):
    """A function of one bar's values; na when one of them is."""
    return [NAN if any(x != x for x in values) else function(*values) for values in zip(*columns, strict=True)]


def after(xs, first):
    """The series without its first bars, for averages that begin with the known values."""
    return [NAN] * first + xs[first:]


def shifted(function, xs, n, first):
    return [NAN] * first + function(xs[first:], n)


def bbw(xs, n, k):
    return each(lambda mean, spread: 100 * 2 * k * spread / mean, sma(xs, n), stdev(xs, n))


def hma(xs, n):
    raw = each(lambda half, whole: 2 * half - whole, wma(xs, max(n // 2, 1)), wma(xs, n))
    return shifted(wma, raw, math.isqrt(n), n - 1)


def vwma(xs, volumes, n):
    return each(lambda a, b: a / b, sma([x * v for x, v in zip(xs, volumes, strict=True)], n), sma(volumes, n))


def dema(xs, n):
    return each(lambda a, b: 2 * a - b, ema(xs, n), ema(ema(xs, n), n))


def tema(xs, n):
    first, second = ema(xs, n), ema(ema(xs, n), n)
    return each(lambda a, b, c: 3 * (a - b) + c, first, second, ema(second, n))


def linreg(xs, n, offset=0):
    def line(window):
        middle = (n - 1) / 2
        mean = math.fsum(window) / n
        if n == 1:
            return window[0]
        spread = math.fsum((i - middle) ** 2 for i in range(n))
        slope = math.fsum((i - middle) * (x - mean) for i, x in enumerate(window)) / spread
        return mean + slope * (n - 1 - offset - middle)

    return over_windows(xs, n, line)


def cmo(xs, n):
    def share(window):
        rises, falls = math.fsum(max(c, 0) for c in window), math.fsum(max(-c, 0) for c in window)
        return 100 * (rises - falls) / (rises + falls) if rises + falls else NAN

    return over_windows(change(xs, 1), n, share)


def natr(highs, lows, closes, n):
    return each(lambda a, c: 100 * a / c, rma(true_range(highs, lows, closes), n), closes)


def kc(highs, lows, closes, n, k):
    reach = ema(after(true_range(highs, lows, closes), 1), n)
    middle = ema(closes, n)
    return each(lambda m, r: m + k * r, middle, reach), middle, each(lambda m, r: m - k * r, middle, reach)


def ppo(xs, fast, slow):
    return each(lambda a, b: 100 * (a - b) / b, ema(xs, fast), ema(xs, slow))


def stoch_d(closes, highs, lows, n, k):
    return shifted(sma, stoch(closes, highs, lows, n), k, n - 1)


def wpr(closes, highs, lows, n):
    return each(lambda k: k - 100, stoch(closes, highs, lows, n))


def cci(xs, n):
    def index(window):
        mean = math.fsum(window) / n
        distance = math.fsum(abs(x - mean) for x in window) / n
        return (window[-1] - mean) / (0.015 * distance) if distance > 1e-12 else NAN

    return over_windows(xs, n, index)


def mfi(xs, volumes, n):
    moves = change(xs, 1)
    result = [NAN] * len(xs)
    for i in range(n, len(xs)):
        window = range(i - n + 1, i + 1)
        rise = math.fsum(xs[j] * volumes[j] for j in window if moves[j] > 1e-10)
        fall = math.fsum(xs[j] * volumes[j] for j in window if moves[j] < -1e-10)
        result[i] = 100 - 100 / (1 + rise / fall) if fall else 100.0
    return result


def dmi(highs, lows, closes, n, k):
    ups, downs = change(highs, 1), [-c for c in change(lows, 1)]
    plus = each(lambda up, down: up if up - down > 1e-10 and up > 1e-10 else 0.0, ups, downs)
    minus = each(lambda up, down: down if down - up > 1e-10 and down > 1e-10 else 0.0, ups, downs)
    span = rma(after(true_range(highs, lows, closes), 1), n)
    plus = each(lambda m, r: 100 * m / r if r else NAN, rma(plus, n), span)
    minus = each(lambda m, r: 100 * m / r if r else NAN, rma(minus, n), span)
    strength = rma(each(lambda p, m: abs(p - m) / (p + m or 1.0), plus, minus), k)
    return plus, minus, [100 * x for x in strength]


def supertrend(highs, lows, closes, factor, n):
    reach = rma(true_range(highs, lows, closes), n)
    lines, sides = [NAN] * len(closes), [NAN] * len(closes)
    top = bottom = None
    for i in range(n - 1, len(closes)):
        middle = (highs[i] + lows[i]) / 2
        raw_top, raw_bottom = middle + factor * reach[i], middle - factor * reach[i]
        if top is None:
            side, new_top, new_bottom = 1.0, raw_top, raw_bottom
        else:
            new_bottom = raw_bottom if raw_bottom > bottom or closes[i - 1] < bottom else bottom
            new_top = raw_top if raw_top < top or closes[i - 1] > top else top
            if lines[i - 1] == top:
                side = -1.0 if closes[i] > new_top else 1.0
            else:
                side = 1.0 if closes[i] < new_bottom else -1.0
        top, bottom = new_top, new_bottom
        lines[i], sides[i] = (bottom if side < 0 else top), side
    return lines, sides


def sar(highs, lows, closes, start, step, most):
    result = [NAN]
    rising = closes[1] > closes[0]
    stop, extreme, speed = (lows[0], highs[1], start) if rising else (highs[0], lows[1], start)
    for i in range(1, len(closes)):
        turned = i == 1
        stop += speed * (extreme - stop)
        if rising and stop > lows[i]:
            turned, rising, stop, extreme, speed = True, False, max(highs[i], extreme), lows[i], start
        elif not rising and stop < highs[i]:
            turned, rising, stop, extreme, speed = True, True, min(lows[i], extreme), highs[i], start
        if not turned and (highs[i] > extreme if rising else lows[i] < extreme):
            extreme, speed = (highs[i] if rising else lows[i]), min(speed + step, most)
        before = slice(max(i - 2, 0), i)
        stop = min(stop, *lows[before]) if rising else max(stop, *highs[before])
        result.append(stop)
    return result


def obv(closes, volumes):
    total, result = 0.0, [NAN]
    for i in range(1, len(closes)):
        total += volumes[i] * ((closes[i] > closes[i - 1]) - (closes[i] < closes[i - 1]))
        result.append(total)
    return result


def flows(highs, lows, closes, volumes):
    return [
        ((c - low) - (high - c)) / (high - low) * v if high > low else 0.0
        for high, low, c, v in zip(highs, lows, closes, volumes, strict=True)
    ]


def accdist(highs, lows, closes, volumes):
    parts = flows(highs, lows, closes, volumes)
    return [math.fsum(parts[: i + 1]) for i in range(len(parts))]


def cmf(highs, lows, closes, volumes, n):
    return each(lambda a, b: a / b if b else NAN, sma(flows(highs, lows, closes, volumes), n), sma(volumes, n))


def vwap(times, xs, volumes):
    result = []
    for i, time in enumerate(times):
        day = [j for j in range(i + 1) if times[j] // 86400 == time // 86400]
        traded = math.fsum(volumes[j] for j in day)
        result.append(math.fsum(xs[j] * volumes[j] for j in day) / traded if traded else NAN)
    return result


def highestbars(xs, n):
    return over_windows(xs, n, lambda w: w.index(max(w)) - n + 1)


def lowestbars(xs, n):
    return over_windows(xs, n, lambda w: w.index(min(w)) - n + 1)
