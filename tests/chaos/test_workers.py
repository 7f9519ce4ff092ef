"""Real Celery workers on a real Redis: what they share out comes to the same bits, also when one of them is killed."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.backends import PrivatePostgres, PrivateRedis
from tests.chaos.readers import until
from tests.chaos.servers import EMBEDDED, on_backends
from tests.server import ROOT, Caller, LiveServer

pytestmark = pytest.mark.chaos

CODE = """n = param(10, min=2, max=200)
m = param(50, min=2, max=400)
if crossover(sma(n), sma(m)): buy(size=0.7)
if crossunder(sma(n), sma(m)): short()
stop_loss(pct=8)
if bars_held > 90: close()"""
SPAN = {"resolution": "1D", "from": "2001-01-01T00:00:00Z", "to": "2008-01-01T00:00:00Z"}
GRID = {"n": {"from": 5, "to": 24, "step": 1}, "m": {"from": 30, "to": 125, "step": 5}}
# Who ran it, when, and under which number: all else is the result.
OWN = {"id", "job_id", "formula_id", "created_at"}


@contextmanager
def worker(server: LiveServer, folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker for the long lane, in a process group of its own."""
    command = [sys.executable, "-m", "celery", "-A", "signalbox", "worker", "-Q", "long", "-c", "1", "-n", f"{name}@x"]
    log = folder / f"{name}.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, cwd=ROOT, env=server.environment, stdout=written, stderr=written, start_new_session=True
        )
    try:
        until(lambda: "ready" in log.read_text(), 60, f"worker {name} did not start")
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def finished(ann: Caller, job: Any) -> Any:
    """The result of a job, once it has one."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = ann.get(f"/jobs/{job['id']}")
        if found["status"] not in ("queued", "running"):
            assert found["status"] == "succeeded", found
            return found["result"]
        time.sleep(0.1)
    raise AssertionError(f"job {job['id']} did not end")


def results(ann: Caller, formula: int, meanwhile: Callable[[], None] = lambda: None) -> str:
    """The digest of a sweep of 400 points and of a backtest of three symbols, to the last digit."""
    swept = ann.post(f"/formulas/{formula}/sweep", {"symbol": "IBM", "parameters": GRID, **SPAN})
    meanwhile()
    sweep = ann.get(f"/sweeps/{finished(ann, swept)['sweep_id']}")
    assert len(sweep["results"]) == 400
    tested = ann.post(f"/formulas/{formula}/backtest", {"symbols": ["IBM", "AAPL", "MSFT"], **SPAN})
    backtests = [ann.get(f"/backtests/{pk}") for pk in finished(ann, tested)["backtest_ids"]]
    kept = [{name: value for name, value in row.items() if name not in OWN} for row in (sweep, *backtests)]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def write(server: LiveServer, name: str) -> tuple[Caller, int]:
    ann = server.register(name)
    return ann, ann.post("/formulas", {"name": "Crossing", "formula_code": CODE, "is_public": False})["id"]


def parts_of(folder: Path, *names: str) -> list[int]:
    """How many tasks each worker has carried out."""
    return [(folder / f"{name}.log").read_text().count("succeeded in") for name in names]


def test_two_workers_and_one_machine_come_to_the_same_bits(
    make_server: Callable[..., LiveServer], postgres: PrivatePostgres, redis: PrivateRedis, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        alone = make_server(**EMBEDDED).start()
        expected = results(*write(alone, "ann"))
        alone.close()
        server = make_server(**on_backends(postgres, redis)).start()
        first = stack.enter_context(worker(server, tmp_path, "first"))
        stack.enter_context(worker(server, tmp_path, "second"))
        assert results(*write(server, "ann")) == expected
        assert all(parts_of(tmp_path, "first", "second")), "both took some"
        # One is killed with a part in its hands: it is done again, to the same bits.
        ben, formula = write(server, "ben")
        done = parts_of(tmp_path, "first", "second")

        def kill() -> None:
            until(lambda: parts_of(tmp_path, "first", "second") > done, 30, "no part was done")
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()

        assert results(ben, formula, kill) == expected
