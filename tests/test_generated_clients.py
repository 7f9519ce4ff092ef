"""Clients made from the documents: made as docs/clients.md says, compiled, and used against a running server."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running import HERE, PAGE, ROOT, node
from tests.server import Caller, LiveServer

pytestmark = [pytest.mark.node, pytest.mark.live]

LISTINGS = dict(re.findall(r"```typescript file=(\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
[PYTHON] = re.findall(r"```py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
STRICT = ["--strict", "--noUncheckedIndexedAccess", "--target", "ES2022", "--module", "ES2022", "--skipLibCheck",
          "--moduleResolution", "bundler", "--lib", "ES2022,DOM"]  # fmt: skip
REST = """import { unreadTitles } from './rest.js';
console.log(JSON.stringify(await unreadTitles(...process.argv.slice(2))));
"""
BARS = """import process from 'node:process';
await import(process.env.SHIM);
const { followBars } = await import('./bars.js');
followBars(process.argv[2], 'AAPL', (bar) => { console.log(JSON.stringify(bar)); process.exit(0); });
"""


def run(*command: str, cwd: Path = ROOT, **environment: str) -> str:
    """What `command` prints; its failure is the test's."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: Any) -> Path:
    """The folder with the generated clients, beside the listings of the page, compiled."""
    folder: Path = tmp_path_factory.mktemp("generated")
    run("make", "-s", "generate-openapi-client", "generate-asyncapi-types", f"OUT={folder}")
    modules = ROOT / "web" / "generate" / "node_modules"
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    for name, code in LISTINGS.items():
        (folder / name).write_text(code)
    run(str(modules / ".bin" / "tsc"), *STRICT, *LISTINGS, cwd=folder)
    return folder


@pytest.fixture
def reader(live: LiveServer) -> Caller:
    """Somebody with one notification that nobody else has."""
    ann = live.register(f"generated_{os.urandom(4).hex()}")
    body = {"type": "info", "priority": "info", "title": "for the typed", "message": "m", "source": "test"}
    ann.post("/notifications/", body)
    return ann


def test_the_typescript_client_of_the_rest_api_compiles_and_reads(made: Path, live: LiveServer, reader: Caller) -> None:
    (made / "rest.mjs").write_text(REST)
    assert "for the typed" in json.loads(run(node(), "rest.mjs", live.site, reader.token, cwd=made))


def test_a_field_that_is_not_there_does_not_compile(made: Path, tmp_path: Path) -> None:
    wrong = LISTINGS["rest.ts"].replace("notification.title", "notification.titel")
    (made / "wrong.ts").write_text(wrong)
    done = subprocess.run(
        [str(made / "node_modules" / ".bin" / "tsc"), *STRICT, "--noEmit", "wrong.ts"],
        cwd=made, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "titel" in done.stdout


def test_the_types_of_the_sockets_fit_what_is_sent(made: Path, typescript: Path, live: LiveServer) -> None:
    (made / "bars.mjs").write_text(BARS)
    shim, address = str(HERE / "websocket.mjs"), f"{live.sockets}/api/v1/ws"
    bar = json.loads(run(node(), "bars.mjs", address, cwd=made, SHIM=shim, CLIENT=str(typescript)))
    assert bar["low"] <= bar["close"] <= bar["high"]
    assert bar["time"] % 60_000 == 0


def test_the_python_client_reads(made: Path, live: LiveServer, reader: Caller) -> None:
    (made / "read.py").write_text(PYTHON)
    python = str(ROOT / "build" / "generate" / "bin" / "python")
    package = str(made / "signalbox-client")
    titles = run(python, "read.py", live.site, reader.token, cwd=made, PYTHONPATH=package).splitlines()
    assert "for the typed" in titles
