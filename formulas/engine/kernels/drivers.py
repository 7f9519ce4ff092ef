"""The driver over history in machine code: a whole program, and its account, block by block through past bars.

Written in the small Python of steps, but only ever translated. A `tape` holds the program as whole numbers: a
header, then its parts, each at a place and of a size that the header names. `columns` are the addresses of the columns
of a block: those that are given from outside are read where they are.
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
BAR_COLUMNS = 6
TIME, OPEN, HIGH, LOW, PRICE, VOLUME, BAR_INDEX = 0, 1, 2, 3, 4, 5, 6
ACCOUNT_COLUMN = 7
ACCOUNT_COLUMNS = 4

# The header: bars before the first decision, whether decisions are heard a bar late, whether there is an account and
# whether its columns are read (`KEPT`, `SHOWN`), trades that the log has room for, the addresses for equity and for
# whether something is held, where the state keeps what was asked last, the column that says where something new is
# asked; then place and size of each part.
WARMUP, IS_LATE, HAS_ACCOUNT, LOG_ROOM, EQUITY_OUT, HELD_OUT, MEMORY, NEWS = 0, 1, 2, 3, 4, 5, 6, 7
SOURCES, FRAMES, FREE, BOUND, ACTIONS, SINKS = 8, 10, 12, 14, 16, 18
HEADER_INTS = 20
KEPT, SHOWN = 1, 2
# A source is an address (0: the number of the bar) and a column; a sink a column and an address.
PAIR_INTS = 2
FLOAT_BYTES = 8
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


def fetch(row: Floats, place: int) -> None:
    """Have the memory bring an element that is wanted soon."""
    raise TypeError(row)


def flags_from(address: int) -> Flags:
    """The row of bytes at an address."""
    raise TypeError(address)


def column_of(columns: Ints, place: int) -> Floats:
    """The numbers of a column in the current block."""
    return floats_from(columns[place])


def run_rows(rows: Ints, count: int, state: Floats, columns: Ints, first: int, bars: int) -> None:
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
            # Written down in any case, and kept if it holds: which that is nobody foresees.
            found[holding] = k * lanes + i
            holding += column[i] == 1.0
    return holding


def take_bars(bars: Floats, values: Floats, lanes: int) -> int:
    """Lay the next bar of each instrument into the columns; 0, and nothing is changed, if one is not in order."""
    wrong = 0
    for i in range(lanes):
        bar = floats_at(bars, BAR_COLUMNS * i)
        is_inside = bar[LOW] <= bar[OPEN] <= bar[HIGH] and bar[LOW] <= bar[PRICE] <= bar[HIGH]
        is_known = bar[LOW] > -INF and bar[HIGH] < INF and 0.0 <= bar[VOLUME] < INF
        wrong += not (bar[TIME] > values[TIME * lanes + i] and is_inside and is_known)
    if wrong > 0:
        return 0
    for i in range(lanes):
        for k in range(BAR_COLUMNS):
            values[k * lanes + i] = bars[BAR_COLUMNS * i + k]
        values[BAR_INDEX * lanes + i] += 1.0
    return 1


def run(tape: Ints, state: Floats, columns: Ints, account: Floats, log: Floats, start: int, stop: int) -> int:
    """Go over the bars from `start` up to `stop`; where it ended, which is sooner when the log has no room left."""
    at = start
    while at < stop and log[0] + MOST_TRADES_A_BAR * BLOCK <= tape[LOG_ROOM]:
        count = min(BLOCK, stop - at)
        find_sources(tape, columns, at, count)
        for i in range(tape[FRAMES + 1]):
            run_frame(tape, tape[FRAMES] + FRAME_INTS * i, state, columns, count)
        run_rows(ints_at(tape, tape[FREE]), tape[FREE + 1], state, columns, 0, count)
        if tape[HAS_ACCOUNT] != 0:
            trade(tape, state, columns, account, log, at, count)
        write_sinks(tape, columns, at, count)
        at += count
    return at


def find_sources(tape: Ints, columns: Ints, at: int, count: int) -> None:
    """Let the columns that are given from outside be those of a block."""
    for k in range(tape[SOURCES + 1]):
        row = tape[SOURCES] + PAIR_INTS * k
        if tape[row] == 0:
            numbers = column_of(columns, tape[row + 1])
            for i in range(count):
                numbers[i] = float(at + i)
        else:
            columns[tape[row + 1]] = tape[row] + FLOAT_BYTES * at


def write_sinks(tape: Ints, columns: Ints, at: int, count: int) -> None:
    """Copy a block of every column that is wanted outside."""
    for k in range(tape[SINKS + 1]):
        row = tape[SINKS] + PAIR_INTS * k
        copy(column_of(columns, tape[row]), floats_at(floats_from(tape[row + 1]), at), count)


def copy(given: Floats, target: Floats, count: int) -> None:
    """Copy numbers."""
    for i in range(count):
        target[i] = given[i]


def run_frame(tape: Ints, frame: int, state: Floats, columns: Ints, count: int) -> None:
    """Build the bars of a longer period, compute its nodes over them, and spread those over the chart's bars."""
    kept = floats_at(state, tape[frame + 2])
    own = ints_at(columns, tape[frame + 3])
    places = column_of(own, CHART_COLUMNS)
    new = column_of(own, CHART_COLUMNS + 1)
    released = 0
    for i in range(count):
        complete = push(
            kept,
            tape[frame],
            tape[frame + 1],
            column_of(columns, TIME)[i],
            column_of(columns, OPEN)[i],
            column_of(columns, HIGH)[i],
            column_of(columns, LOW)[i],
            column_of(columns, PRICE)[i],
            column_of(columns, VOLUME)[i],
            new,
        )
        for bar in range(complete):
            for k in range(CHART_COLUMNS):
                column_of(own, k)[released] = new[bar * RELEASED_DOUBLES + k]
            places[released] = float(i)
            released += 1
    run_rows(ints_at(tape, tape[frame + 4]), tape[frame + 5], state, columns, 0, released)
    for k in range(tape[frame + 7]):
        row = tape[frame + 6] + PAIR_INTS * k
        spread(column_of(columns, tape[row]), places, released, column_of(columns, tape[row + 1]), count)


