"""Runs where TA-Lib is: the values of its functions at every bar."""

import json
import math
import sys

import numpy as np
import talib


def main() -> None:
    question = json.load(sys.stdin)
    table = np.array(question["bars"], dtype=float).T
    columns = dict(zip(("time", "open", "high", "low", "close", "volume"), table, strict=True))
    found = {}
    for title, (function, inputs, settings) in question["calls"].items():
        given = getattr(talib, function)(*(np.ascontiguousarray(columns[name]) for name in inputs), **settings)
        several = given if isinstance(given, tuple) else (given,)
        found[title] = [[value if math.isfinite(value) else None for value in one.tolist()] for one in several]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
