"""The driver over history in machine code: a whole program, and its account, block by block through past bars.

Written in the small Python of steps, but only ever translated. A `tape` holds the program as whole numbers: a
header, then its parts, each at a place and of a size that the header names.
"""

from formulas.engine.steps.account import (
    BARS_HELD,
    BEST,
    CASH,
    ENTRY_PRICE,
    EQUITY,
    MOST_TRADES_A_BAR,
    TRADE_DOUBLES,
    UNITS,
    advance,
    is_calm,
    mark,
    position_of,
    side_of,
    waits,
)
from formulas.engine.steps.arithmetic import INF
from formulas.engine.steps.frames import RELEASED_DOUBLES, push
from formulas.engine.steps.verdicts import ACTION_INTS, AMOUNT, GUARD, decide, place

State = list[float]
Floats = list[float]
Ints = list[int]
Flags = list[bool]

BLOCK = 1024
ROW_INTS = 12
CHART_COLUMNS = 7
TIME, OPEN, HIGH, LOW, PRICE, VOLUME, BAR_INDEX = 0, 1, 2, 3, 4, 5, 6
ACCOUNT_COLUMN = 7
ACCOUNT_COLUMNS = 4

# The header: how far apart columns lie, bars before the first decision, whether decisions are heard a bar late,
# whether there is an account, trades that the log has room for, the addresses for equity and for whether something
# is held, where the state keeps what was asked last, the column that says where something new is asked; then place
# and size of each part.
STRIDE, WARMUP, IS_LATE, HAS_ACCOUNT, LOG_ROOM, EQUITY_OUT, HELD_OUT, MEMORY = 0, 1, 2, 3, 4, 5, 6, 7
NEWS = 8
SOURCES, FRAMES, FREE, BOUND, ACTIONS, SINKS = 9, 11, 13, 15, 17, 19
HEADER_INTS = 21
# A source is an address (0: the number of the bar) and a column; a sink a column and an address.
PAIR_INTS = 2
# A frame: period, offset, place of its state, its first column, place and number of its rows, of its spreads.
FRAME_INTS = 8


def floats_at(row: Floats, start: int) -> Floats:
    """The row from a place on."""
    return row[start:]


def ints_at(row: Ints, start: int) -> Ints:
    """The row from a place on."""
    return row[start:]


def state_of(head: Floats, rest: Floats) -> State:
    """A state whose numbers at fixed places are kept apart, where they can stay in registers."""
    raise TypeError(head, rest)


def room(size: int) -> Floats:
    """Numbers of this call's own, which can stay in registers."""
    return [0.0] * size


def floats_from(address: int) -> Floats:
    """The row at an address."""
    raise TypeError(address)


def flags_from(address: int) -> Flags:
    """The row of bytes at an address."""
    raise TypeError(address)


def run_rows(rows: Ints, count: int, state: Floats, values: Floats, stride: int, first: int, bars: int) -> None:
    """Compute nodes one after the other, each over `bars` bars from `first` on."""
    raise TypeError(rows)


def run_lanes(rows: Ints, count: int, state: Floats, values: Floats, lanes: int, first: int, stop: int) -> None:
    """Compute nodes one after the other for one bar of the instruments from `first` up to `stop` of all `lanes`.

    Of each node the states of all instruments stand side by side, and so do their values.
    """
    raise TypeError(rows)


def true_ones(watched: Ints, count: int, values: Floats, lanes: int, first: int, stop: int, found: Ints) -> int:
    """Which of the watched nodes hold on which instruments, and how many: the place among the watched, by lane."""
    holding = 0
    for k in range(count):
        column = floats_at(values, watched[k] * lanes)
        for i in range(first, stop):
            if column[i] == 1.0:
                found[holding] = k * lanes + i
                holding += 1
    return holding


def run(tape: Ints, state: Floats, values: Floats, account: Floats, log: Floats, start: int, stop: int) -> int:
    """Go over the bars from `start` up to `stop`; where it ended, which is sooner when the log has no room left."""
    at = start
    while at < stop and log[0] + MOST_TRADES_A_BAR * BLOCK <= tape[LOG_ROOM]:
        count = min(BLOCK, stop - at)
        read_sources(tape, values, at, count)
        for i in range(tape[FRAMES + 1]):
            run_frame(tape, tape[FRAMES] + FRAME_INTS * i, state, values, count)
        run_rows(ints_at(tape, tape[FREE]), tape[FREE + 1], state, values, tape[STRIDE], 0, count)
        if tape[HAS_ACCOUNT] != 0:
            trade(tape, state, values, account, log, at, count)
        write_sinks(tape, values, at, count)
        at += count
    return at


