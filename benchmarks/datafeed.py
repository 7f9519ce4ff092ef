"""Market data beside the replaced stack: pages of bars, a million bars taken in, and a closed bar on every socket."""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")

from benchmarks.http_load import Load, in_turn, request
from benchmarks.listeners import Listeners
from benchmarks.report import Row, compared, machine, measured, percentile, save, show
from benchmarks.servers import OurRest, Ours, Peer
from tests.server import ROOT, LiveServer

LONG, SHORT = 5_000, 300
DAY, FIRST = 86_400, 1_262_304_000
BARS = {"LONG": 5_200, "SHORT": 401}
MILLION = 1_000_000
LIMITS = {
    "page of 5,000 bars, embedded": (1.3, 5.0),
    "page of 300 bars, embedded": (0.7, 2.0),
    "page of 5,000 bars, deployed": (5.0, 7.0),
    "page of 300 bars, deployed": (0.7, 2.0),
}
"""Floor and goal of each page's requests/s beside the peer's."""

PEER = "FastAPI + pydantic"
Figures = tuple[list[Row], list[str]]

MARKET = """
from datafeed.models import Instrument
for symbol in {symbols}:
    Instrument.objects.create(symbol=symbol, name=symbol, exchange="BENCH", session="24x7", timezone="Etc/UTC")
print(1)
"""


def main() -> None:
    wanted = _arguments()
    print(machine())
    for measure in [PARTS[part] for part in wanted.parts]:
        with tempfile.TemporaryDirectory() as folder:
            rows, notes = measure(Path(folder), wanted)
        show(rows, notes)
        save(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"some of {', '.join(PARTS)} (all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round of pages (3)")
    parser.add_argument("--sockets", type=int, default=2_000)
    parser.add_argument("--bars", type=int, default=8, help="closed bars in each round (8)")
    return parser.parse_args()


def _pages(folder: Path, wanted: argparse.Namespace) -> Figures:
    """The newest 5,000 of 5,200 daily bars, and 300 in the middle of 401, as the replaced pages asked."""
    with ExitStack() as stack:
        ours = Ours(folder / "ours")
        stack.callback(ours.close)
        ours.server.shell(MARKET.format(symbols=list(BARS)))
        for symbol, count in BARS.items():
            _take_in(ours.server, symbol, "1D", _table(folder / f"{symbol}.csv", count, DAY))
        rest, theirs = OurRest(ours), Peer(folder, "benchmarks.peers.fastapi_datafeed:app")
        stack.callback(rest.close)
        stack.callback(theirs.close)
        loads: dict[str, tuple[list[Load], list[Load]]] = {}
        for server, way in ((ours, "embedded"), (rest, "deployed")):
            for count, symbol, other_symbol in ((LONG, "LONG", "AAPL"), (SHORT, "SHORT", "GOOGL")):
                own = request("GET", _page(symbol, count), server.port)
                other = request("GET", _page(other_symbol, count), theirs.port)
                name = f"page of {count:,} bars, {way}"
                loads[name] = in_turn(wanted.rounds, server, theirs, own, other, seconds=wanted.seconds)
    busiest = max(load.client for found in loads.values() for load in (*found[0], *found[1]))
    return [row for name, found in loads.items() for row in _rows(name, *found, *LIMITS[name])], [
        "pages: 16 connections, one process each, no token; the peer filters a list and validates what goes out; "
        "embedded is Daphne with its feed, deployed is `serve_rest` with one worker",
        f"pages: load client at most {100 * busiest:.0f} % of a core",
    ]


def _page(symbol: str, count: int) -> str:
    path = f"/api/v1/datafeed/bars?symbol={symbol}&resolution=1D"
    if count == LONG:
        return f"{path}&from_time={FIRST * 1000}&to_time={(FIRST + 5_200 * DAY) * 1000}&count_back={count}"
    return f"{path}&from_time={(FIRST + 50 * DAY) * 1000}&to_time={(FIRST + 350 * DAY) * 1000 - 1}"


def _rows(name: str, own: list[Load], other: list[Load], floor: float, goal: float) -> list[Row]:
    rows = [compared(f"{name}, requests/s", own, other, "1/s", lambda one: one.rate, floor, goal, peer=PEER)]
    for label, unit, figure in (
        ("server CPU for one", "ms", lambda one: one.cost),
        ("p50", "ms", lambda one: 1000 * percentile(one.seconds, 0.5)),
        ("p99", "ms", lambda one: 1000 * percentile(one.seconds, 0.99)),
    ):
        rows.append(compared(f"{name}, {label}", own, other, unit, figure, less=True, peer=PEER))
    return rows


