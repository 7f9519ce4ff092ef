"""The README's example does what the README says, pasted as it stands."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server import LiveServer

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)

pytestmark = pytest.mark.live


def paste(block: str, folder: Path, site: str = "") -> list[str]:
    """The lines that `block` prints; only the address, the folder for notes and the interpreter are put in place."""
    script = block.replace("http://127.0.0.1:8000", site).replace("/tmp/", f"{folder}/")
    script = script.replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()


def test_the_walk_from_formula_to_signal_works_when_pasted(
    make_server: Callable[..., LiveServer], tmp_path: Any
) -> None:
    server = make_server().start()  # a replay that has run for minutes may be at its end
    *_, pushed, found, status = paste(BLOCKS[0], tmp_path, server.site)
    message, notification = json.loads(pushed), json.loads(found)
    assert message["type"] == "trade_signal"
    assert message["data"]["id"] == notification["id"]
    assert notification["symbol"] == "IBM"
    assert status == "read"


def test_the_engine_runs_alone(tmp_path: Any) -> None:
    assert json.loads(paste(BLOCKS[1], tmp_path)[0])["valid"] is True
