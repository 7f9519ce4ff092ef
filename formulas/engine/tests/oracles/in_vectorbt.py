"""Runs where vectorbt is: the trades and the equity that given entries and exits come to, all of the cash each time."""

import json
import sys

import numpy as np
import pandas as pd
import vectorbt as vbt


def main():
    json.dump([answered(question) for question in json.load(sys.stdin)["questions"]], sys.stdout)


def answered(question):
    bars = np.array(question["bars"], dtype=float)
    opening, close = pd.Series(bars[:, 1]), pd.Series(bars[:, 4])
    wishes = np.array([0, *question["wishes"][:-1]])  # decided at a close, filled at the next open
    portfolio = vbt.Portfolio.from_signals(
        close,
        pd.Series(wishes > 0),
        pd.Series(wishes < 0),
        short_entries=pd.Series(wishes < 0) if question["turns"] else None,
        short_exits=pd.Series(wishes > 0) if question["turns"] else None,
        price=opening,
        fees=question["fee"],
        slippage=question["slip"],
        init_cash=question["capital"],
        upon_opposite_entry="reverse",
    )
    records = portfolio.trades.records
    names = ["entry_idx", "exit_idx", "entry_price", "exit_price", "pnl", "status"]
    return {"trades": records[names].to_numpy().tolist(), "equity": portfolio.value().tolist()}


if __name__ == "__main__":
    main()
