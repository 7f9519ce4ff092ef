"""Production mode: what Django's own deployment check finds, and what never starts."""

import base64
import json
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
    "TRUSTED_PROXIES": "127.0.0.1",
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
    "changed",
    [
        {"SECRET_KEY": "changeme"},
        {"DEBUG": "1"},
        {"PUBLIC_BASE_URL": "http://x"},
        {"FIELD_KEYS": ""},
        {"TRUSTED_PROXIES": ""},
    ],
)
def test_what_is_not_safe_does_not_start(tmp_path: Path, changed: dict[str, str]) -> None:
    done = manage(tmp_path, "check", **changed)
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 1
    assert next(iter(changed)) in done.stderr
    assert "Traceback" not in done.stderr


BEHIND_TLS = """
import json
from django.test import Client

client = Client(headers={"Host": "box.example.com"})
said = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
answers = {}
for name, peer, headers in (("proxy", "127.0.0.1", said), ("plain", "127.0.0.1", {}), ("forged", "192.0.2.1", said)):
    found = client.get("/admin/login/", headers=headers, REMOTE_ADDR=peer)
    cookies = {cookie: morsel["secure"] for cookie, morsel in found.cookies.items()}
    answers[name] = [found.status_code, found.get("Location"), found.get("Strict-Transport-Security"), cookies]
print(json.dumps(answers))
"""


def test_behind_its_proxy_everything_is_https_and_nobody_else_can_say_so(tmp_path: Path) -> None:
    done = manage(tmp_path, "shell", "--no-imports", "-c", BEHIND_TLS)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    away = [301, "https://box.example.com/admin/login/"]
    assert answers["proxy"][:2] == [200, None]
    assert "max-age=31536000" in answers["proxy"][2]
    assert answers["proxy"][3] == {"csrftoken": True}
    assert answers["plain"][:2] == answers["forged"][:2] == away


def test_a_bind_given_on_the_command_line_is_no_way_around_that(tmp_path: Path) -> None:
    changed = {"ENVIRONMENT": "development", "DEBUG": "1"}
    done = manage(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0", **changed)
    assert done.returncode == 78
    assert "DEBUG" in done.stderr


def test_there_are_no_demo_people_in_production(monkeypatch: Any) -> None:
    from django.conf import settings

    from signalbox import demo

    monkeypatch.setattr(settings, "ENV", settings.ENV.model_copy(update={"environment": "production"}))
    assert "production" in demo.refusal()