def read_sources(tape: Ints, values: Floats, at: int, count: int) -> None:
    """Copy a block of every column that is given from outside."""
    for k in range(tape[SOURCES + 1]):
        row = tape[SOURCES] + PAIR_INTS * k
        column = floats_at(values, tape[row + 1] * tape[STRIDE])
        if tape[row] == 0:
            for i in range(count):
                column[i] = float(at + i)
        else:
            copy(floats_at(floats_from(tape[row]), at), column, count)


def write_sinks(tape: Ints, values: Floats, at: int, count: int) -> None:
    """Copy a block of every column that is wanted outside."""
    for k in range(tape[SINKS + 1]):
        row = tape[SINKS] + PAIR_INTS * k
        copy(floats_at(values, tape[row] * tape[STRIDE]), floats_at(floats_from(tape[row + 1]), at), count)


def copy(given: Floats, target: Floats, count: int) -> None:
    """Copy numbers."""
    for i in range(count):
        target[i] = given[i]


def run_frame(tape: Ints, frame: int, state: Floats, values: Floats, count: int) -> None:
    """Build the bars of a longer period, compute its nodes over them, and spread those over the chart's bars."""
    stride = tape[STRIDE]
    kept = floats_at(state, tape[frame + 2])
    columns = floats_at(values, tape[frame + 3] * stride)
    places = floats_at(columns, CHART_COLUMNS * stride)
    new = floats_at(places, stride)
    released = 0
    for i in range(count):
        complete = push(
            kept,
            tape[frame],
            tape[frame + 1],
            values[TIME * stride + i],
            values[OPEN * stride + i],
            values[HIGH * stride + i],
            values[LOW * stride + i],
            values[PRICE * stride + i],
            values[VOLUME * stride + i],
            new,
        )
        for bar in range(complete):
            for k in range(CHART_COLUMNS):
                columns[k * stride + released] = new[bar * RELEASED_DOUBLES + k]
            places[released] = float(i)
            released += 1
    run_rows(ints_at(tape, tape[frame + 4]), tape[frame + 5], state, values, stride, 0, released)
    for k in range(tape[frame + 7]):
        row = tape[frame + 6] + PAIR_INTS * k
        given = floats_at(values, tape[row] * stride)
        spread(given, places, released, floats_at(values, tape[row + 1] * stride), count)


def spread(given: Floats, places: Floats, released: int, target: Floats, count: int) -> None:
    """Values of a longer period at the bars that released them; infinite where there is none."""
    for i in range(count):
        target[i] = INF
    for k in range(released):
        target[int(places[k])] = given[k]


def trade(tape: Ints, state: Floats, values: Floats, account: Floats, log: Floats, at: int, count: int) -> None:
    """Move the account over a block, and with it the nodes that read it.

    Bars at which nothing can happen to the account are passed over together.
    """
    may_rest = tape[BOUND + 1] == 0 and tape[IS_LATE] == 0
    news = floats_at(values, tape[NEWS] * tape[STRIDE])
    asked = floats_at(state, tape[MEMORY])
    if may_rest:
        read_news(tape, values, count, news)
    i = 0
    while i < count:
        after = i
        if may_rest and is_calm(account):
            asking = next_asking(tape, values, i, count, news, asked, account)
            after = rest(tape, values, account, log, at, i, min(asking + 1, count))
            if after > asking:
                ask(tape, values, asking, asked)
                settle(tape, asked, account, log, at + asking)
        if after == i:
            trade_bar(tape, state, values, account, log, at, i)
            after += 1
        i = after


def trade_bar(tape: Ints, state: Floats, values: Floats, account: Floats, log: Floats, at: int, i: int) -> None:
    """Move the account over one bar of a block, and decide at its close."""
    stride = tape[STRIDE]
    asked = floats_at(state, tape[MEMORY])
    bar = at + i
    opening = values[OPEN * stride + i]
    high = values[HIGH * stride + i]
    advance(account, log, bar, opening, high, values[LOW * stride + i], values[PRICE * stride + i])
    floats_from(tape[EQUITY_OUT])[bar] = account[EQUITY]
    flags_from(tape[HELD_OUT])[bar] = account[UNITS] != 0.0
    if tape[BOUND + 1] != 0:
        show_account(account, floats_at(values, ACCOUNT_COLUMN * stride + i), stride)
        run_rows(ints_at(tape, tape[BOUND]), tape[BOUND + 1], state, values, stride, i, 1)
    if tape[IS_LATE] != 0:
        settle(tape, asked, account, log, bar - 1)
        ask(tape, values, i, asked)
    elif fires(tape, values, i) and not is_settled(tape, values, i, asked, account):
        ask(tape, values, i, asked)
        settle(tape, asked, account, log, bar)


