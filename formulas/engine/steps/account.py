"""The account of a formula as a step: what was decided is filled, protected, marked at the close, and decided anew.

`s` are the 25 float64 that ACCOUNT_DOUBLES counts; those that are not known are na. `log` takes what was closed:
how many trades, then TRADE_DOUBLES for each. A side is 1 for long, -1 for short, 0 for none.
"""

import math

from formulas.engine.steps.arithmetic import NAN

State = list[float]

# The terms: money at the start, rates of fee and slippage in basis points, least fee, fixed size or 0.
CAPITAL, FEE_BPS, SLIPPAGE_BPS, MINIMUM_FEE, FIXED_SIZE = 0, 1, 2, 3, 4
# The account, and the position that it holds.
CASH, EQUITY, CLOSE, UNITS, ENTRY_PRICE, BARS_HELD, ENTRY_BAR, ENTRY_FEE = 5, 6, 7, 8, 9, 10, 11, 12
# The share that is wanted from the next open on; levels of stop, target and trail, the trail's percent, best price.
WANT, STOP, TARGET, TRAIL, PERCENT, BEST = 13, 14, 15, 16, 17, 18
# Protections that were ordered at the last close: each a level, and 1 when that is a distance in percent.
ORDERED_STOP, ORDERED_TARGET, ORDERED_TRAIL = 19, 21, 23
ACCOUNT_DOUBLES = 25

TRADE_DOUBLES = 8
MOST_TRADES_A_BAR = 3
SIGNAL, STOP_LOSS, TAKE_PROFIT, TRAILED, RUIN = 1.0, 2.0, 3.0, 4.0, 5.0

BASIS_POINT = 1e-4


def begin(s: State) -> None:
    """An account on its first day, after its terms were set."""
    s[CASH] = s[CAPITAL]
    s[EQUITY] = s[CAPITAL]
    s[UNITS] = 0.0
    s[BARS_HELD] = 0.0
    s[ENTRY_BAR] = 0.0
    s[ENTRY_FEE] = 0.0
    s[CLOSE] = NAN
    s[BEST] = NAN
    forget_position(s)
    forget_orders(s)


def advance(s: State, log: State, index: int, opening: float, high: float, low: float, close: float) -> None:
    """Fill, protect and mark over one closed bar."""
    if s[WANT] == s[WANT]:
        rebalance(s, log, index, opening)
    if s[UNITS] != 0.0:
        protect_as_ordered(s)
        look_inside(s, log, index, opening, high, low)
    if waits(s):
        forget_orders(s)
    mark(s, log, index, close)


def forget_orders(s: State) -> None:
    """Nothing is wanted of the next bar."""
    s[WANT] = NAN
    s[ORDERED_STOP] = NAN
    s[ORDERED_STOP + 1] = 0.0
    s[ORDERED_TARGET] = NAN
    s[ORDERED_TARGET + 1] = 0.0
    s[ORDERED_TRAIL] = NAN
    s[ORDERED_TRAIL + 1] = 0.0


def waits(s: State) -> bool:
    """Whether anything is to be done at the next open."""
    is_protected = s[ORDERED_STOP] == s[ORDERED_STOP] or s[ORDERED_TARGET] == s[ORDERED_TARGET]
    return s[WANT] == s[WANT] or is_protected or s[ORDERED_TRAIL] == s[ORDERED_TRAIL]


def is_calm(s: State) -> bool:
    """Whether the next bar can change no more than what the account is worth, as long as it is worth something."""
    is_protected = s[STOP] == s[STOP] or s[TARGET] == s[TARGET] or s[TRAIL] == s[TRAIL] or s[PERCENT] == s[PERCENT]
    return not is_protected and not waits(s)


def forget_position(s: State) -> None:
    """Nothing is held, and nothing protects it."""
    s[ENTRY_PRICE] = NAN
    s[STOP] = NAN
    s[TARGET] = NAN
    s[TRAIL] = NAN
    s[PERCENT] = NAN


def side_of(units: float) -> float:
    """1 when long, -1 when short, 0 when flat."""
    return math.copysign(1.0, units) if units != 0.0 else 0.0


def rebalance(s: State, log: State, index: int, opening: float) -> None:
    """Leave the position for the one that is wanted."""
    slip = s[SLIPPAGE_BPS] * BASIS_POINT
    if s[UNITS] != 0.0:
        leave(s, log, index, opening * (1.0 - math.copysign(slip, s[UNITS])), SIGNAL)
    if s[WANT] != 0.0:
        enter(s, index, opening * (1.0 + math.copysign(slip, s[WANT])))


def enter(s: State, index: int, price: float) -> None:
    """Take a position of the wanted share; none when it cannot be paid for."""
    if not (price > 0.0 and s[CASH] > 0.0):
        return
    size = s[FIXED_SIZE]
    if size == 0.0:
        size = affordable(s, s[CASH] * abs(s[WANT])) / price
    if not size > 0.0:
        return
    s[UNITS] = math.copysign(size, s[WANT])
    s[ENTRY_FEE] = fee_of(s, size * price)
    s[CASH] -= s[UNITS] * price + s[ENTRY_FEE]
    s[ENTRY_PRICE] = price
    s[BEST] = price
    s[ENTRY_BAR] = float(index)