def spread(given: Floats, places: Floats, released: int, target: Floats, count: int) -> None:
    """Values of a longer period at the bars that released them; infinite where there is none."""
    for i in range(count):
        target[i] = INF
    for k in range(released):
        target[int(places[k])] = given[k]


def trade(tape: Ints, state: Floats, columns: Ints, account: Floats, log: Floats, at: int, count: int) -> None:
    """Move the account over a block, and with it the nodes that read it.

    Bars at which nothing can happen to the account are passed over together.
    """
    may_rest = tape[HAS_ACCOUNT] != SHOWN and tape[IS_LATE] == 0
    news = column_of(columns, tape[NEWS])
    wakes = column_of(columns, tape[NEWS] + 1)
    asked = floats_at(state, tape[MEMORY])
    waking = 0
    next_wake = 0
    if may_rest:
        read_news(tape, columns, count, news)
        waking = list_wakes(columns, count, news, wakes)
    i = 0
    while i < count:
        after = i
        if may_rest and is_calm(account):
            while next_wake < waking and wakes[next_wake] < i:
                next_wake += 1
            asking = next_asking(tape, columns, next_wake, waking, wakes, count, news, asked, account)
            after = rest(tape, columns, account, log, at, i, min(asking + 1, count))
            if after > asking:
                ask(tape, columns, asking, asked)
                settle(tape, asked, account, log, at + asking)
        if after == i:
            trade_bar(tape, state, columns, account, log, at, i)
            after += 1
        i = after


def trade_bar(tape: Ints, state: Floats, columns: Ints, account: Floats, log: Floats, at: int, i: int) -> None:
    """Move the account over one bar of a block, and decide at its close."""
    asked = floats_at(state, tape[MEMORY])
    bar = at + i
    opening = column_of(columns, OPEN)[i]
    high = column_of(columns, HIGH)[i]
    advance(account, log, bar, opening, high, column_of(columns, LOW)[i], column_of(columns, PRICE)[i])
    floats_from(tape[EQUITY_OUT])[bar] = account[EQUITY]
    flags_from(tape[HELD_OUT])[bar] = account[UNITS] != 0.0
    if tape[HAS_ACCOUNT] == SHOWN:
        show_account(account, ints_at(columns, ACCOUNT_COLUMN), i)
        run_rows(ints_at(tape, tape[BOUND]), tape[BOUND + 1], state, columns, i, 1)
    if tape[IS_LATE] != 0:
        settle(tape, asked, account, log, bar - 1)
        ask(tape, columns, i, asked)
    elif fires(tape, columns, i) and not is_settled(tape, columns, i, asked, account):
        ask(tape, columns, i, asked)
        settle(tape, asked, account, log, bar)


