"""The whole way: bar closed → signal → notification → a subscriber's socket, and what the server costs when idle.

Every deployment is another formula on one series: crossings of averages, and one that says buy on each bar. Every
socket follows that one and three of the others. With DATABASE_URL and REDIS_URL set, sockets are those of a second
process, beside the one that has the feed and the engine.
"""

import argparse
import json
import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalbox.settings")

import django

django.setup()

from django.conf import settings

from benchmarks.listeners import Listeners
from benchmarks.report import Row, machine, measured, percentile, save, show
from tests.server import LiveServer

SETTLE, IDLE_FOR = 8.0, 10.0
WARM_UP = 600.0
SIGNALS_OF_EACH_BAR = """
import json
from django.db.models import Count
from formulas.models import Signal
rows = Signal.objects.filter(instrument__symbol="{symbol}", resolution="{resolution}").order_by()
print(json.dumps(list(rows.values_list("bar_time").annotate(Count("pk")))))
"""
DEFAULT_INTERVAL = 5.0


def main() -> None:
    wanted = _arguments()
    print(machine())
    rows, notes = [], []
    if not wanted.way_only:
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
    parser.add_argument("--deployments", type=int, default=1000, help="formulas running on the one series (1000)")
    parser.add_argument("--sockets", type=int, default=1000, help="people following some of them, a socket each (1000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bars", type=int, default=10, help="closed bars in each round (10)")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between closed bars (1)")
    parser.add_argument("--way-only", action="store_true", help="leave out starts and the idle server")
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
    servers = [server]
    try:
        server.start()
        server.stop()
        population = _populate(server, wanted)
        server.start()
        if _is_deployed():
            # The first holds the leader's lease; this one has its sockets and nothing else to do.
            servers.append(server.beside().start())
        listeners = Listeners(servers[-1].port)
        watcher = _connect(listeners, population)
        _wait_for_signals(listeners, wanted.sockets)
        load = _listen(servers, listeners, wanted)
        raised = server.shell(SIGNALS_OF_EACH_BAR.format(**population))
        listeners.close()
    finally:
        for one in reversed(servers):
            one.close()
    bars = _bars(listeners, watcher, wanted, population["formula_id"])
    return _figures(bars, wanted, [*load, *_signals_of(bars, dict(raised))])


def _is_deployed() -> bool:
    return bool(settings.ENV.redis_url and settings.ENV.database_url)


def _listen(servers: Sequence[LiveServer], listeners: Listeners, wanted: argparse.Namespace) -> list[str]:
    """Hear as many bars as are counted and those cut off at either end; what it cost, in words."""
    listeners.arrivals.clear()
    cpu, own, began = [_cpu_seconds(server) for server in servers], time.process_time(), time.monotonic()
    bars = wanted.rounds * wanted.bars + 3
    until = began + 3 * bars * wanted.interval
    while sum(arrival.number == 0 for arrival in listeners.arrivals) < bars and time.monotonic() < until:
        listeners.listen(wanted.interval)
    lasted = time.monotonic() - began
    busy = [100 * (_cpu_seconds(server) - before) / lasted for server, before in zip(servers, cpu, strict=True)]
    held = [_megabytes(server) for server in servers]
    client = (time.process_time() - own) / lasted
    return [
        *(f"server {cpu:.0f} % of a core and {size:.0f} MB" for cpu, size in zip(busy, held, strict=True)),
        f"load client {100 * client:.1f} % beside it, {listeners.closed} sockets lost",
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
    """One closed bar, by its stamp: when it was committed, when the last of its notifications was made, when each
    signal came to each socket, and how many had that of the formula which all of them follow."""

    time: int
    closed_at: float
    told_at: float
    arrived_at: list[float]
    watched: int


def _bars(listeners: Listeners, watcher: int, wanted: argparse.Namespace, formula_id: int) -> list[Bar]:
    """The bars that were seen whole, oldest first."""
    closed: dict[int, float] = {}
    told: dict[int, float] = {}
    arrived: dict[int, list[float]] = defaultdict(list)
    watched = Counter[int]()
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
            told[bar] = max(told.get(bar, 0.0), _epoch(message["timestamp"]))
            arrived[bar].append(arrival.at)
            watched[bar] += message["data"]["data"]["formula_id"] == formula_id
    whole = sorted(set(closed) & set(told))[1:-1]
    found = [Bar(bar, closed[bar], told[bar], arrived[bar], watched[bar]) for bar in whole]
    return found[: wanted.rounds * wanted.bars]


def _signals_of(bars: Sequence[Bar], raised: dict[int, int]) -> list[str]:
    counts = [raised[bar.time] for bar in bars]
    heard = [len(bar.arrived_at) for bar in bars]
    return [
        f"signals of a bar: half of the bars had up to {percentile(counts, 0.5):g}, the most {max(counts)}",
        f"messages to the sockets for a bar: half up to {percentile(heard, 0.5):g}, the most {max(heard)}",
    ]


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _figures(bars: list[Bar], wanted: argparse.Namespace, notes: list[str]) -> Figures:
    chunks = [bars[start : start + wanted.bars] for start in range(0, len(bars), wanted.bars)]
    rounds = [[1000 * (at - bar.closed_at) for bar in chunk for at in bar.arrived_at] for chunk in chunks]
    name = f"bar closed → trade_signal, {wanted.deployments} deployments, {wanted.sockets} sockets"
    way, floor, goal = ("PostgreSQL, Redis, two processes", 200, 50) if _is_deployed() else ("embedded", 150, 30)
    rows = [
        measured(f"{name}, {way}, {label}", [percentile(one, share) for one in rounds], "ms", floor=floor, goal=goal)
        for label, share in (("p50", 0.5), ("p99", 0.99))
    ]
    missing = sum(wanted.sockets - bar.watched for bar in bars)
    told = percentile([1000 * (bar.told_at - bar.closed_at) for bar in bars], 0.5)
    return rows, [
        f"way: from the commit of the bar's row (the `ts` of its last `bars.update`) to the read of each socket, one "
        f"clock; {len(bars)} bars, one every {wanted.interval:g} s; {missing} signals missing",
        f"way: half of the bars had the last of their notifications made after {told:.1f} ms; the rest is their commit "
        f"and the way to the sockets",
        f"way: {', '.join(notes)}",
        "way: left out are the commit of the bar itself, sign-in, and REST with its limits; nothing is asked by REST",
    ]


if __name__ == "__main__":
    main()
