"""What can be switched off, or kept for those who are signed in: the control panel, the API's documents."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.empty import empty_database

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = ("openapi.json", "docs", "redoc", "ws/asyncapi.json", "ws/asyncapi")
# Asked in a process of its own: which paths there are is decided at start.
ASK = """
import json
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.test import Client
from accounts.services import register_user, sign_in

settings.ALLOWED_HOSTS = ["testserver"]
root = register_user(email="r@example.com", username="root", password="correct horse battery", role="admin")
token = sign_in(login="root", password="correct horse battery").access_token
stranger, browser = Client(), Client()
browser.force_login(root)
paths = json.loads({paths!r})
found = {{}}
for path in paths:
    by_token = stranger.get(path, headers={{"Authorization": "Bearer " + token}})
    answers = (stranger.get(path), by_token, browser.get(path))
    found[path] = [answer.status_code for answer in answers]
print(json.dumps(found))
"""


def asked(folder: Path, *paths: str, **changed: str) -> dict[str, list[int]]:
    """How each path answers a stranger, a token and a browser that is signed in to the control panel."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    shutil.copy(empty_database(), folder)
    environment = {**inherited, "ENV_FILE": "", "DATA_DIR": str(folder), "LOG_LEVEL": "CRITICAL", **changed}
    code = ASK.format(paths=json.dumps(paths))
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("setting", "answers"),
    [("public", [200, 200, 200]), ("signed_in", [401, 200, 200]), ("off", [404, 404, 404])],
    ids=["public", "signed_in", "off"],
)
def test_the_documents_are_for_whom_the_setting_says(tmp_path: Path, setting: str, answers: list[int]) -> None:
    paths = [f"/api/v1/{name}" for name in DOCUMENTS]
    assert asked(tmp_path, *paths, API_DOCS=setting) == dict.fromkeys(paths, answers)


def test_the_control_panel_can_be_switched_off(tmp_path: Path) -> None:
    paths = ["/admin", "/admin/", "/admin/login/", "/admin/accounts/user/"]
    assert asked(tmp_path, *paths, CONTROL_PANEL="0") == {path: [404, 404, 404] for path in paths}
