"""The servers that are measured side by side, and what they use."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
from django.conf import settings

from tests.server import ROOT, LiveServer, free_port

PEER_HOME = Path(__file__).resolve().parents[1] / "var" / "bench" / "peers"
REQUIREMENTS = Path(__file__).with_name("peers") / "requirements.txt"
PEER_SECRET = "a secret of the peer, long enough for HS256"
# It closes whoever misses one ping, which a client that counts bytes does not look for.
OPTIONS = ["--log-level", "warning", "--ws-ping-timeout", "600"]
START_WITHIN = 300.0
IDLE = 0.06  # seconds of processor time in a second


class Usage:
    """What the processes of a server use; `pids` has one for each."""

    def __init__(self, *pids: int) -> None:
        self.pids = pids

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return sum(_cpu(pid) for pid in self.pids)

    def wait_until_idle(self) -> None:
        """Let a server end what it begins with: it would count as the price of something else."""
        for _ in range(30):
            before = self.cpu()
            time.sleep(1)
            if self.cpu() - before < IDLE:
                return

    def megabytes(self) -> float:
        """Resident memory."""
        return sum(_resident(pid) for pid in self.pids)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class Ours:
    """Our own server, embedded, with the limits of a benchmark and a market that stands still."""

    name = "signalbox"

    def __init__(self, folder: Path, **environment: str) -> None:
        quiet = {"REPLAY_INTERVAL": "3600", "BAR_BROADCASTER_ENABLED": "false"}
        folder.mkdir(exist_ok=True)
        self.server = LiveServer(folder, DJANGO_SETTINGS_MODULE="benchmarks.settings", **quiet, **environment)
        self.server.start()
        assert self.server.process
        self.usage = Usage(self.server.process.pid)
        self.port = self.server.port
        self.token = self.server.register("bench").token

    @property
    def path(self) -> str:
        """The socket to connect to, credential and all."""
        return f"/ws/notifications?token={self.token}"

    def burst(self, **wanted: Any) -> None:
        httpx.post(f"http://127.0.0.1:{self.port}/bench/burst", json=wanted, timeout=30).raise_for_status()

    def close(self) -> None:
        self.server.close()


class OursTwice(Ours):
    """Two processes of ours on the same data, which hear of each other through Redis."""

    name = "signalbox, 2 processes"

    def __init__(self, folder: Path, redis_url: str) -> None:
        super().__init__(folder, REDIS_URL=redis_url, REDIS_NAMESPACE=f"bench-{os.getpid()}")
        self.second = self.server.beside().start()
        assert self.server.process
        assert self.second.process
        self.usage = Usage(self.server.process.pid, self.second.process.pid)
        self.ports = (self.port, self.second.port)

    def close(self) -> None:
        self.second.close()
        super().close()


class OurRest:
    """REST of the same data by `serve_rest`, one worker, which is how it is deployed."""

    name = "signalbox, REST"

    def __init__(self, ours: Ours) -> None:
        self.port, self.token = free_port(), ours.token
        environment = {**ours.server.environment, "PORT": str(self.port)}
        with ours.server.log.with_name("rest.log").open("ab") as log:
            command = [sys.executable, "manage.py", "serve_rest"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        _wait_for(f"http://127.0.0.1:{self.port}/health/ready")
        self.usage = Usage(self.process.pid, *_children(self.process.pid))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


class Peer:
    """The replaced stack, as its documents run it."""

    name = "FastAPI + uvicorn"

    def __init__(self, folder: Path, application: str = "benchmarks.peers.fastapi_sockets:app") -> None:
        self.port = free_port()
        with (folder / "peer.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(_peer_python()), "-m", "uvicorn", application, "--port", str(self.port), *OPTIONS],
                cwd=Path(__file__).resolve().parents[1],
                env={**os.environ, "PEER_SECRET": PEER_SECRET, "PEER_DATABASE_URL": _peer_database(folder)},
                stdout=log,
                stderr=log,
            )
        self.usage = Usage(self.process.pid)
        self.token = self.token_of(1)
        _wait_for(f"http://127.0.0.1:{self.port}/health/ready")

    @property
    def path(self) -> str:
        return f"/ws/notifications?token={self.token}"

    @staticmethod
    def token_of(user_id: int) -> str:
        """What the user of that id (1 to 10) signs in with."""
        return jwt.encode({"sub": str(user_id)}, PEER_SECRET, algorithm="HS256")

    def burst(self, **wanted: Any) -> None:
        httpx.post(f"http://127.0.0.1:{self.port}/bench/burst", json=wanted, timeout=30).raise_for_status()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _peer_database(folder: Path) -> str:
    """The peer's tables stand beside ours on the same PostgreSQL, or in a file of their own."""
    if url := settings.ENV.database_url:
        return "postgresql+asyncpg://" + url.partition("://")[2]
    return f"sqlite+aiosqlite:///{folder / 'peer.sqlite3'}"


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        try:
            httpx.get(url, timeout=2).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise SystemExit(f"{url} did not answer")


def _peer_python() -> Path:
    """The interpreter of the peers' own environment, which is made at the first use."""
    python = PEER_HOME / "bin" / "python"
    marker = PEER_HOME / REQUIREMENTS.name
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if not marker.exists() or marker.read_text(encoding="utf-8") != wanted:
        print("Setting up the peers' own environment (once)…")
        subprocess.run([sys.executable, "-m", "venv", str(PEER_HOME)], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", "-r", str(REQUIREMENTS)]
        subprocess.run(pip, check=True)
        marker.write_text(wanted, encoding="utf-8")
    return python
