"""Runs where backtesting.py is: the trades and the final equity that given wishes to enter and to leave come to."""

import json
import sys

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy


class Wishes(Strategy):
    """1 to enter, -1 to leave, at the close of a bar; the order is filled at the next open."""

    units = 1

    def init(self):
        pass

    def next(self):
        wish = self.data.Wish[-1]
        if wish > 0 and not self.position:
            self.buy(size=self.units)
        elif wish < 0 and self.position:
            self.position.close()


def main():
    json.dump([answered(question) for question in json.load(sys.stdin)["questions"]], sys.stdout)


def answered(question):
    table = np.array(question["bars"], dtype=float)
    frame = pd.DataFrame(table[:, 1:], columns=["Open", "High", "Low", "Close", "Volume"])
    frame.index = pd.to_datetime(table[:, 0], unit="s")
    frame["Wish"] = question["wishes"]
    stats = Backtest(frame, Wishes, cash=question["capital"], commission=question["fee"]).run(units=question["units"])
    trades = stats["_trades"]
    return {
        "trades": trades[["EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "PnL"]].to_numpy().tolist(),
        "equity": stats["_equity_curve"]["Equity"].tolist(),
    }


if __name__ == "__main__":
    main()
