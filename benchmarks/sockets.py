"""One notification to many sockets: ours beside the replaced stack, in turn, in one run."""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")

from benchmarks.flood import Flood, storm
from benchmarks.report import Row, compared, machine, measured, percentile, save, show
from benchmarks.servers import Ours, OursTwice, Peer

MESSAGE = {
    "id": "7b0f0c4e-6f0c-4d55-9d1c-2f6f0a5f3a11",
    "type": "combined_signal",
    "priority": "critical",
    "title": "Strong Buy Signal",
    "message": "BTC/USDT showing strong buy signal with 85% confidence",
    "source": "combined",
    "symbol": "BTC/USDT",
    "topic": None,
    "confidence_score": 85.0,
    "urgency_score": 90.0,
    "promise_score": 88.0,
    "data": {},
    "status": "unread",
    "read": False,
    "response": None,
    "created_at": "2026-01-01T00:00:00Z",
}
TICK = {"id": "1", "title": "t", "price": 101.25}
WITHIN = 120.0
SAMPLE_EVERY = 20
STORM, SETTLE = 1_000, 3.0

Server = Ours | Peer


def main() -> None:
    wanted = _arguments()
    files = 2 * max([STORM, *wanted.sockets]) + 4_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, _most_files()), _most_files()))
    print(machine())
    rows: list[Row] = []
    notes: list[str] = []
    for count in wanted.sockets:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(Path(folder), count, wanted.rounds, notes)
        save(rows)
    with tempfile.TemporaryDirectory() as folder:
        rows += measure_compression(Path(folder), wanted.rounds, notes)
    with tempfile.TemporaryDirectory() as folder:
        rows += measure_storm(Path(folder), wanted.rounds, notes)
    if wanted.redis:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure_redis(Path(folder), wanted.rounds, notes, wanted.redis)
    with tempfile.TemporaryDirectory() as folder:
        rows += measure_stall(Path(folder), wanted.rounds, notes)
    show(rows, notes)
    save(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, nargs="*", default=[500, 2_000, 5_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--redis", default=os.environ.get("REDIS_URL", ""), help="its URL, to measure two processes")
    return parser.parse_args()


def _most_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


@dataclass
class Side:
    """One server with a crowd of sockets on it."""

    server: Server
    crowd: Flood
    kilobytes_each: float = 0.0
    # Of a core, while nothing is said: what it does beside is not the price of a delivery.
    idle: float = 0.0
    # Where frames are counted instead: their sizes differ.
    message_bytes: int = 0

    def burst(self, count: int, **wanted: Any) -> "Burst":
        """Send a burst and wait until everybody has all of it."""
        self.crowd.drain()  # pings came while it was not this side's turn
        self.crowd.forget()
        cpu, own, began = self.server.usage.cpu(), time.process_time(), time.monotonic()
        self.server.burst(count=count, **{"message": MESSAGE, **wanted})
        if self.message_bytes:
            complete = self.crowd.listen_until(WITHIN, bytes_each=self.message_bytes * count)
        else:
            complete = self.crowd.listen_until(WITHIN, frames_each=count)
        lasted = time.monotonic() - began
        if not complete or self.crowd.closed:
            raise SystemExit(f"{self.server.name}: not everybody had everything ({self.crowd.closed} sockets lost)")
        client = (time.process_time() - own) / lasted
        used = max(0.0, self.server.usage.cpu() - cpu - self.idle * lasted)
        return Burst(lasted, count * self.crowd.sockets, used, list(self.crowd.delays), client)

    def learn_size(self, message: dict[str, Any]) -> None:
        """How many bytes one message has on this server's sockets."""
        self.crowd.forget()
        self.server.burst(count=1, message=message)
        self.crowd.listen(0.5)
        sizes = self.crowd.sizes()
        if len(sizes) != 1 or 0 in sizes:
            raise SystemExit(f"{self.server.name}: one message came as {sizes}")
        self.message_bytes = sizes.pop()


@dataclass
class Burst:
    """`lasted` and `cpu` in seconds; `delays` in seconds, of the sampled sockets; `client` is our share of a core."""

    lasted: float
    deliveries: int
    cpu: float
    delays: list[float]
    client: float

    @property
    def rate(self) -> float:
        return self.deliveries / self.lasted

    @property
    def microseconds(self) -> float:
        """Of processor time for one delivery."""
        return 1e6 * self.cpu / self.deliveries


@contextmanager
def both(folder: Path, sockets: int, **headers: str) -> Iterator[tuple[Side, Side]]:
    """Both servers with as many sockets each."""
    with ExitStack() as stack:
        sides = []
        for make in (Ours, Peer):
            server: Server = make(folder)
            stack.callback(server.close)
            crowd = Flood(sample_every=1 if headers else SAMPLE_EVERY)
            stack.callback(crowd.close)
            sides.append(_crowded(server, crowd, sockets, **headers))
        yield sides[0], sides[1]


def _crowded(server: Server, crowd: Flood, sockets: int, **headers: str) -> Side:
    server.usage.wait_until_idle()
    before = server.usage.megabytes()
    ports = getattr(server, "ports", (server.port,))
    for number in range(sockets):
        crowd.open(ports[number % len(ports)], server.path, **headers)
    crowd.listen(1.0)
    kilobytes, cpu = 1024 * (server.usage.megabytes() - before) / sockets, server.usage.cpu()
    crowd.listen(SETTLE)
    side = Side(server, crowd, kilobytes, (server.usage.cpu() - cpu) / SETTLE)
    if not headers:
        side.learn_size(MESSAGE)
    return side


def in_turn(rounds: int, ours: Side, theirs: Side, one: Callable[[Side], Burst]) -> tuple[list[Burst], list[Burst]]:
    """`rounds` of each, one after the other, after one that does not count."""
    found: tuple[list[Burst], list[Burst]] = ([], [])
    for number in range(rounds + 1):
        for side, bursts in zip((ours, theirs), found, strict=True):
            burst = one(side)
            if number:
                bursts.append(burst)
    return found


def measure(folder: Path, sockets: int, rounds: int, notes: list[str]) -> list[Row]:
    """Throughput, processor time, delay and memory with one number of sockets."""
    floors = {500: (2.5, 3.7), 2_000: (2.0, 2.6), 5_000: (2.5, 3.2)}
    floor, goal = floors.get(sockets, (2.0, 3.0))
    count = max(10, 60_000 // sockets)
    with both(folder, sockets) as (ours, theirs):
        size = ours.message_bytes
        flat, plain = in_turn(rounds, ours, theirs, lambda side: side.burst(count))
        interval = sockets / 10_000
        paced = int(max(10, 3 / interval))
        slow, slow_plain = in_turn(rounds, ours, theirs, lambda side: side.burst(paced, interval=interval))
        rows = [
            compared(f"deliveries/s, {sockets} sockets", flat, plain, "1/s", lambda b: b.rate, floor, goal),
            compared(
                f"server CPU for one delivery, {sockets} sockets, 10,000 deliveries/s offered",
                slow, slow_plain, "µs", lambda b: b.microseconds, 0.4, 0.3, less=True,
            ),
            compared(
                f"publish → receipt p99, {sockets} sockets, 10,000 deliveries/s offered",
                slow, slow_plain, "ms", lambda b: 1000 * percentile(b.delays, 0.99), 0.5, 0.3, less=True,
            ),
            compared(
                f"memory for a connection, {sockets} sockets",
                [ours.kilobytes_each], [theirs.kilobytes_each], "kB", float, 1.0, 0.5, less=True,
            ),
        ]  # fmt: skip
        if sockets == 2_000:
            once, theirs_once = in_turn(rounds, ours, theirs, lambda side: side.burst(count, encode_once=True))
            name = "deliveries/s, 2000 sockets, peer improved to encode once"
            rows.append(compared(name, once, theirs_once, "1/s", lambda b: b.rate, 1.5, 2.0))
        if sockets == 500:
            rows += _ticks(ours, theirs, rounds)
        client = max(burst.client for burst in (*flat, *plain))
        notes.append(f"{sockets} sockets: {count} messages of {size} bytes; load client at most "
                     f"{100 * client:.0f} % of a core")  # fmt: skip
    return rows


def _ticks(ours: Side, theirs: Side, rounds: int) -> list[Row]:
    for side in (ours, theirs):
        side.learn_size(TICK)
    bursts = in_turn(rounds, ours, theirs, lambda side: side.burst(160, message=TICK, together=8, interval=0.02))
    return [
        compared(
            "server CPU for a small message, 8 at a time to 500 sockets", *bursts, "µs",
            lambda b: b.microseconds, 1 / 5, 1 / 6.8, less=True,
        )
    ]  # fmt: skip


def measure_compression(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """Clients that offer compression, as browsers do."""
    sockets, count = 500, 60
    with both(folder, sockets, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits") as sides:
        bursts = in_turn(rounds, *sides, lambda side: side.burst(count))
        notes.append("compression: uvicorn takes the offer and compresses for each client, we decline it")
        return [
            compared("deliveries/s, 500 sockets that offer compression", *bursts, "1/s", lambda b: b.rate, 4, 6.2),
            compared(
                "memory for a connection that offers compression",
                [sides[0].kilobytes_each], [sides[1].kilobytes_each], "kB", float, 1.0, 0.45, less=True,
            ),
        ]  # fmt: skip


def measure_storm(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """Everybody comes back at once."""
    with both(folder, 10) as sides:
        found: list[list[float]] = [[], []]
        for number in range(rounds + 1):
            for side, rates in zip(sides, found, strict=True):
                rate = STORM / storm(side.server.port, side.server.path, STORM)
                time.sleep(SETTLE)
                if number:
                    rates.append(rate)
    notes.append("storm: both look the person up in the database; ours begins to follow four streams as well")
    name = f"connect and authenticate, storm of {STORM}"
    return [compared(name, found[0], found[1], "1/s", float, 1.0, 3.0)]


def measure_redis(folder: Path, rounds: int, notes: list[str], redis_url: str) -> list[Row]:
    """The same crowd on one process alone, and on two that hear of it through Redis."""
    sockets, count = 1_000, 60
    with ExitStack() as stack:
        servers: list[Ours] = []
        for make in (partial(Ours, folder / "alone"), partial(OursTwice, folder / "pair", redis_url)):
            servers.append(make())
            stack.callback(servers[-1].close)
        sides = []
        for server in servers:
            crowd = Flood(sample_every=SAMPLE_EVERY)
            stack.callback(crowd.close)
            sides.append(_crowded(server, crowd, sockets))
        pair, alone = in_turn(rounds, sides[1], sides[0], lambda side: side.burst(count, interval=0.1))
    notes.append(f"Redis: {sockets} sockets on one process, then half of them on each of two; both of their CPU counts")
    name = "server CPU for one delivery, 2 processes through Redis, beside one alone"
    return [compared(name, pair, alone, "µs", lambda b: b.microseconds, 1.2, 1.0, less=True, peer="one process")]


def measure_stall(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """One client among 500 that stops reading: what the others see, and what is held for it."""
    ours = Ours(folder)
    crowd = Flood()
    try:
        ours.usage.wait_until_idle()
        for _ in range(499):
            crowd.open(ours.port, ours.path)
        side = Side(ours, crowd)
        side.learn_size(MESSAGE)
        delays, held = [], []
        for _ in range(rounds):
            stalled = Flood().open(ours.port, ours.path)
            before = ours.usage.megabytes()
            burst = side.burst(120, interval=0.05, message={**MESSAGE, "data": {"filler": "x" * 8_000}})
            delays.append(1000 * percentile(burst.delays, 0.99))
            held.append(max(0.0, 1024 * (ours.usage.megabytes() - before)))
            stalled.close()
        notes.append(
            "stalled: 1 MB at 10,000 deliveries/s goes past a client that reads nothing; it is closed with 4008"
        )
    finally:
        crowd.close()
        ours.close()
    return [
        measured("one stalled client among 500: p99 of the others", delays, "ms", floor=10, goal=3),
        measured("one stalled client among 500: memory more than before", held, "kB", floor=1_024, goal=256),
    ]


if __name__ == "__main__":
    main()