def read_news(tape: Ints, columns: Ints, count: int, news: Floats) -> None:
    """For each bar of a block 0 where no action is asked for, 1 where the same is as at the bar before, else more."""
    for i in range(count):
        news[i] = 1.0
    for k in range(tape[ACTIONS + 1]):
        guard = guard_of(tape, columns, k)
        for i in range(count):
            news[i] *= 0.0 if guard[i] == 1.0 else 1.0
    for i in range(count):
        news[i] = 1.0 - news[i]
    news[0] *= 2.0
    for k in range(tape[ACTIONS + 1]):
        guard = guard_of(tape, columns, k)
        amount = amount_of(tape, columns, k)
        for i in range(1, count):
            news[i] *= (1.0 if guard[i] == guard[i - 1] else 2.0) * (1.0 if amount[i] == amount[i - 1] else 2.0)


def guard_of(tape: Ints, columns: Ints, action: int) -> Floats:
    """Where an action is asked for."""
    return column_of(columns, tape[tape[ACTIONS] + ACTION_INTS * action + GUARD])


def amount_of(tape: Ints, columns: Ints, action: int) -> Floats:
    """An action's size or level."""
    return column_of(columns, tape[tape[ACTIONS] + ACTION_INTS * action + AMOUNT])


def list_wakes(columns: Ints, count: int, news: Floats, wakes: Floats) -> int:
    """The bars of a block at which something is asked, and how many; what comes of it is filled in the bar after."""
    waking = 0
    for i in range(count):
        wakes[waking] = float(i)
        waking += news[i] > 0.0
    for k in range(waking):
        place = min(int(wakes[k]) + 1, count - 1)
        fetch(column_of(columns, OPEN), place)
        fetch(column_of(columns, HIGH), place)
        fetch(column_of(columns, LOW), place)
    return waking


def next_asking(
    tape: Ints,
    columns: Ints,
    first: int,
    waking: int,
    wakes: Floats,
    count: int,
    news: Floats,
    asked: Floats,
    account: Floats,
) -> int:
    """The first of the bars in `wakes` at which something is asked that was not settled; `count` if there is none."""
    known = 0.0
    for k in range(first, waking):
        i = int(wakes[k])
        if news[i] > known:
            if not is_settled(tape, columns, i, asked, account):
                return i
            known = 1.0
    return count


def rest(tape: Ints, columns: Ints, account: Floats, log: Floats, at: int, first: int, stop: int) -> int:
    """Mark a calm account over bars of a block; where it ended, which is sooner when it is ruined."""
    equity = floats_at(floats_from(tape[EQUITY_OUT]), at)
    held = flags_from(tape[HELD_OUT])
    close = column_of(columns, PRICE)
    cash = account[CASH]
    units = account[UNITS]
    i = first
    if units == 0.0:
        for j in range(first, stop):
            equity[j] = cash + units * close[j]
        i = stop
    else:
        high = column_of(columns, HIGH)
        low = column_of(columns, LOW)
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


def is_settled(tape: Ints, columns: Ints, i: int, asked: Floats, account: Floats) -> bool:
    """Whether the same was asked last, of a position of the same side, and came to nothing."""
    count = tape[ACTIONS + 1]
    if asked[3 * count] != 2.0 + side_of(account[UNITS]):
        return False
    for k in range(count):
        if guard_of(tape, columns, k)[i] != asked[2 * k] or amount_of(tape, columns, k)[i] != asked[2 * k + 1]:
            return False
    return True


def show_account(account: Floats, columns: Ints, i: int) -> None:
    """What a formula may read of its account."""
    column_of(columns, 0)[i] = position_of(account)
    column_of(columns, 1)[i] = account[ENTRY_PRICE]
    column_of(columns, 2)[i] = account[BARS_HELD]
    column_of(columns, 3)[i] = account[EQUITY]


def fires(tape: Ints, columns: Ints, i: int) -> bool:
    """Whether any action is asked for."""
    k = 0
    while k < tape[ACTIONS + 1] and guard_of(tape, columns, k)[i] != 1.0:
        k += 1
    return k < tape[ACTIONS + 1]


def ask(tape: Ints, columns: Ints, i: int, asked: Floats) -> None:
    """Keep each action's guard and amount."""
    for k in range(tape[ACTIONS + 1]):
        asked[2 * k] = guard_of(tape, columns, k)[i]
        asked[2 * k + 1] = amount_of(tape, columns, k)[i]


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
