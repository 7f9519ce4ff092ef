"""The account of one who buys at the first open at which an order can fill, and keeps what was bought."""

from formulas.engine.steps.account import CASH, UNITS, WANT, advance, forget_orders

Floats = list[float]

FIRST_BARS = 8


def keep(opening: Floats, high: Floats, low: Floats, close: Floats, bars: int, s: Floats, log: Floats) -> int:
    """The bar of entry, the account marked at the last close; -1 if none was among the first, or all was lost."""
    entry = -1
    while entry + 1 < min(bars, FIRST_BARS) and s[UNITS] == 0.0:
        entry += 1
        advance(s, log, entry, opening[entry], high[entry], low[entry], close[entry])
        if s[UNITS] == 0.0:
            forget_orders(s)
            s[WANT] = 1.0
    if s[UNITS] == 0.0 or log[0] != 0.0:
        return -1
    lost = 0
    for i in range(entry, bars):
        lost += not s[CASH] + s[UNITS] * close[i] > 0.0
    if lost > 0:
        return -1
    last = bars - 1
    advance(s, log, last, opening[last], high[last], low[last], close[last])
    return entry
