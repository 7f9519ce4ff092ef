"""A real server process of one's own: its own database, port and clock of the replay."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from copy import copy
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from tests.empty import ROOT, address_of, empty_database, empty_postgres, in_postgres

PASSWORD = "correct horse battery"
START_WITHIN = 60.0
# Replays are faster than markets, and tests than people.
UNHURRIED = ("CALLS", "WRITES", "PUBLIC_CALLS", "SIGN_IN_CALLS", "FORMULA_NOTIFICATIONS")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LiveServer:
    """`manage.py serve --set-up` in a process group of its own, on the backends that this run of the suite uses."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.site = f"http://127.0.0.1:{self.port}"
        self.sockets = f"ws://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self._database = ""
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}},
            "ENV_FILE": "",
            "DATA_DIR": str(folder),
            "PORT": str(self.port),
            "REPLAY_INTERVAL": "0.2",
            "DEMO_PASSWORD": PASSWORD,
            **{f"{what}_PER_MINUTE": "1000000" for what in UNHURRIED},
            **environment,
        }
        if settings.ENV.redis_url and "REDIS_URL" not in environment:
            self.environment |= {"REDIS_URL": settings.ENV.redis_url, "REDIS_NAMESPACE": f"live-{self.port}"}
        if settings.ENV.database_url and "DATABASE_URL" not in environment:
            self._database = f"signalbox_live_{self.port}"
            in_postgres(f'CREATE DATABASE "{self._database}" TEMPLATE "{empty_postgres()}"')
            self.environment["DATABASE_URL"] = address_of(self._database)
        if not self.environment.get("DATABASE_URL") and not (folder / empty_database().name).exists():
            shutil.copy(empty_database(), folder)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "LiveServer":
        """Start and wait until it answers."""
        self.launch()
        self.wait_until_ready()
        return self

    def beside(self) -> "LiveServer":
        """Another process on the same data, which stay this one's to delete."""
        other = copy(self)
        other.port, other.process, other._database = free_port(), None, ""
        other.site, other.sockets = f"http://127.0.0.1:{other.port}", f"ws://127.0.0.1:{other.port}"
        other.log = self.log.with_name(f"server-{other.port}.log")
        other.environment = {**self.environment, "PORT": str(other.port)}
        return other

    def launch(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--set-up"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        assert self.process
        deadline = time.monotonic() + START_WITHIN
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.site}/health/ready", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(f"the server did not answer: {self.log.read_text()}")

    def kill(self) -> None:
        """SIGKILL to the whole group: nothing can be tidied up."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill()
        if self._database:
            in_postgres(f'DROP DATABASE IF EXISTS "{self._database}" WITH (FORCE)')

    def shell(self, code: str) -> Any:
        """What `code`, run inside the project on the server's database, prints as JSON."""
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def register(self, username: str) -> "Caller":
        """A new user, signed in."""
        with httpx.Client(base_url=f"{self.site}/api/v1") as client:
            body = {"email": f"{username}@example.com", "username": username, "password": PASSWORD}
            client.post("/auth/register", json=body).raise_for_status()
        return self.sign_in(username)

    def sign_in(self, username: str) -> "Caller":
        with httpx.Client(base_url=f"{self.site}/api/v1") as client:
            answer = client.post("/auth/login", json={"username": username, "password": PASSWORD})
            answer.raise_for_status()
        return Caller(self, answer.json()["access_token"])


class Caller:
    """Somebody signed in, over HTTP."""

    def __init__(self, server: LiveServer, token: str) -> None:
        self.token = token
        self.http = httpx.Client(
            base_url=f"{server.site}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=20
        )
        self.id = int(self.get("/auth/me")["id"])

    def get(self, path: str, **query: Any) -> Any:
        return self._body(self.http.get(path, params=query))

    def post(self, path: str, body: Any = None) -> Any:
        return self._body(self.http.post(path, json=body))

    def put(self, path: str, body: Any = None) -> Any:
        return self._body(self.http.put(path, json=body))

    def _body(self, response: httpx.Response) -> Any:
        assert response.status_code < 400, response.text
        return response.json() if response.content else None
