"""Production mode: what Django's own deployment check finds, and what never starts."""

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "a secret of this installation, long enough to please Django: 7Qx",
    "PUBLIC_BASE_URL": "https://box.example.com",
    "FIELD_KEYS": "one:" + base64.b64encode(bytes(range(32))).decode(),
    "ENV_FILE": "",
}


def manage(folder: Path, *arguments: str, **changed: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**inherited, **PRODUCTION, "DATA_DIR": str(folder), **changed}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_deployment_check_is_clean(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "changed", [{"SECRET_KEY": "changeme"}, {"DEBUG": "1"}, {"PUBLIC_BASE_URL": "http://x"}, {"FIELD_KEYS": ""}]
)
def test_what_is_not_safe_does_not_start(tmp_path: Path, changed: dict[str, str]) -> None:
    done = manage(tmp_path, "check", **changed)
    assert done.returncode == 78
    assert next(iter(changed)) in done.stderr
    assert "Traceback" not in done.stderr


def test_there_are_no_demo_people_in_production(monkeypatch: Any) -> None:
    from django.conf import settings

    from signalbox import demo

    monkeypatch.setattr(settings, "ENV", settings.ENV.model_copy(update={"environment": "production"}))
    assert "production" in demo.refusal()
