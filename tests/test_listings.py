"""Programs that people wrote for the addresses and messages that Signalbox took over run as they were printed.

In tests/listings/ only the host, the person's id and a credential are put in place.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.clients.running import HERE, node
from tests.server import Caller, LiveServer

LISTINGS = Path(__file__).parent / "listings"
LANGUAGES = ["py", pytest.param("js", marks=pytest.mark.node)]
SAYS_WITHIN = 30.0

pytestmark = pytest.mark.live

PLACES = """
import json
from accounts.models import Role, User
from accounts.services import change_role, ensure_company, move_to_company
move_to_company(user=User.objects.get(pk=%(bob)d), company=ensure_company(slug="company_a", name="Company A"))
change_role(user=User.objects.get(pk=%(admin)d), role=Role.ADMIN)
print(json.dumps("placed"))
"""


class Program:
    """A listing that goes on running, and the lines that it prints."""

    def __init__(self, name: str, server: LiveServer, caller: Caller, folder: Path, client: Path | None) -> None:
        path = folder / f"{caller.id}-{name}"
        path.write_text(filled_in(name, server, caller), encoding="utf-8")
        interpreter = [sys.executable] if client is None else [node(), "--import", str(HERE / "websocket.mjs")]
        self._process = subprocess.Popen(
            [*interpreter, str(path)],
            env={**os.environ, "PYTHONUNBUFFERED": "1", "CLIENT": str(client)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reading = threading.Thread(target=self._read)

    def __enter__(self) -> "Program":
        self._reading.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._reading.join()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)

    def says(self, *words: str) -> None:
        """Wait until each of `words` has been in a line."""
        missing = set(words)
        while missing:
            line = self._lines.get(timeout=SAYS_WITHIN)
            missing = {one for one in missing if one not in line}


@pytest.fixture
def client(language: str, request: Any) -> Path | None:
    """Where Node finds a `WebSocket`, for listings in JavaScript."""
    return request.getfixturevalue("typescript") if language == "js" else None


def filled_in(name: str, server: LiveServer, caller: Caller) -> str:
    text = (LISTINGS / name).read_text(encoding="utf-8")
    for placeholder, value in (
        ("localhost:8000", f"127.0.0.1:{server.port}"),
        ("TOKEN", caller.token),
        ("USER_ID", str(caller.id)),
    ):
        text = text.replace(placeholder, value)
    return text


def run(name: str, server: LiveServer, caller: Caller) -> str:
    """What a listing prints that ends by itself."""
    command = ["bash", "-euc"] if name.endswith(".sh") else [sys.executable, "-c"]
    script = filled_in(name, server, caller)
    done = subprocess.run([*command, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_listener_hears_its_ping_and_then_what_is_created(
    live: LiveServer, tmp_path: Path, client: Path | None, language: str
) -> None:
    ann = live.register(f"listen_{language}")
    with Program(f"listen.{language}", live, ann, tmp_path, client) as program:
        program.says("pong")
        run("create.sh", live, ann)
        program.says("Strong Buy Signal")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_listener_of_a_person_hears_a_signal(
    live: LiveServer, tmp_path: Path, client: Path | None, language: str
) -> None:
    ann = live.register(f"follow_{language}")
    formula = ann.post("/formulas/", {"name": "Often", "formula_code": "if close > 0: buy()"})["id"]
    ann.post("/subscriptions/", {"formula_id": formula})
    with Program(f"follow.{language}", live, ann, tmp_path, client) as program:
        deployment = ann.post("/deployments/", {"formula_id": formula, "symbol": "IBM", "resolution": "1D"})
        program.says("new signal" if language == "js" else "'type': 'trade_signal'")
        ann.http.delete(f"/deployments/{deployment['id']}")


def test_a_dashboard_creates_a_notification(live: LiveServer) -> None:
    ann = live.register("dashboard_ann")
    status, body = run("create.py", live, ann).split(maxsplit=1)
    assert status == "201"
    created = json.loads(body)
    assert ann.get(f"/notifications/{created['id']}")["message"] == "Message here"


def test_what_is_created_keeps_all_that_was_said(live: LiveServer) -> None:
    ann = live.register("create_ann")
    created = json.loads(run("create.sh", live, ann))
    said = {"type": "combined_signal", "priority": "critical", "source": "combined", "symbol": "BTC/USDT"}
    scores = {"confidence_score": 85.0, "urgency_score": 90.0, "promise_score": 88.0}
    assert (said | scores).items() <= ann.get(f"/notifications/{created['id']}").items()


def test_broadcasts_reach_the_company_the_role_and_both(live: LiveServer, tmp_path: Path) -> None:
    admin, bob, stranger = (live.register(f"told_{name}") for name in ("admin", "bob", "stranger"))
    live.shell(PLACES % {"bob": bob.id, "admin": admin.id})
    with (
        Program("listen.py", live, bob, tmp_path, None) as of_bob,
        Program("listen.py", live, admin, tmp_path, None) as of_admin,
    ):
        of_bob.says("pong")
        of_admin.says("pong")
        for name, target in (
            ("tell_role_of_company", "role user of company company_a"),
            ("tell_role", "role admin"),
            ("tell_company", "company company_a"),
        ):
            answer = json.loads(run(f"{name}.sh", live, admin))
            assert (answer["status"], answer["message"]) == ("success", f"Message broadcasted to {target}")
        of_bob.says("User Update", "Announcement")
        of_admin.says("Admin Alert")
    assert {one["title"] for one in bob.get("/notifications/")["results"]} == {"User Update", "Announcement"}
    assert stranger.get("/notifications/")["total"] == 0
