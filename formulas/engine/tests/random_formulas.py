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
    "tf('5m', {z})",
    "tf('7', {z})",
    "hma({x}, {n})",
    "vwma({x}, {n})",
    "dema({x}, {n})",
    "tema({x}, {n})",
    "linreg({x}, {n}, {k})",
    "bbw({x}, {n}, 2)",
    "cmo({x}, {n})",
    "ppo({x}, 3, {n})",
    "natr({n})",
    "stoch_d({x}, high, low, {n}, 3)",
    "wpr({n})",
    "cci({x}, {n})",
    "mfi({x}, {n})",
    "adx({n})",
    "sar",
    "sar(0.1, 0.05, 0.3)",
    "obv",
    "accdist",
    "cmf({n})",
    "vwap({x})",
    "highestbars({x}, {n})",
    "lowestbars({x}, {n})",
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
SEVERAL = [("kc(7)", 3), ("bb(6)", 3), ("dmi(5, 4)", 3), ("supertrend(1, 5)", 2), ("donchian(8)", 3)]
PROTECTIONS = [
    "stop_loss(pct={k})",
    "stop_loss(close - {k} * atr(5))",
    "take_profit(pct={k})\nstop_loss({x})",
    "trail(pct={k})\nif close > open: take_profit({x})",
    "trail({x})",
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
        self.is_inside = False

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
        if "{z}" in template:
            return self.higher(template, depth)
        parts = {"n": self.rng.randrange(1, 40), "k": self.rng.randrange(0, 6)}
        for slot in "xy":
            if f"{{{slot}}}" in template:
                parts[slot] = self.series(depth - 1)
        for slot in "cd":
            if f"{{{slot}}}" in template:
                parts[slot] = self.condition(depth - 1)
        return template.format(**parts)

    def higher(self, template, depth):
        """A higher timeframe, in which neither the formula's own names nor another one can stand."""
        if self.is_inside:
            return "tr"
        names, self.names, self.is_inside = self.names, [], True
        text = template.format(z=self.series(depth - 1))
        self.names, self.is_inside = names, False
        return text

    def formula(self):
        lines = []
        for number in range(self.rng.randrange(0, 4)):
            lines.append(f"v{number} = {self.series(2)}")
            self.names.append(f"v{number}")
        if self.rng.random() < 0.3:
            lines.append("line, signal, hist = macd(5, 9, 4)")
            self.names += ["line", "signal", "hist"]
        for number, call in enumerate(SEVERAL):
            if self.rng.random() < 0.15:
                names = [f"{letter}{number}" for letter in "abc"[: call[1]]]
                lines.append(f"{', '.join(names)} = {call[0]}")
                self.names += names
        lines.append(f"if {self.condition(3)}:\n    buy(size={self.series(1)})")
        lines.append(f"elif {self.condition(2)}: sell()")
        lines.append(f"else:\n    if {self.condition(1)}: short()\n    else: close()")
        lines.append(f"if {self.condition(2)}: alert(1)")
        if self.rng.random() < 0.4:
            lines.append(self.rng.choice(PROTECTIONS).format(x=self.series(1), k=self.rng.randrange(1, 5)))
        return "\n".join(lines)


def random_formula(seed):
    """A formula that compiles."""
    return FormulaMaker(seed).formula()


def random_account_formula(seed):
    """A formula that compiles and reads its account."""
    maker = FormulaMaker(seed)
    text = maker.formula()
    condition, series = maker.condition(1), maker.series(1)
    extra = [
        f"if bars_held > {seed % 7} and {condition}: close()",
        f"if position != 0 and close > entry_price * 1.01 + 0 * {series}: close()",
        f"if sma(equity, 3) < equity[1] or {condition}: cover()\nstop_loss(entry_price * 0.99)",
    ]
    return f"{text}\n{extra[seed % 3]}"
