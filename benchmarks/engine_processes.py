"""Our engine and its peers, each in a process and an environment of its own, asked in turn by lines of JSON."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "var" / "bench"
OURS = "benchmarks.engine_work"


@dataclass(frozen=True, slots=True)
class Taken:
    """One round: CPU seconds of all threads, the most memory the process ever held in MB, and what it found."""

    cpu: float
    peak: float
    found: Any


class Worker:
    """A process that measures pieces of work; `environment` is a folder beside the measurements, None is our own."""

    def __init__(self, module: str, environment: str | None = None, **variables: str) -> None:
        python = Path(sys.executable) if environment is None else PEERS / environment / "bin" / "python"
        if not python.exists():
            raise SystemExit(f"{python} is missing: run `make bench-engine`")
        self.process = subprocess.Popen(
            [str(python), "-m", "benchmarks.peers.engines.worker", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1", **variables},
        )
        self._answer(module)

    def ask(self, wanted: Mapping[str, Any]) -> Taken:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        return Taken(**self._answer(str(wanted["work"])))

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def _answer(self, asked: str) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(map(str, self.process.args))} ended at {asked}")  # type: ignore[arg-type]
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(frozen=True, slots=True)
class Contest:
    """The same piece of work for us and for one peer: `share` is how much of ours the peer was given."""

    peer: str
    worker: Worker
    wanted: Mapping[str, Any]
    floor: float
    goal: float
    most_rounds: int = 100
    share: float = 1.0


def in_turn(ours: Worker, wanted: Mapping[str, Any], contests: Sequence[Contest], rounds: int) -> list[list[Taken]]:
    """Our rounds, then those of each contest; the first round of each is left out, as it is for warming up."""
    found: list[list[Taken]] = [[] for _ in range(len(contests) + 1)]
    for number in range(rounds + 1):
        for place, (worker, asked, most) in enumerate(
            [(ours, wanted, rounds), *((one.worker, one.wanted, one.most_rounds) for one in contests)]
        ):
            # A slow peer is not warmed up: its first round counts.
            is_slow = most < rounds
            if number <= most:
                taken = worker.ask(asked)
                if number or is_slow:
                    found[place].append(taken)
    return found


def seconds(rounds: Sequence[Taken]) -> float:
    """The median of CPU time."""
    return statistics.median(one.cpu for one in rounds)
