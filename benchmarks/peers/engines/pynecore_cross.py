"""
@pyne
"""

from pynecore.lib import close, script, strategy, ta


@script.strategy("Crossing averages", initial_capital=10000, commission_value=0.01, default_qty_value=95)
def main():
    fast, slow = ta.sma(close, 10), ta.sma(close, 30)
    if ta.crossover(fast, slow):
        strategy.entry("long", strategy.long)
    if ta.crossunder(fast, slow):
        strategy.close("long")
