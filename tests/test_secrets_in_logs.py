"""A real server is told secrets in every way there is, and not one of them is in what it has written."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.server import PASSWORD, LiveServer

pytestmark = pytest.mark.live

CANARY = "c4nARY-0f-A-seCret-7q"


@pytest.fixture
def server(tmp_path: Path, make_server: Callable[..., LiveServer]) -> LiveServer:
    # The demo's own password is in the link that a start prints.
    return make_server(
        DEMO_PASSWORD="of the demo alone", LOG_LEVEL="DEBUG", LOG_FILE=str(tmp_path / "server.json")
    ).start()


def send_everywhere(server: LiveServer) -> None:
    """In addresses, headers, cookies, bodies, file names; well-formed and not; to paths there are and there are not."""
    headers = [
        {"Authorization": f"Bearer {CANARY}"},
        {"Authorization": f"Basic {CANARY}"},
        {"Authorization": f"Api-Key sbx_0123456789ab_{CANARY}"},
        {"Authorization": f"Bearer eyJhbGciOiJIUzI1NiJ9.e30.{CANARY}"},
        {"Cookie": f"sessionid={CANARY}; csrftoken={CANARY}"},
    ]
    query = f"token={CANARY}&ticket={CANARY}&code={CANARY}&state=x&password={CANARY}&X-Amz-Signature={CANARY}"
    body = {"username": "eve", "email": "eve@example.com", "password": CANARY, "code": CANARY, "token": CANARY}
    broken = [b'{"password": "' + CANARY.encode(), b'["' + CANARY.encode() + b'"]', b"password=" + CANARY.encode()]
    with httpx.Client(base_url=server.site, timeout=20) as client:
        for path in ("/api/v1/auth/me", "/api/v1/nothing", "/admin/", "/", "/api/v1/ws", "/static/x"):
            for header in headers:
                client.get(f"{path}?{query}", headers=header)
        for name in ("login", "register", "refresh", "password/reset/confirm", "email/confirm", "password/change"):
            sent = {**body, "refresh_token": CANARY, "new_password": CANARY, "current_password": CANARY}
            client.post(f"/api/v1/auth/{name}", json=sent)
            for content in broken:
                client.post(f"/api/v1/auth/{name}", content=content, headers={"Content-Type": "application/json"})
        client.post("/admin/login/", data={"username": "eve", "password": CANARY})


def open_sockets(server: LiveServer) -> None:
    for address, headers in (
        (f"/api/v1/ws?token={CANARY}", {}),
        (f"/api/v1/ws?ticket={CANARY}", {}),
        (f"/ws/notifications?token={CANARY}", {"Authorization": f"Bearer {CANARY}"}),
        ("/api/v1/ws", {"Sec-WebSocket-Protocol": f"bearer, {CANARY}"}),
        ("/api/v1/ws", {}),
    ):
        try:
            with connect(f"{server.sockets}{address}", additional_headers=headers) as socket:
                socket.send(json.dumps({"type": "auth", "payload": {"token": CANARY}}))
                socket.send('{"type": "auth", "payload": {"token": "' + CANARY)
                socket.recv(timeout=10)
                socket.recv(timeout=10)
        except WebSocketException:
            pass


def test_no_secret_that_a_server_is_told_is_in_its_logs(server: LiveServer, tmp_path: Path) -> None:
    send_everywhere(server)
    open_sockets(server)
    person = server.register("somebody")
    ticket = person.post("/auth/ws-ticket")["ticket"]
    with connect(f"{server.sockets}/api/v1/ws?ticket={ticket}") as socket:
        socket.send('{"type": "ping"}')
        socket.recv(timeout=10)
    with connect(f"{server.sockets}/api/v1/ws?token={person.token}") as socket:
        socket.send('{"type": "ping"}')
        socket.recv(timeout=10)
    form = {"documents": (f"{CANARY}.png", b"not a picture", "image/png")}
    answer = person.http.post("/auth/kyc/upload", files=form, data={"document_type": "passport"})
    assert answer.status_code == 400
    assert server.stop() == 0
    logs = [server.log.read_text(), (tmp_path / "server.json").read_text()]
    for text in logs:
        assert "auth/me" in text or "/admin" in text or len(text) > 500, "the server has written something"
        assert not [secret for secret in (CANARY, PASSWORD, ticket, person.token) if secret in text]
    for line in logs[1].splitlines():
        assert json.loads(line)["level"]