def read_news(tape: Ints, values: Floats, count: int, news: Floats) -> None:
    """For each bar of a block 0 where no action is asked for, 1 where the same is as at the bar before, else more."""
    stride = tape[STRIDE]
    for i in range(count):
        news[i] = 1.0
    for k in range(tape[ACTIONS + 1]):
        guard = floats_at(values, tape[tape[ACTIONS] + ACTION_INTS * k + GUARD] * stride)
        for i in range(count):
            news[i] *= 0.0 if guard[i] == 1.0 else 1.0
    for i in range(count):
        news[i] = 1.0 - news[i]
    news[0] *= 2.0
    for k in range(tape[ACTIONS + 1]):
        row = tape[ACTIONS] + ACTION_INTS * k
        guard = floats_at(values, tape[row + GUARD] * stride)
        amount = floats_at(values, tape[row + AMOUNT] * stride)
        for i in range(1, count):
            news[i] *= (1.0 if guard[i] == guard[i - 1] else 2.0) * (1.0 if amount[i] == amount[i - 1] else 2.0)


def next_asking(
    tape: Ints, values: Floats, first: int, count: int, news: Floats, asked: Floats, account: Floats
) -> int:
    """The first bar at which something is asked that was not settled; `count` where there is none."""
    known = 0.0
    for i in range(first, count):
        if news[i] > known:
            if not is_settled(tape, values, i, asked, account):
                return i
            known = 1.0
    return count


def rest(tape: Ints, values: Floats, account: Floats, log: Floats, at: int, first: int, stop: int) -> int:
    """Mark a calm account over bars of a block; where it ended, which is sooner when it is ruined."""
    equity = floats_at(floats_from(tape[EQUITY_OUT]), at)
    held = flags_from(tape[HELD_OUT])
    close = floats_at(values, PRICE * tape[STRIDE])
    cash = account[CASH]
    units = account[UNITS]
    i = first
    if units == 0.0:
        for j in range(first, stop):
            equity[j] = cash + units * close[j]
        i = stop
    else:
        high = floats_at(values, HIGH * tape[STRIDE])
        low = floats_at(values, LOW * tape[STRIDE])
        best = account[BEST]
        while i < stop and cash + units * close[i] > 0.0:
            equity[i] = cash + units * close[i]
            best = max(best, high[i]) if units > 0.0 else min(best, low[i])
            i += 1
        account[BEST] = best
    for j in range(first, i):
        held[at + j] = units != 0.0
    if i > first:
        mark(account, log, at + i - 1, close[i - 1])
    return i


def is_settled(tape: Ints, values: Floats, i: int, asked: Floats, account: Floats) -> bool:
    """Whether the same was asked last, of a position of the same side, and came to nothing."""
    count = tape[ACTIONS + 1]
    if asked[3 * count] != 2.0 + side_of(account[UNITS]):
        return False
    for k in range(count):
        row = tape[ACTIONS] + ACTION_INTS * k
        if values[tape[row + GUARD] * tape[STRIDE] + i] != asked[2 * k]:
            return False
        if values[tape[row + AMOUNT] * tape[STRIDE] + i] != asked[2 * k + 1]:
            return False
    return True


def show_account(account: Floats, values: Floats, stride: int) -> None:
    """What a formula may read of its account."""
    values[0] = position_of(account)
    values[stride] = account[ENTRY_PRICE]
    values[2 * stride] = account[BARS_HELD]
    values[3 * stride] = account[EQUITY]


def fires(tape: Ints, values: Floats, i: int) -> bool:
    """Whether any action is asked for."""
    for k in range(tape[ACTIONS + 1]):
        if values[tape[tape[ACTIONS] + ACTION_INTS * k + GUARD] * tape[STRIDE] + i] == 1.0:
            return True
    return False


def ask(tape: Ints, values: Floats, i: int, asked: Floats) -> None:
    """Keep each action's guard and amount."""
    for k in range(tape[ACTIONS + 1]):
        row = tape[ACTIONS] + ACTION_INTS * k
        asked[2 * k] = values[tape[row + GUARD] * tape[STRIDE] + i]
        asked[2 * k + 1] = values[tape[row + AMOUNT] * tape[STRIDE] + i]


def settle(tape: Ints, asked: Floats, account: Floats, log: Floats, index: int) -> None:
    """Decide on what was asked at the close of a bar, and order it; a side is noted for which nothing came of it."""
    if index < tape[WARMUP]:
        return
    count = tape[ACTIONS + 1]
    actions = ints_at(tape, tape[ACTIONS])
    verdicts = floats_at(asked, 2 * count)
    refused = decide(actions, count, asked, verdicts)
    place(account, actions, count, verdicts)
    log[1 + TRADE_DOUBLES * tape[LOG_ROOM]] += float(refused)
    asked[3 * count] = 0.0 if refused > 0 or waits(account) else 2.0 + side_of(account[UNITS])
