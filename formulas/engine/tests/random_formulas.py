"""Random formulas that follow the grammar, for tests that compare drivers."""

import random

SOURCES = ["open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4", "bar_index", "time"]
SERIES_CALLS = [
    "sma({x}, {n})",
    "ema({x}, {n})",
    "rma({x}, {n})",
    "wma({x}, {n})",
    "stdev({x}, {n})",
    "rsi({x}, {n})",
    "change({x}, {n})",
    "mom({x}, {n})",
    "roc({x}, {n})",
    "highest({x}, {n})",
    "lowest({x}, {n})",
    "stoch({x}, high, low, {n})",
    "atr({n})",
    "tr",
    "rsi",
    "barssince({c})",
    "valuewhen({c}, {x}, {k})",
    "count({c}, {n})",
    "min({x}, {y})",
    "max({x}, {y}, 3.5)",
    "abs({x})",
    "sqrt({x})",
    "log({x})",
    "exp({x})",
    "sign({x})",
    "round({x})",
    "floor({x})",
    "nz({x}, {y})",
]
CONDITIONS = [
    "{x} < {y}",
    "{x} <= {y}",
    "{x} > {y}",
    "{x} >= {y} > low",
    "{x} == {y}",
    "{x} != {y}",
    "crossover({x}, {y})",
    "crossunder({x}, {y})",
    "cross({x}, {y})",
    "rising({x}, {n})",
    "falling({x}, {n})",
    "na({x})",
    "not ({c})",
    "({c}) and ({d})",
    "({c}) or ({d})",
    "True",
    "({c})[{k}]",
]


class FormulaMaker:
    """Makes formulas from one seeded generator."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.names = []

    def series(self, depth):
        rng = self.rng
        if depth <= 0:
            return rng.choice([*SOURCES, *self.names, "1", "30", "0.5", "100"])
        kind = rng.random()
        if kind < 0.55:
            return self.filled(rng.choice(SERIES_CALLS), depth)
        if kind < 0.8:
            return f"({self.series(depth - 1)} {rng.choice('+-*/%')} {self.series(depth - 1)})"
        if kind < 0.9:
            return f"({self.series(depth - 1)})[{rng.randrange(0, 9)}]"
        if kind < 0.95:
            return f"-({self.series(depth - 1)})"
        return f"({self.series(depth - 1)} if {self.condition(depth - 1)} else {self.series(depth - 1)})"

    def condition(self, depth):
        if depth <= 0:
            return f"{self.series(0)} > {self.series(0)}"
        return self.filled(self.rng.choice(CONDITIONS), depth)

    def filled(self, template, depth):
        parts = {"n": self.rng.randrange(1, 40), "k": self.rng.randrange(0, 6)}
        for slot in "xy":
            if f"{{{slot}}}" in template:
                parts[slot] = self.series(depth - 1)
        for slot in "cd":
            if f"{{{slot}}}" in template:
                parts[slot] = self.condition(depth - 1)
        return template.format(**parts)

    def formula(self):
        lines = []
        for number in range(self.rng.randrange(0, 4)):
            lines.append(f"v{number} = {self.series(2)}")
            self.names.append(f"v{number}")
        if self.rng.random() < 0.3:
            lines.append("line, signal, hist = macd(5, 9, 4)")
            self.names += ["line", "signal", "hist"]
        lines.append(f"if {self.condition(3)}:\n    buy(size={self.series(1)})")
        lines.append(f"elif {self.condition(2)}: sell()")
        lines.append(f"else:\n    if {self.condition(1)}: short()\n    else: close()")
        lines.append(f"if {self.condition(2)}: alert(1)")
        return "\n".join(lines)


def random_formula(seed):
    """A formula that compiles."""
    return FormulaMaker(seed).formula()
