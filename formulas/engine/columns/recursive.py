"""Recursive averages: the step until they are begun, then a loop with nothing in it but the recursion."""

from __future__ import annotations

from collections.abc import Callable

from formulas.engine.steps import averages, prices

Values = list[float]


def _begin(step: Callable[..., float], state: Values, needed: int, xs: Values, result: Values, n: int) -> int:
    """Run the step until it has seen the values it needs; how many bars that took."""
    for index, x in enumerate(xs):
        if state[0] >= needed:
            return index
        result.append(step(state, n, x))
    return len(xs)


def ema(n: int, xs: Values) -> Values | None:
    """See steps.averages.ema; None where the step itself is needed."""
    state, result = [0.0] * 3, list[float]()
    weight = 2.0 / (n + 1)
    begun = _begin(averages.ema, state, n, xs, result, n)
    value = state[1]
    for x in xs[begun:]:
        if x != x:
            return None
        value = value + weight * (x - value)
        result.append(value)
    return result if value - value == 0.0 and n > 1 else None


def rma(n: int, xs: Values) -> Values | None:
    """See steps.averages.rma; None where the step itself is needed."""
    state, result = [0.0] * 3, list[float]()
    begun = _begin(averages.rma, state, n, xs, result, n)
    value, kept = state[1], n - 1
    for x in xs[begun:]:
        if x != value:
            if x != x:
                return None
            value = (value * kept + x) / n
        result.append(value)
    return result if value - value == 0.0 and n > 1 else None


def rsi(n: int, xs: Values) -> Values | None:
    """See steps.prices.rsi; None where the step itself is needed."""
    state, result = [0.0] * 4, list[float]()
    begun = _begin(prices.rsi, state, n + 1, xs, result, n)
    _, last, rise, fall = state
    kept, none = n - 1, prices.NO_MOVEMENT
    for x in xs[begun:]:
        change = x - last
        last = x
        if change > 0.0:
            rise = (rise * kept + change) / n
            fall = (fall * kept + 0.0) / n
        elif change <= 0.0:
            rise = (rise * kept + 0.0) / n
            fall = (fall * kept - change) / n
        else:
            return None
        if fall <= none:
            result.append(100.0)
        elif rise <= none:
            result.append(0.0)
        else:
            result.append(100.0 - 100.0 / (1.0 + rise / fall))
    return result if rise - rise == 0.0 and fall - fall == 0.0 else None


RECURSIVE: dict[str, Callable[[int, Values], Values | None]] = {"ema": ema, "rma": rma, "rsi": rsi}
