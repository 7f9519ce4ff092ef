"""A PostgreSQL and a Redis of a test's own, which it may kill and start again."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.chaos.readers import until
from tests.server import free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
# PostgreSQL refuses to run as root; a development machine may have nobody else to run the tests.
AS_ANOTHER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


def missing() -> str:
    """What this machine lacks for both; empty where nothing."""
    if not BINARIES:
        return "PostgreSQL's server is not installed"
    return "" if shutil.which("redis-server") else "redis-server is not installed"


class PrivateRedis:
    """One that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "PrivateRedis":
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["redis-server", *arguments, "--dir", str(self._folder)], stdout=log, stderr=log
            )
        until(lambda: _listens(self.port), 10, "Redis did not start")
        return self

    def freeze(self) -> None:
        """It keeps its connections and takes new ones, and answers nothing: as a machine that hangs."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


class PrivatePostgres:
    """A cluster of its own, listening on this machine alone."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        # Not among the test's own files, which nobody but their owner reaches.
        self._home = Path(tempfile.mkdtemp(prefix="signalbox-postgres-"))
        if AS_ANOTHER:
            shutil.chown(self._home, "postgres")
        self._run("initdb", "--username=postgres", "--auth=trust", "--no-sync", "-D", str(self._home))

    def start(self) -> "PrivatePostgres":
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200"
        self._run("pg_ctl", "start", "-w", "-D", str(self._home), "-o", options, "-l", str(self._home / "log"))
        return self

    def kill(self) -> None:
        """As a power cut would: what is not on disk is gone, and every connection with it."""
        if (self._home / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-m", "immediate", "-w", "-D", str(self._home))

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._home)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*AS_ANOTHER, str(BINARIES[-1] / program), *arguments],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
