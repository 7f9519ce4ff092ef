"""The formula engine beside the backtesters that people use: one strategy, the same bars, CPU time, in turn."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine_processes import OURS, ROOT, Contest, Taken, Worker, in_turn
from benchmarks.engine_work import CROSS
from benchmarks.report import Row, compared, machine, measured, save, show

FASTS, SLOWS = list(range(2, 22)), list(range(25, 65, 2))
PAIRS = [[fast, slow] for fast in range(5, 15) for slow in range(20, 30)]
MANY_PAIRS = [[fast, slow] for fast in range(2, 102) for slow in range(102, 202)]
INSTRUMENTS, WINDOW = 100, 250
LIVE_BARS = 8
WORKERS = {
    "vectorbt": ("engine-peers", "with_vectorbt"),
    "raptorbt": ("engine-peers", "with_raptorbt"),
    "backtesting.py": ("engine-peers", "with_backtesting"),
    "TA-Lib": ("engine-peers", "with_talib"),
    "backtrader": ("engine-peers", "with_backtrader"),
    "PyneCore": ("engine-peers", "with_pynecore"),
    "pandas": ("engine-peers", "with_pandas"),
    "NautilusTrader": ("engine-peer-nautilus", "with_nautilus"),
}
# What fills at the next open for the whole of the cash must end with the same money.
SAME = {"vectorbt", "raptorbt"}
NOTES = [
    "CPU time of all threads, without the conversion of data to an engine's own form; a new process is elapsed time",
    "averages of 10 and 30 bars that cross, long only, all the cash, filled at the next open, 1 basis point of fee",
    "ours: trades, equity and 30 metrics, those against buying and holding among them; the metrics of two parts and "
    "that curve are worked out when asked for, and not here, and which bars end a day once for all backtests of the "
    "bars; vectorbt: 10 metrics one by one, as its stats() takes longer; raptorbt: its 48; TA-Lib + numpy: the bars of "
    "the crossings and nothing else",
    "backtesting.py trades whole units, NautilusTrader one unit at the bar's close, backtrader and PyneCore 95 % of "
    "the cash; these run in two rounds, without one to warm up, over 10,000 bars (backtesting.py: 50,000), scaled",
    "sweep over 100,000 bars: vectorbt is given 40 of the 400 points, as it would need some 10 GB, and is scaled",
    "live: 100 formulas on each of 100 instruments, up to which crossings happened; beside peers eight bars one after "
    "the other; the pandas way is given one bar and one of the formulas on each in two rounds, and is scaled",
]


class Bench:
    """The markets in a folder, and a worker for each peer that was asked for."""

    def __init__(self, folder: Path, stack: ExitStack, rounds: int) -> None:
        self.folder, self.stack, self.rounds = folder, stack, rounds
        self._workers: dict[str, Worker] = {}

    def worker(self, peer: str) -> Worker:
        if peer not in self._workers:
            environment, module = WORKERS[peer]
            self._workers[peer] = self.ours(f"benchmarks.peers.engines.{module}", environment)
        return self._workers[peer]

    def ours(self, module: str = OURS, environment: str | None = None, **variables: str) -> Worker:
        worker = Worker(module, environment, **variables)
        self.stack.callback(worker.close)
        return worker

    def market(self, count: int, instruments: int = 0) -> str:
        """The path of one instrument's bars, or of several's."""
        path = self.folder / f"{count}-{instruments}.npz"
        if not path.exists():
            several = [walk(count, seed) for seed in range(1, max(instruments, 1) + 1)]
            columns = {name: np.stack([one[name] for one in several]) for name in several[0]}
            np.savez(path, **columns if instruments else several[0])
        return str(path)

    def race(
        self, row: str, ours: Worker, wanted: Mapping[str, Any], work: float, unit: str, contests: Sequence[Contest]
    ) -> list[Row]:
        """A row for each peer: `work` units of ours in a second of CPU beside the peer's."""
        began = time.monotonic()
        own, *others = in_turn(ours, wanted, contests, self.rounds)
        print(f"{row}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        rows = []
        for contest, theirs in zip(contests, others, strict=True):
            _same(contest, own, theirs)
            own_rates = [work / one.cpu for one in own]
            rates = [work * contest.share / one.cpu for one in theirs]
            name = f"{row}, beside {contest.peer}"
            rows.append(compared(name, own_rates, rates, unit, float, contest.floor, contest.goal, peer=contest.peer))
        return rows

    def contest(self, peer: str, wanted: Mapping[str, Any], floor: float, goal: float, **more: Any) -> Contest:
        return Contest(more.pop("label", peer), self.worker(peer), wanted, floor, goal, **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(machine())
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(Path(folder), stack, rounds)
        rows: list[Row] = []
        for part in (backtests, slow_ones, sweeps, live, alone, starting):
            found = part(bench)
            save(found)
            rows += found
    show(rows, [*NOTES, f"all of it took {time.monotonic() - began:.0f} s"])


def walk(count: int, seed: int) -> dict[str, Any]:
    """One-minute bars of a seeded walk."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    opening = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(opening, close) * 1.0005, np.minimum(opening, close) * 0.9995
    times = np.arange(count) * 60 + 1_700_000_040
    volume = rng.uniform(1, 100, count)
    return {"time": times, "open": opening, "high": high, "low": low, "close": close, "volume": volume}


def _same(contest: Contest, own: Sequence[Taken], theirs: Sequence[Taken]) -> None:
    """A race is one only when both come to the same end."""
    if contest.peer not in SAME or contest.share != 1.0:
        return
    for name in {"final", "sum"} & own[0].found.keys() & theirs[0].found.keys():
        ours, other = own[0].found[name], theirs[0].found[name]
        if abs(ours - other) > 1e-6 * abs(other):
            raise SystemExit(f"{contest.peer} ends with {other}, we with {ours}")


def backtests(bench: Bench) -> list[Row]:
    """One long history, and many short ones."""
    wanted = {"work": "backtest", "market": bench.market(500_000)}
    part = {"work": "backtest", "market": bench.market(50_000)}
    many = {"work": "backtests", "market": bench.market(10_000, INSTRUMENTS)}
    ours, unit = bench.ours(), "1,000 bars/s"
    contests = [
        bench.contest("vectorbt", wanted, 4, 8),
        bench.contest("raptorbt", wanted, 4, 9),
        bench.contest("TA-Lib", wanted, 0, 1, label="TA-Lib + numpy, signals alone"),
        bench.contest("backtesting.py", part, 200, 480, most_rounds=1, share=0.1),
    ]
    rows = bench.race("backtest of 500,000 bars", ours, wanted, 500, unit, contests)
    contests = [bench.contest("vectorbt", many, 6, 13), bench.contest("raptorbt", many, 2.5, 4.4)]
    return rows + bench.race("100 backtests of 10,000 bars", ours, many, 1000, unit, contests)


def slow_ones(bench: Bench) -> list[Row]:
    """Peers that go bar by bar through Python objects."""
    wanted = {"work": "backtest", "market": bench.market(50_000)}
    part = {"work": "backtest", "market": bench.market(10_000)}
    peers = {"NautilusTrader": 1000, "backtrader": 1000, "PyneCore": 500}
    contests = [bench.contest(peer, part, floor, 2000, most_rounds=1, share=0.2) for peer, floor in peers.items()]
    return bench.race("backtest of 50,000 bars", bench.ours(), wanted, 50, "1,000 bars/s", contests)


def sweeps(bench: Bench) -> list[Row]:
    """400 points, each with its metrics; the most memory that our process held at the longer one."""
    rows: list[Row] = []
    for count, floor, goal, share in ((10_000, 8, 17, 1.0), (100_000, 15, 36, 0.1)):
        ours = bench.ours()
        wanted = {"work": "sweep", "market": bench.market(count), "fast": FASTS, "slow": SLOWS}
        part = {**wanted, "fast": FASTS[: round(len(FASTS) * share)]}
        contests = [bench.contest("vectorbt", part, floor, goal, share=share)]
        if share == 1.0:
            contests.append(bench.contest("raptorbt", wanted, 0, 1))
        rows += bench.race(f"sweep of 400 points x {count:,} bars", ours, wanted, 0.4 * count, "1,000 bars/s", contests)
    peak = [ours.ask(wanted).peak]
    return [*rows, measured("sweep of 400 points x 100,000 bars, memory", peak, "MB", floor=150, goal=45)]


def live(bench: Bench) -> list[Row]:
    """One closed bar of each of 100 instruments with 100 formulas on each, and of one instrument with 10,000."""
    market = bench.market(WINDOW + 10 + LIVE_BARS * (4 * bench.rounds + 2), INSTRUMENTS)
    wanted = {"work": "live", "market": market, "pairs": PAIRS, "window": WINDOW, "bars": LIVE_BARS}
    ours, count = bench.ours(), len(PAIRS) * INSTRUMENTS * LIVE_BARS
    one = {**wanted, "pairs": PAIRS[:1], "bars": 1}
    contests = [
        bench.contest("TA-Lib", {**wanted, "work": "live_stream"}, 15, 75, label="talib.stream"),
        bench.contest("TA-Lib", {**wanted, "work": "live_arrays"}, 200, 1000, label="numpy + TA-Lib"),
        bench.contest("pandas", one, 1e4, 5e4, share=1 / len(PAIRS) / LIVE_BARS, most_rounds=1),
    ]
    rows = bench.race("one live bar of 10,000 pairs", ours, wanted, count / 1000, "1,000 pairs/s", contests)
    wanted = {**wanted, "bars": 1}
    alone = {**wanted, "market": bench.market(WINDOW + 120, 1), "pairs": MANY_PAIRS}
    for name, asked, floor in (
        ("100 formulas on 100 instruments", wanted, 1.0),
        ("10,000 formulas on one instrument", alone, 1.0),
        ("100 formulas on 100 instruments, decisions with their reasons", {**wanted, "decides": True}, 20.0),
    ):
        rounds = [ours.ask(asked).cpu * 1000 for _ in range(4 * bench.rounds + 1)][1:]
        rows.append(measured(f"one live bar of 10,000 pairs: {name}", rounds, "ms", floor=floor, goal=0.2 * floor))
    return rows


def alone(bench: Bench) -> list[Row]:
    """What has no peer: other kinds of formulas, the plain loop, and compiling."""
    ours, plain = bench.ours(), bench.ours(SIGNALBOX_KERNELS="off")
    formulas = {
        "stop and target": (500_000, "if rsi < 30: buy()\nstop_loss(pct=2)\ntake_profit(pct=3)"),
        "an account that is read": (50_000, "if position == 0 and rsi < 30: buy()\nif bars_held > 10: close()"),
    }
    rows = []
    for name, (count, formula) in formulas.items():
        wanted = {"work": "backtest", "market": bench.market(count), "formula": formula}
        rounds = in_turn(ours, wanted, [], bench.rounds)[0]
        row = f"backtest of {count:,} bars: {name}"
        rows.append(measured(row, [one.cpu * 1000 for one in rounds], "ms", floor=2000, goal=200))
    wanted = {"work": "plain", "market": bench.market(50_000)}
    rates = [0.05 / one.cpu for one in in_turn(plain, wanted, [], bench.rounds)[0]]
    loop = measured("plain Python reference", rates, "million bars/s", floor=0.3, goal=0.3)
    compiling = in_turn(ours, {**wanted, "work": "compiling"}, [], bench.rounds)[0]
    once = [one.cpu * 1000 / 100 for one in compiling]
    return [*rows, replace(loop, less=False), measured("compiling a formula", once, "ms", floor=1.0, goal=0.15)]


def starting(bench: Bench) -> list[Row]:
    """A new process up to its first answer."""
    columns = walk(500, 1)
    bars = np.column_stack([columns[name] for name in ("time", "open", "high", "low", "close", "volume")]).tolist()
    request = json.dumps({"formula": CROSS, "bars": [[int(row[0]), *row[1:]] for row in bars]})
    command = [sys.executable, "-m", "formulas.engine", "backtest"]
    elapsed = []
    for _ in range(bench.rounds + 1):
        began = time.perf_counter()
        subprocess.run(command, input=request, text=True, check=True, capture_output=True, cwd=ROOT)
        elapsed.append(time.perf_counter() - began)
    return [measured("first backtest of a new process", elapsed[1:], "s", floor=0.5, goal=0.1)]


if __name__ == "__main__":
    main()
