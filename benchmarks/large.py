"""Pages of bars that nobody holds in memory, from a PostgreSQL that has very many: needs DATABASE_URL, and time."""

import argparse
import os
import random
import tempfile
import time
from functools import cache
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")

import django
import httpx
import numpy as np
import psycopg
from django.conf import settings

django.setup()

from benchmarks.report import machine, measured, percentile, save, show
from datafeed import binary_rows
from datafeed.bars import BarColumns
from tests.server import LiveServer

FIRST, MINUTE, PAGE = 1_262_304_000, 60, 300
MILLION = 1_000_000
FILL = "COPY datafeed_bar (series_id, opened_at, open, high, low, close, volume) FROM STDIN (FORMAT binary)"
# What is written for a measurement alone needs no log: nothing of how it is read changes.
UNLOGGED = [f"ALTER TABLE datafeed_bar_{year} SET UNLOGGED" for year in (2010, 2011)]
MARKET = """
import json
from datafeed.models import Instrument
from datafeed.services import ensure_import_series
ids = []
for number in range({count}):
    instrument = Instrument.objects.create(
        symbol=f"L{{number}}", name="Large", exchange="BENCH", session="24x7", timezone="Etc/UTC")
    ids.append(ensure_import_series(instrument=instrument, resolution="1").pk)
print(json.dumps(ids))
"""


def main() -> None:
    wanted = _arguments()
    if not settings.ENV.database_url:
        raise SystemExit("Set DATABASE_URL to a PostgreSQL that has room: 100 million bars are some 14 GB.")
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(
            Path(folder), DJANGO_SETTINGS_MODULE="benchmarks.settings", BAR_BROADCASTER_ENABLED="false",
            REPLAY_INTERVAL="3600", BARS_HELD_MEGABYTES="1",
        )  # fmt: skip
        try:
            server.start()
            filled = _fill(server, wanted.millions)
            rounds = [_cold_pages(server, wanted) for _ in range(wanted.rounds)]
        finally:
            server.close()
    name = f"cold page of {PAGE} bars, PostgreSQL with {wanted.millions} million"
    rows = [
        measured(f"{name}, {label}", [percentile(one, share) for one in rounds], "ms", floor=50, goal=15)
        for label, share in (("p50", 0.5), ("p99", 0.99))
    ]
    show(rows, [
        f"{wanted.pages} pages in each round, one after another over HTTP, each at a random place of a random series; "
        f"filled in {filled:.0f} s; the system's own cache is as it is",
    ])  # fmt: skip
    save(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, default=100, help="of bars, one series for each (100)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pages", type=int, default=200, help="in each round (200)")
    return parser.parse_args()


def _fill(server: LiveServer, millions: int) -> float:
    """A million one-minute bars, two years around the clock, in each of some series; how many seconds it took."""
    began = time.monotonic()
    ids = server.shell(MARKET.format(count=millions))
    with psycopg.connect(server.environment["DATABASE_URL"], autocommit=True) as connection:
        for statement in UNLOGGED:
            connection.execute(statement)
        for series_id in ids:
            with connection.cursor() as cursor, cursor.copy(FILL) as copy:
                copy.write(binary_rows.copied(series_id, _million()))
        connection.execute("VACUUM ANALYZE datafeed_bar")
    return time.monotonic() - began


@cache
def _million() -> BarColumns:
    number = np.arange(MILLION)
    base = (100 + number % 50).astype(np.float64)
    return BarColumns(FIRST + number * MINUTE, base, base + 2, base - 1, base + 1, 1000.0 + number % 977)


def _cold_pages(server: LiveServer, wanted: argparse.Namespace) -> list[float]:
    """How long each page took, in milliseconds."""
    took: list[float] = []
    with httpx.Client(base_url=server.site) as client:
        for _ in range(wanted.pages):
            symbol, until = f"L{random.randrange(wanted.millions)}", FIRST + random.randrange(PAGE, MILLION) * MINUTE
            asked = {"symbol": symbol, "resolution": "1", "to": until, "countback": PAGE}
            began = time.monotonic()
            answer = client.get("/udf/history", params=asked).raise_for_status()
            took.append(1000 * (time.monotonic() - began))
            if len(answer.json()["t"]) != PAGE:
                raise SystemExit(f"{symbol} before {until}: {len(answer.json()['t'])} bars")
    return took


if __name__ == "__main__":
    main()