def _table(path: Path, count: int, step: int) -> Path:
    """A table of `count` bars, `step` seconds apart."""
    with path.open("w", encoding="ascii") as file:
        file.write("time,open,high,low,close,volume\n")
        for number in range(count):
            middle = 150 + 40 * math.sin(number / 90)
            file.write(
                f"{FIRST + number * step},{middle - 0.4:.2f},{middle + 1.3:.2f},{middle - 1.2:.2f},"
                f"{middle + 0.5:.2f},{1_000_000 + 997 * number}\n"
            )
    return path


def _take_in(server: LiveServer, symbol: str, resolution: str, table: Path) -> str:
    """Import `table` in a process of its own; what the command said."""
    command = [sys.executable, "manage.py", "import_bars", symbol, resolution, str(table)]
    done = subprocess.run(command, cwd=ROOT, env=server.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def _import(folder: Path, wanted: argparse.Namespace) -> Figures:
    """A million bars of one minute, once into each of some empty series; the command measures itself."""
    table = _table(folder / "million.csv", MILLION, 60)
    (folder / "ours").mkdir()
    server = LiveServer(folder / "ours")
    symbols = [f"M{number}" for number in range(max(2, wanted.rounds // 2))]
    server.shell(MARKET.format(symbols=symbols))
    try:
        said = [_take_in(server, symbol, "1", table) for symbol in symbols]
    finally:
        server.close()
    speeds = [float(text.rsplit(";", 1)[1].split()[0].replace(",", "")) for text in said]
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    store = "PostgreSQL" if "DATABASE_URL" in server.environment else "SQLite"
    row = measured(
        f"import of 1,000,000 bars, CSV → {store}", speeds, "bars/s", floor=200_000, goal=1_000_000, less=False
    )
    return [row], [
        f"import: `manage.py import_bars` of {table.name}, {said[0].strip()}; {MILLION / row.ours:.1f} s, the largest "
        f"process of this run had {memory:.0f} MB"
    ]


def _closed_bars(folder: Path, wanted: argparse.Namespace) -> Figures:
    """From the stamp of a closed bar's message to the last of the sockets that listen to it."""
    server = LiveServer(folder, DJANGO_SETTINGS_MODULE="benchmarks.settings", REPLAY_INTERVAL="0.5")
    listeners = Listeners(server.port)
    try:
        server.start()
        said = json.dumps({"type": "bars.subscribe", "payload": {"symbol": "AAPL", "resolution": "1D"}})
        for _ in range(wanted.sockets):
            listeners.say(listeners.open("/api/v1/ws"), said)
        listeners.listen(2)
        listeners.arrivals.clear()
        count = wanted.rounds * wanted.bars
        until = time.monotonic() + 60 + count
        while len(delays := _delays(listeners, wanted.sockets)) < count and time.monotonic() < until:
            listeners.listen(2)
    finally:
        listeners.close()
        server.close()
    if not delays:
        raise SystemExit(f"no closed bar reached all of {wanted.sockets} sockets; {listeners.closed} were lost")
    rounds = [delays[start : start + wanted.bars] for start in range(0, count, wanted.bars)]
    name = f"bar closed → last of {wanted.sockets:,} sockets has it"
    return [
        measured(f"{name}, {label}", [percentile(one, share) for one in rounds if one], "ms", floor=100, goal=30)
        for label, share in (("p50", 0.5), ("p99", 0.99))
    ], [f"closed bars: {len(delays)} of them, one every 0.5 s; {listeners.closed} sockets lost"]


def _delays(listeners: Listeners, sockets: int) -> list[float]:
    """How long the last socket waited for each closed bar that all of them have, in milliseconds, oldest first."""
    arrived: dict[bytes, list[float]] = defaultdict(list)
    for arrival in listeners.arrivals:
        if b'"bars.update"' in arrival.text:
            arrived[arrival.text].append(arrival.at)
    last: dict[int, tuple[float, list[float]]] = {}
    for text, times in arrived.items():
        message = json.loads(text)
        # The last word on a bar is that it closed, stamped when its row had been committed.
        said_at = datetime.fromisoformat(message["ts"]).timestamp()
        bar = message["payload"]["payload"]["time"]
        last[bar] = max(last.get(bar, (0.0, [])), (said_at, times))
    whole = sorted(bar for bar, (_, times) in last.items() if len(times) >= sockets)[:-1]
    return [1000 * (max(last[bar][1]) - last[bar][0]) for bar in whole]


PARTS = {"pages": _pages, "import": _import, "closed-bars": _closed_bars}

if __name__ == "__main__":
    main()
