"""From what a formula asks for at one close to what its account is to do: the same for every driver.

An action is a row of whole numbers. Its amount is a share of equity, or the level of a stop or target.
"""

from formulas.engine.steps.account import (
    ORDERED_STOP,
    ORDERED_TARGET,
    ORDERED_TRAIL,
    UNITS,
    WANT,
    forget_orders,
    side_of,
)
from formulas.engine.steps.arithmetic import NAN

State = list[float]
Ints = list[int]

# Its kind; a key that is equal for those of which a close takes only the first; whether its amount is a level, and
# in percent of the price of entry; and for the driver the columns of its guard and of its amount.
KIND, KEY, IS_LEVEL, IS_PERCENT, GUARD, AMOUNT = 0, 1, 2, 3, 4, 5
ACTION_INTS = 6
BUY, SELL, SHORT, COVER, CLOSE, ALERT, STOP_LOSS, TAKE_PROFIT, TRAIL = 0, 1, 2, 3, 4, 5, 6, 7, 8


def decide(actions: Ints, count: int, asked: State, verdicts: State) -> int:
    """What each action comes to at one close, and how many are refused.

    `asked` has two numbers for each action: its guard, and its amount (1 where it has none). Its verdict is the
    share from 0 to 1, or the level; na when it does nothing.
    """
    refused = 0
    may_enter = True
    for i in range(count):
        verdicts[i] = NAN
        row = ACTION_INTS * i
        if actions[row + IS_LEVEL] != 0 and asked[2 * i] == 1.0 and not was_asked(actions, i, asked):
            level = asked[2 * i + 1]
            if level == level and (level > 0.0 or actions[row + IS_PERCENT] == 0):
                verdicts[i] = level
            else:
                refused += 1
                may_enter = False
    for i in range(count):
        row = ACTION_INTS * i
        if actions[row + IS_LEVEL] == 0 and asked[2 * i] == 1.0 and not was_taken(actions, i, verdicts):
            size = asked[2 * i + 1]
            is_entry = actions[row + KIND] == BUY or actions[row + KIND] == SHORT
            if size != size or (is_entry and not may_enter):
                refused += 1
            else:
                verdicts[i] = min(max(size, 0.0), 1.0)
    return refused


def was_asked(actions: Ints, place: int, asked: State) -> bool:
    """Whether an earlier action asked for a level of the same kind."""
    for i in range(place):
        is_same = actions[ACTION_INTS * i + KEY] == actions[ACTION_INTS * place + KEY]
        if is_same and actions[ACTION_INTS * i + IS_LEVEL] != 0 and asked[2 * i] == 1.0:
            return True
    return False


def was_taken(actions: Ints, place: int, verdicts: State) -> bool:
    """Whether an earlier action of the same key does something."""
    for i in range(place):
        is_same = actions[ACTION_INTS * i + KEY] == actions[ACTION_INTS * place + KEY]
        if is_same and actions[ACTION_INTS * i + IS_LEVEL] == 0 and verdicts[i] == verdicts[i]:
            return True
    return False


def place(s: State, actions: Ints, count: int, verdicts: State) -> None:
    """Order of an account what was decided; a position that is not to change stays as it is."""
    forget_orders(s)
    held = side_of(s[UNITS])
    side = held
    want = NAN
    for i in range(count):
        kind = actions[ACTION_INTS * i + KIND]
        amount = verdicts[i]
        is_end = kind == CLOSE or (kind == SELL and side > 0.0) or (kind == COVER and side < 0.0)
        if amount == amount and kind == BUY and side <= 0.0 and amount > 0.0:
            side = 1.0
            want = amount
        if amount == amount and kind == SHORT and side >= 0.0 and amount > 0.0:
            side = -1.0
            want = -amount
        if amount == amount and is_end and side != 0.0:
            side = 0.0
            want = 0.0
        if amount == amount and actions[ACTION_INTS * i + IS_LEVEL] != 0:
            protect(s, kind, amount, float(actions[ACTION_INTS * i + IS_PERCENT]))
    if side != held:
        s[WANT] = want


def protect(s: State, kind: int, level: float, is_percent: float) -> None:
    """Order a stop, a target or a trailing stop."""
    if kind == STOP_LOSS:
        s[ORDERED_STOP] = level
        s[ORDERED_STOP + 1] = is_percent
    elif kind == TAKE_PROFIT:
        s[ORDERED_TARGET] = level
        s[ORDERED_TARGET + 1] = is_percent
    else:
        s[ORDERED_TRAIL] = level
        s[ORDERED_TRAIL + 1] = is_percent