def affordable(s: State, budget: float) -> float:
    """The notional that a budget buys when its fee is paid out of it."""
    rate = s[FEE_BPS] * BASIS_POINT
    notional = budget / (1.0 + rate)
    return notional if notional * rate >= s[MINIMUM_FEE] else budget - s[MINIMUM_FEE]


def fee_of(s: State, notional: float) -> float:
    """What one side of a trade costs."""
    return max(notional * (s[FEE_BPS] * BASIS_POINT), s[MINIMUM_FEE])


def leave(s: State, log: State, index: int, price: float, ending: float) -> None:
    """End the position at a price, and log the trade."""
    fee = fee_of(s, abs(s[UNITS]) * price)
    fees = s[ENTRY_FEE] + fee
    place = 1 + TRADE_DOUBLES * int(log[0])
    log[0] += 1.0
    log[place] = s[ENTRY_BAR]
    log[place + 1] = float(index)
    log[place + 2] = s[ENTRY_PRICE]
    log[place + 3] = price
    log[place + 4] = s[UNITS]
    log[place + 5] = s[UNITS] * (price - s[ENTRY_PRICE]) - fees
    log[place + 6] = fees
    log[place + 7] = ending
    s[CASH] += s[UNITS] * price - fee
    s[UNITS] = 0.0
    s[BARS_HELD] = 0.0
    forget_position(s)


def protect_as_ordered(s: State) -> None:
    """Set the stops and targets that were decided at the close before."""
    direction = side_of(s[UNITS])
    if s[ORDERED_STOP] == s[ORDERED_STOP]:
        s[STOP] = level_of(s, s[ORDERED_STOP], s[ORDERED_STOP + 1], -direction)
    if s[ORDERED_TARGET] == s[ORDERED_TARGET]:
        s[TARGET] = level_of(s, s[ORDERED_TARGET], s[ORDERED_TARGET + 1], direction)
    if s[ORDERED_TRAIL] == s[ORDERED_TRAIL]:
        if s[ORDERED_TRAIL + 1] != 0.0:
            s[PERCENT] = s[ORDERED_TRAIL]
            follow(s)
        else:
            s[TRAIL] = nearer(s, s[ORDERED_TRAIL])


def level_of(s: State, level: float, is_percent: float, direction: float) -> float:
    """A level as a price."""
    return s[ENTRY_PRICE] * (1.0 + direction * level / 100.0) if is_percent != 0.0 else level


def follow(s: State) -> None:
    """Draw the trailing stop after the best price so far."""
    if s[PERCENT] == s[PERCENT]:
        distance = math.copysign(s[PERCENT], s[UNITS]) / 100.0
        s[TRAIL] = nearer(s, s[BEST] * (1.0 - distance))


def nearer(s: State, level: float) -> float:
    """A trailing stop never moves away from the price."""
    if s[TRAIL] != s[TRAIL]:
        return level
    return max(s[TRAIL], level) if s[UNITS] > 0.0 else min(s[TRAIL], level)


def look_inside(s: State, log: State, index: int, opening: float, high: float, low: float) -> None:
    """End the position where the bar touches its stop, else its target, else its trailing stop."""
    is_long = s[UNITS] > 0.0
    ending = STOP_LOSS
    price = touched(opening, high, low, s[STOP], is_long)
    if price != price:
        ending = TAKE_PROFIT
        price = touched(opening, high, low, s[TARGET], not is_long)
    if price != price:
        ending = TRAILED
        price = touched(opening, high, low, s[TRAIL], is_long)
    if price == price:
        leave(s, log, index, price, ending)
        return
    s[BEST] = max(s[BEST], high) if is_long else min(s[BEST], low)
    follow(s)


def touched(opening: float, high: float, low: float, level: float, is_below: bool) -> float:
    """The price at which an order inside the bar fills, at the open when it gaps over the level; na if it does not."""
    if is_below:
        return min(opening, level) if low <= level else NAN
    return max(opening, level) if high >= level else NAN


def mark(s: State, log: State, index: int, close: float) -> None:
    """What the account is worth at the close; a position that is worth less than nothing is ended there."""
    s[CLOSE] = close
    s[EQUITY] = s[CASH] + s[UNITS] * close
    if s[UNITS] == 0.0:
        return
    if s[EQUITY] <= 0.0:
        leave(s, log, index, close, RUIN)
        s[EQUITY] = s[CASH]
    else:
        s[BARS_HELD] = index - s[ENTRY_BAR] + 1.0


def position_of(s: State) -> float:
    """The position as a share of equity, below 0 when short."""
    return s[UNITS] * s[CLOSE] / s[EQUITY] if s[EQUITY] > 0.0 else 0.0
