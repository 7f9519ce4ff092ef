"""The engine beside others': PyneCore, TA-Lib, backtesting.py and vectorbt, in an environment of their own."""
