"""The whole way: bar closed → signal → notification → a subscriber's socket, and what the server costs when idle."""

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalbox.settings")

from benchmarks.listeners import Listeners
from benchmarks.report import Row, machine, measured, percentile, save, show
from tests.server import LiveServer

SETTLE, IDLE_FOR = 8.0, 10.0
WARM_UP = 600.0
DEFAULT_INTERVAL = 5.0


def main() -> None:
    wanted = _arguments()
    print(machine())
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        found = measure_server(Path(folder), wanted.rounds)
        rows += found[0]
        notes += found[1]
    with tempfile.TemporaryDirectory() as folder:
        found = measure_way(Path(folder), wanted)
        rows += found[0]
        notes += found[1]
    show(rows, notes)
    save(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deployments", type=int, default=100, help="formulas running on the one series (100)")
    parser.add_argument("--sockets", type=int, default=200, help="people following one of them, a socket each (200)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bars", type=int, default=10, help="closed bars in each round (10)")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between closed bars (1)")
    return parser.parse_args()


Figures = tuple[list[Row], list[str]]


def measure_server(folder: Path, rounds: int) -> Figures:
    """How soon a set-up server serves again, and what it uses while nobody asks it anything."""
    server = LiveServer(folder, REPLAY_INTERVAL=str(DEFAULT_INTERVAL))
    try:
        first = _seconds_to_start(server)
        starts = []
        for _ in range(rounds):
            server.stop()
            starts.append(_seconds_to_start(server))
        time.sleep(SETTLE)
        usages = [_usage(server, IDLE_FOR) for _ in range(rounds)]
    finally:
        server.close()
    return [
        measured("second start to serving", starts, "s", floor=6, goal=3),
        measured("idle embedded server, CPU", [cpu for cpu, _ in usages], "% of a core", floor=3, goal=1),
        measured("idle embedded server, memory", [memory for _, memory in usages], "MB", floor=350, goal=200),
    ], [
        f"start: `manage.py serve --set-up` to the first answer of /health/ready, found set up; the very first, on an "
        f"empty folder, took {first:.1f} s. Left out: make itself, and installing the environment",
        f"idle: the demo's formulas on the default replay (a bar every {DEFAULT_INTERVAL:g} s) and the simulated "
        f"market, no sockets; {rounds} times {IDLE_FOR:g} s, resident memory",
    ]


def _seconds_to_start(server: LiveServer) -> float:
    began = time.monotonic()
    server.start()
    return time.monotonic() - began


def _cpu_seconds(server: LiveServer) -> float:
    assert server.process
    fields = Path(f"/proc/{server.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(server: LiveServer) -> float:
    assert server.process
    lines = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _usage(server: LiveServer, seconds: float) -> tuple[float, float]:
    """Per cent of a core over `seconds`, and resident megabytes at the end."""
    before, began = _cpu_seconds(server), time.monotonic()
    time.sleep(seconds)
    return 100 * (_cpu_seconds(server) - before) / (time.monotonic() - began), _megabytes(server)


def measure_way(folder: Path, wanted: argparse.Namespace) -> Figures:
    """From the commit of a closed bar to each follower's socket."""
    server = LiveServer(folder, REPLAY_INTERVAL=str(wanted.interval))
    try:
        server.start()
        server.stop()
        population = _populate(server, wanted)
        server.start()
        listeners = Listeners(server.port)
        watcher = _connect(listeners, population)
        _wait_for_signals(listeners, wanted.sockets)
        load = _listen(server, listeners, wanted)
        signals = server.shell("from formulas.models import Signal; print(Signal.objects.count())")
        listeners.close()
    finally:
        server.close()
    return _figures(_bars(listeners, watcher, wanted), wanted, [*load, f"{signals} signals were raised in all"])


def _listen(server: LiveServer, listeners: Listeners, wanted: argparse.Namespace) -> list[str]:
    """Hear as many bars as are counted and those cut off at either end; what it cost, in words."""
    listeners.arrivals.clear()
    cpu, own, began = _cpu_seconds(server), time.process_time(), time.monotonic()
    bars = wanted.rounds * wanted.bars + 3
    until = began + 3 * bars * wanted.interval
    while sum(arrival.number == 0 for arrival in listeners.arrivals) < bars and time.monotonic() < until:
        listeners.listen(wanted.interval)
    lasted = time.monotonic() - began
    busy, client = (_cpu_seconds(server) - cpu) / lasted, (time.process_time() - own) / lasted
    return [
        f"server {100 * busy:.0f} % of a core and {_megabytes(server):.0f} MB, load client {100 * client:.1f} % "
        f"beside it, {listeners.closed} sockets lost"
    ]


def _populate(server: LiveServer, wanted: argparse.Namespace) -> dict[str, Any]:
    call = f"populate({wanted.deployments}, {wanted.sockets})"
    found: dict[str, Any] = server.shell(
        f"import json; from benchmarks.population import populate; print(json.dumps({call}))"
    )
    return found


def _connect(listeners: Listeners, population: dict[str, Any]) -> int:
    """A socket for each follower, and one more, whose number is answered, that watches the bars."""
    for person in population["people"]:
        listeners.open(f"/notifications/ws/{person['id']}?token={person['token']}")
    watcher = listeners.open("/api/v1/ws")
    asked = {"symbol": population["symbol"], "resolution": population["resolution"]}
    listeners.say(watcher, json.dumps({"type": "bars.subscribe", "payload": asked}))
    return watcher


def _wait_for_signals(listeners: Listeners, sockets: int) -> None:
    """Until every socket has had a signal: by then the formulas are warm."""
    until, heard = time.monotonic() + WARM_UP, set[int]()
    while len(heard) < sockets:
        if time.monotonic() > until:
            raise SystemExit(f"only {len(heard)} of {sockets} sockets had a signal within {WARM_UP:g} s")
        listeners.listen(0.5)
        heard |= {arrival.number for arrival in listeners.arrivals if b'"trade_signal"' in arrival.text}


@dataclass(slots=True)
class Bar:
    """One closed bar: when it was committed, when its notification was, and when each socket had it."""

    closed_at: float
    told_at: float
    arrived_at: list[float]


def _bars(listeners: Listeners, watcher: int, wanted: argparse.Namespace) -> list[Bar]:
    """The bars that were seen whole, oldest first."""
    closed: dict[int, float] = {}
    told: dict[int, float] = {}
    arrived: dict[int, list[float]] = defaultdict(list)
    read: dict[bytes, Any] = {}
    for arrival in listeners.arrivals:
        if arrival.text not in read:
            read[arrival.text] = json.loads(arrival.text)
        message = read[arrival.text]
        if arrival.number == watcher and message["type"] == "bars.update":
            # The last word on a bar is that it closed, stamped when its row had been committed.
            closed[message["payload"]["payload"]["time"] // 1000] = _epoch(message["ts"])
        elif message["type"] == "trade_signal":
            bar = int(_epoch(message["data"]["data"]["bar_time"]))
            told[bar] = _epoch(message["timestamp"])
            arrived[bar].append(arrival.at)
    whole = sorted(set(closed) & set(told))[1:-1]
    return [Bar(closed[bar], told[bar], arrived[bar]) for bar in whole][: wanted.rounds * wanted.bars]


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _figures(bars: list[Bar], wanted: argparse.Namespace, notes: list[str]) -> Figures:
    chunks = [bars[start : start + wanted.bars] for start in range(0, len(bars), wanted.bars)]
    rounds = [[1000 * (at - bar.closed_at) for bar in chunk for at in bar.arrived_at] for chunk in chunks]
    name = f"bar closed → trade_signal, {wanted.deployments} deployments, {wanted.sockets} sockets"
    rows = [
        measured(f"{name}, {label}", [percentile(one, share) for one in rounds], "ms", floor=150, goal=30)
        for label, share in (("p50", 0.5), ("p99", 0.99))
    ]
    missing = sum(wanted.sockets - len(bar.arrived_at) for bar in bars)
    told = percentile([1000 * (bar.told_at - bar.closed_at) for bar in bars], 0.5)
    return rows, [
        f"way: from the commit of the bar's row (the `ts` of its last `bars.update`) to the read of each socket, one "
        f"clock; {len(bars)} bars, one every {wanted.interval:g} s; {missing} signals missing",
        f"way: half of the bars had their notification's row after {told:.1f} ms; the rest is the way to the sockets",
        f"way: {', '.join(notes)}",
        "way: left out are the commit of the bar itself, sign-in, and REST with its limits; nothing is asked by REST",
    ]


if __name__ == "__main__":
    main()
