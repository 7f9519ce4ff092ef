"""Volume and the direction it went with: cumulative lines, money flows, and the price volume was traded at."""

import math

from formulas.engine.steps.arithmetic import INF, NAN

State = list[float]

NO_MOVEMENT = 1e-10
DAY = 86_400


def cumulate(s: State, x: float) -> float:
    """The sum of all values so far; na is skipped. s: sum."""
    if x != x:
        return NAN
    total = s[0] + x
    if not -INF < total < INF:
        return NAN
    s[0] = total
    return total


def signed_volume(change: float, volume: float) -> float:
    """The volume with the sign of the change."""
    if change > 0.0:
        return volume
    if change < 0.0:
        return -volume
    return 0.0 if change == 0.0 else NAN


def money_flow(high: float, low: float, close: float, volume: float) -> float:
    """The volume times where the close lies in the bar, from -1 (low) to 1 (high); 0 when the bar has no range."""
    if high == low:
        return 0.0
    result = ((close - low) - (high - close)) / (high - low) * volume
    return result if -INF < result < INF else NAN


def inflow(change: float, x: float, volume: float) -> float:
    """Value times volume on a bar that rose, else 0."""
    if change != change or x != x:
        return NAN
    result = x * volume if change > NO_MOVEMENT else 0.0
    return result if -INF < result < INF else NAN


def outflow(change: float, x: float, volume: float) -> float:
    """Value times volume on a bar that fell, else 0."""
    return inflow(-change, x, volume)


def money_flow_index(rise: float, fall: float) -> float:
    """`100 - 100 / (1 + rise / fall)`; 100 when nothing flowed out."""
    if rise != rise or fall != fall:
        return NAN
    if fall == 0.0:
        return 100.0
    return 100.0 - 100.0 / (1.0 + rise / fall)


def vwap(s: State, time: float, x: float, volume: float) -> float:
    """Mean of the day's values weighted with their volume, days in UTC. s: day + 1, base, sum of products, volume."""
    if x != x:
        return NAN
    day = float(math.floor(time / DAY)) + 1.0
    if s[0] != day:
        s[0] = day
        s[1] = x
        s[2] = 0.0
        s[3] = 0.0
    s[2] += (x - s[1]) * volume
    s[3] += volume
    if s[3] <= 0.0:
        return NAN
    result = s[1] + s[2] / s[3]
    return result if -INF < result < INF else NAN
