"""The sums that metrics rest on, over a curve of equity, its returns, those of the market and its trades."""

Floats = list[float]
Ints = list[int]

# What `measure` finds: sums of equity and of its returns, of squares and powers of their distances from the mean;
ALL_EQUITY, RETURNS, SQUARES, BELOW, CUBES, FOURTHS = 0, 1, 2, 3, 4, 5
# of the market's, of both distances multiplied, and of what the returns are ahead of the market's;
MARKET, MARKET_SQUARES, TOGETHER, AHEAD, AHEAD_SQUARES = 6, 7, 8, 9, 10
# of trades: what was bought and sold, fees, results and their squared distances, what was won, how often, lost, bars;
NOTIONAL, FEES, RESULTS, RESULT_SQUARES, WON, WINS, LOST, BARS = 11, 12, 13, 14, 15, 16, 17, 18
# and the deepest fall with the most bars below a peak.
DEPTH, LONGEST = 19, 20
MEASURES = 21

# The columns of a trade; see steps.account.
ENTRY_BAR, EXIT_BAR, ENTRY_PRICE, EXIT_PRICE, SIZE, RESULT, FEE, TRADE_DOUBLES = 0, 1, 2, 3, 4, 5, 6, 8


def measure(
    equity: Floats,
    bars: int,
    start: float,
    ends: Ints,
    periods: int,
    prices: Floats,
    units: float,
    cash: float,
    entry: int,
    market_start: float,
    trades: Floats,
    count: int,
    closed: int,
    returns: Floats,
    market: Floats,
    found: Floats,
) -> None:
    """Fill `found`, and the returns of the account and of the market over periods, whose last bars are `ends`.

    The market is what holds `units` and `cash` from the bar `entry` on, at these prices. Of `count` trades the first
    `closed` have ended.
    """
    for i in range(MEASURES):
        found[i] = 0.0
    fill_returns(equity, 1.0, 0.0, 0, start, ends, periods, returns)
    fill_returns(prices, units, cash, entry, market_start, ends, periods, market)
    walk(equity, bars, start, found)
    if periods > 0:
        spread_of(returns, periods, found)
        compare(returns, market, periods, found)
    for i in range(count):
        trade = TRADE_DOUBLES * i
        found[NOTIONAL] += abs(trades[trade + SIZE]) * trades[trade + ENTRY_PRICE]
        found[FEES] += trades[trade + FEE]
    if closed > 0:
        sum_up(trades, closed, found)


def fill_returns(
    prices: Floats, units: float, cash: float, entry: int, start: float, ends: Ints, periods: int, returns: Floats
) -> None:
    """The return of each period; that of the first is against the money at the start, and there is none on nothing."""
    before = start
    for i in range(periods):
        worth = start
        if ends[i] >= entry:
            worth = prices[ends[i]] * units + cash
        returns[i] = worth / before - 1.0 if before > 0.0 else 0.0
        before = worth


def walk(equity: Floats, bars: int, start: float, found: Floats) -> None:
    """The sum of a curve, its deepest fall below its highest value so far, 0 or below, and the most bars below it.

    `start` is the first peak. While the peak stays, the lowest value is the deepest fall: the quotient is needed once.
    """
    total = 0.0
    peak = start
    lowest = start
    below = 0
    longest = 0
    depth = 0.0
    for i in range(bars):
        value = equity[i]
        total += value
        if value >= peak:
            depth = min(depth, lowest / peak - 1.0)
            longest = max(longest, below)
            below = 0
            peak = value
            lowest = value
        else:
            below += 1
            lowest = min(lowest, value)
    found[ALL_EQUITY] = total
    found[DEPTH] = min(depth, lowest / peak - 1.0)
    found[LONGEST] = float(max(longest, below))


def spread_of(returns: Floats, periods: int, found: Floats) -> None:
    """How returns are spread around their mean, and below 0."""
    total = 0.0
    for i in range(periods):
        total += returns[i]
    mean = total / periods
    squares = 0.0
    below = 0.0
    cubes = 0.0
    fourths = 0.0
    for i in range(periods):
        distance = returns[i] - mean
        square = distance * distance
        squares += square
        cubes += square * distance
        fourths += square * square
        fall = min(returns[i], 0.0)
        below += fall * fall
    found[RETURNS] = total
    found[SQUARES] = squares
    found[BELOW] = below
    found[CUBES] = cubes
    found[FOURTHS] = fourths


def compare(returns: Floats, market: Floats, periods: int, found: Floats) -> None:
    """How returns move with the market's."""
    of_market = 0.0
    ahead = 0.0
    for i in range(periods):
        of_market += market[i]
        ahead += returns[i] - market[i]
    mean = found[RETURNS] / periods
    squares = 0.0
    together = 0.0
    ahead_squares = 0.0
    for i in range(periods):
        distance = market[i] - of_market / periods
        squares += distance * distance
        together += (returns[i] - mean) * distance
        further = returns[i] - market[i] - ahead / periods
        ahead_squares += further * further
    found[MARKET] = of_market
    found[MARKET_SQUARES] = squares
    found[TOGETHER] = together
    found[AHEAD] = ahead
    found[AHEAD_SQUARES] = ahead_squares


def sum_up(trades: Floats, closed: int, found: Floats) -> None:
    """What closed trades came to."""
    for i in range(closed):
        trade = TRADE_DOUBLES * i
        result = trades[trade + RESULT]
        found[NOTIONAL] += abs(trades[trade + SIZE]) * trades[trade + EXIT_PRICE]
        found[RESULTS] += result
        found[BARS] += trades[trade + EXIT_BAR] - trades[trade + ENTRY_BAR]
        if result > 0.0:
            found[WON] += result
            found[WINS] += 1.0
        else:
            found[LOST] -= result
    mean = found[RESULTS] / closed
    for i in range(closed):
        distance = trades[TRADE_DOUBLES * i + RESULT] - mean
        found[RESULT_SQUARES] += distance * distance
