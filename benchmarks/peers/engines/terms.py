"""The strategy and the terms that every engine is given, so that the same trades come out."""

FAST, SLOW = 10, 30
CAPITAL = 10_000.0
FEE = 0.0001
RSI_LENGTH, OVERSOLD, OVERBOUGHT = 14, 30, 70
