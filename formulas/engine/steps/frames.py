"""Building the bars of a longer period out of the chart's, one at a time."""

State = list[float]

# s: begun, start, open, high, low, close, volume, bars so far, last time + 1, smallest distance.
BEGUN, START, OPEN, HIGH, LOW, CLOSE, VOLUME, BARS, LAST, DISTANCE = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
FRAME_DOUBLES = 10
RELEASED_DOUBLES = 7


def start_of(time: float, period: int, offset: int) -> float:
    """When the period begins that a time lies in, in seconds since 1970; `offset` is the beginning of one of them."""
    return float((int(time) - offset) // period * period + offset)


def is_complete_before(s: State, start: float) -> bool:
    """Whether a bar of the period that begins at `start` ends the one that was begun."""
    return s[BEGUN] != 0.0 and s[START] != start


def is_complete_with(s: State, time: float, start: float, period: int) -> bool:
    """Whether the bar that begins at `time` closes at the end of its period or later, as far as is known."""
    lasts = s[DISTANCE]
    return 0.0 < lasts <= period and time + lasts >= start + period


def learn_distance(s: State, time: float) -> None:
    """Keep the smallest distance between two bars: that is how long they last."""
    distance = time + 1.0 - s[LAST]
    if s[LAST] != 0.0 and (s[DISTANCE] == 0.0 or distance < s[DISTANCE]):
        s[DISTANCE] = distance
    s[LAST] = time + 1.0


def add(s: State, start: float, opening: float, high: float, low: float, close: float, volume: float) -> None:
    """Take one bar into the bar that was begun, or begin one with it."""
    if s[BEGUN] == 0.0:
        s[BEGUN] = 1.0
        s[START] = start
        s[OPEN] = opening
        s[HIGH] = high
        s[LOW] = low
        s[VOLUME] = 0.0
    s[HIGH] = max(s[HIGH], high)
    s[LOW] = min(s[LOW], low)
    s[CLOSE] = close
    s[VOLUME] += volume


def release(s: State, released: State, place: int) -> None:
    """Give the bar out as time, open, high, low, close, volume and its number, and begin none."""
    for i in range(6):
        released[place + i] = s[START + i]
    released[place + 6] = s[BARS]
    s[BEGUN] = 0.0
    s[BARS] += 1.0


def push(
    s: State,
    period: int,
    offset: int,
    time: float,
    opening: float,
    high: float,
    low: float,
    close: float,
    volume: float,
    released: State,
) -> int:
    """Take one of the chart's bars; how many bars are complete with it: none, one, or two after a gap."""
    count = 0
    start = start_of(time, period, offset)
    learn_distance(s, time)
    if is_complete_before(s, start):
        release(s, released, 0)
        count = 1
    add(s, start, opening, high, low, close, volume)
    if is_complete_with(s, time, start, period):
        release(s, released, RELEASED_DOUBLES * count)
        count += 1
    return count
