"""Questions to a script of this folder that runs where the oracles are installed, in JSON."""

import json
import math
import subprocess
from pathlib import Path

import numpy as np
from bokeh_sampledata import stocks

from formulas.engine.bars import Bars
from formulas.engine.tests.markets import flat_after, random_walk

ROOT = Path(__file__).resolve().parents[4]
PYTHON = ROOT / "var" / "oracles" / "bin" / "python"
DAY = 86_400


def answer(script, **question):
    """What `script` prints when it is asked; NaN in place of null."""
    if not PYTHON.exists():
        raise FileNotFoundError(f"{PYTHON} is missing: run `make test-oracles`")
    path = Path(__file__).with_name(f"{script}.py")
    done = subprocess.run([PYTHON, path], input=json.dumps(question), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def numbers(values):
    """A list in which None is NaN."""
    return [math.nan if value is None else float(value) for value in values]


def rows(bars):
    """Bars as lists, for JSON."""
    return [list(bar) for bar in bars.rows()]


def shares(name, first=0, count=1500):
    """Daily bars of a share from 2000 to 2013, splits and dividends worked into the prices."""
    data = getattr(stocks, name)
    table = {column: np.array(data[column], dtype=float) for column in ("open", "high", "low", "close", "adj_close")}
    factor = table["adj_close"] / table["close"]
    open_, high, low, close = (table[column] * factor for column in ("open", "high", "low", "close"))
    high, low = np.maximum.reduce([high, open_, close]), np.minimum.reduce([low, open_, close])
    days = np.array([np.datetime64(day, "D").astype(int) for day in data["date"]]) * DAY
    columns = (days, open_, high, low, close, np.array(data["volume"], dtype=float))
    return Bars(*(column[first : first + count] for column in columns))


def markets():
    """The markets of the comparisons, by name."""
    halted = flat_after(random_walk(7, 500), 101.25, 200)
    resumed = [*halted.rows(), *(bar._replace(time=bar.time + 700 * 60) for bar in random_walk(8, 300, 101.25).rows())]
    return {
        "walk": random_walk(3, 1500),
        "other walk": random_walk(4, 1500, price=9.0),
        "halted": Bars.from_rows(resumed),
        "AAPL": shares("AAPL"),
        "IBM": shares("IBM", 1700),
        "GOOG": shares("GOOG"),
    }


MARKETS = markets()
