"""The documented clients as processes of their own: made once, started by a test, read line by line."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "clients.md"
SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "types.ts", "connection.ts", "signalbox.ts")
TELLS_WITHIN = 30.0


def node() -> str:
    """Where Node is."""
    found = shutil.which("node")
    assert found, "node is missing, and this test needs it (20 or newer): install Debian's packages nodejs and npm"
    return found


def build_typescript(folder: Path) -> Path:
    """`web/client` as somebody would build it, in `folder`."""
    for name in SOURCES:
        shutil.copy(ROOT / "web" / "client" / name, folder)
    assert shutil.which("npm"), "npm is missing, and this test needs it: install Debian's package npm"
    for command in (["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def extract_python(folder: Path) -> Path:
    """The Python client as the page prints it, in `folder`."""
    [listing] = re.findall(r"```python\n(.*?)\n```\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "signalbox_client.py").write_text(listing + "\n", encoding="utf-8")
    return folder


class Client:
    """A running client of a kind; `tells` waits for what it prints."""

    def __init__(self, kind: str, code: Path, url: str, positions: Path, **environment: str) -> None:
        drive = [node(), str(HERE / "drive.mjs")] if kind == "typescript" else [sys.executable, str(HERE / "drive.py")]
        self.command = drive
        self.environment = {
            **os.environ,
            "CLIENT": str(code),
            "URL": url,
            "TOKEN": "a-token",
            "FRESH_TOKEN": "a-fresh-token",
            "POSITIONS": str(positions),
            "PING_EVERY": "20",
            "SILENCE": "40",
            **environment,
        }
        self.told: list[dict[str, Any]] = []

    async def __aenter__(self) -> "Client":
        # Its errors belong into the report of a test that fails.
        self.process = await asyncio.create_subprocess_exec(
            *self.command, env=self.environment, stdout=asyncio.subprocess.PIPE, limit=2**20
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def line(self, within: float = TELLS_WITHIN) -> dict[str, Any]:
        """The next thing it tells."""
        assert self.process.stdout
        text = await asyncio.wait_for(self.process.stdout.readline(), within)
        assert text, f"the client ended; it had told {self.told[-5:]}"
        self.told.append(json.loads(text))
        return self.told[-1]

    async def tells(self, what: str, value: Any = None) -> dict[str, Any]:
        """The next line with `what`, and that `value` where one is given."""
        while True:
            line = await self.line()
            if what in line and (value is None or line[what] == value):
                return line

    def titles(self) -> list[str]:
        """Those of the notifications it has told of."""
        return [line["notification"]["title"] for line in self.told if "notification" in line]
