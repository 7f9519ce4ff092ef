"""How far a curve falls, and for how long."""

Floats = list[float]


def deepest(equity: Floats, count: int, start: float, found: Floats) -> None:
    """The deepest fall below the highest value so far, 0 or below, and the most values in a row below it.

    `start` is the first peak. While the peak stays, the lowest value is the deepest fall: the quotient is needed once.
    """
    peak = start
    lowest = start
    below = 0
    longest = 0
    depth = 0.0
    for i in range(count):
        value = equity[i]
        if value >= peak:
            depth = min(depth, lowest / peak - 1.0)
            longest = max(longest, below)
            below = 0
            peak = value
            lowest = value
        else:
            below += 1
            lowest = min(lowest, value)
    found[0] = min(depth, lowest / peak - 1.0)
    found[1] = float(max(longest, below))
