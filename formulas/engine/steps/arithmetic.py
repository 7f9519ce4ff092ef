"""Arithmetic on one bar's values; what has no finite answer is na."""

import math

NAN = math.nan
INF = math.inf
LARGEST_EXPONENT = 709.782712893384
ALL_WHOLE = 4503599627370496.0  # 2**52: every double from here up is a whole number


def add(x: float, y: float) -> float:
    """`x + y`."""
    result = x + y
    return result if -INF < result < INF else NAN


def subtract(x: float, y: float) -> float:
    """`x - y`."""
    result = x - y
    return result if -INF < result < INF else NAN


def multiply(x: float, y: float) -> float:
    """`x * y`."""
    result = x * y
    return result if -INF < result < INF else NAN


def divide(x: float, y: float) -> float:
    """`x / y`; na when y is 0."""
    if y == 0.0:
        return NAN
    result = x / y
    return result if -INF < result < INF else NAN


def modulo(x: float, y: float) -> float:
    """The remainder of the quotient rounded towards 0, as Pine's `%`: it has the sign of `x`; na when y is 0."""
    if y == 0.0:
        return NAN
    return math.fmod(x, y)


def negate(x: float) -> float:
    """`-x`."""
    return -x


def smaller(x: float, y: float) -> float:
    """The smaller of two values; na when one is na."""
    if x <= y:
        return x
    if x > y:
        return y
    return NAN


def larger(x: float, y: float) -> float:
    """The larger of two values; na when one is na."""
    if x >= y:
        return x
    if x < y:
        return y
    return NAN


def absolute(x: float) -> float:
    """The distance of x from 0."""
    return abs(x)


def square_root(x: float) -> float:
    """The square root; na below 0."""
    return NAN if x < 0.0 else math.sqrt(x)


def logarithm(x: float) -> float:
    """The natural logarithm; na from 0 down."""
    return NAN if x <= 0.0 else math.log(x)


def exponential(x: float) -> float:
    """e to the power of x; na where that overflows."""
    return NAN if x > LARGEST_EXPONENT else math.exp(x)


def sign(x: float) -> float:
    """1, 0 or -1."""
    if x > 0.0:
        return 1.0
    if x < 0.0:
        return -1.0
    return 0.0 if x == 0.0 else NAN


def round_half_away(x: float) -> float:
    """To the nearest whole number, a half away from zero, as Pine's `math.round`."""
    size = abs(x)
    if not size < ALL_WHOLE:
        return x
    whole = float(math.floor(size))
    if size - whole >= 0.5:
        whole += 1.0
    return -whole if x < 0.0 else whole


def floor(x: float) -> float:
    """The largest whole number that is not above x."""
    if not abs(x) < ALL_WHOLE:
        return x
    return float(math.floor(x))


def replace_na(x: float, replacement: float) -> float:
    """x, or the replacement where x is na."""
    return replacement if x != x else x
