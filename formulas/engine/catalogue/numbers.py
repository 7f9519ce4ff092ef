"""Arithmetic on the values of one bar."""

from formulas.engine.functions import A, Argument, B, X, calculation

NUMBERS = (
    calculation("min", "smallest; na when one is na", A, B, more=True),
    calculation("max", "largest; na when one is na", A, B, more=True),
    calculation("abs", "distance from 0"),
    calculation("sqrt", "square root; na below 0"),
    calculation("log", "natural logarithm; na from 0 down"),
    calculation("exp", "e to the power of x; na when too large"),
    calculation("sign", "1, 0 or -1"),
    calculation("round", "nearest whole number, a half away from 0"),
    calculation("floor", "largest whole number not above x"),
    calculation("nz", "x, or the replacement where x is na", X, Argument("replacement", "series", 0.0)),
    calculation("na", "true where x is na"),
)
