"""Services on loopback that speak as the real ones do, remember what they were told and misbehave when asked to."""

import json
import socketserver
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

SLACK, DISCORD, WEBHOOK, PUSH = "/services/T0/B0/key", "/api/webhooks/1/key", "/hook", "/push/abc"


@dataclass
class Heard:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Mood:
    """What the next answers are: `status`, after `hang`; or `reset`, `endless` or `redirect` instead of one."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    what: str = ""


class _Conversation(BaseHTTPRequestHandler):
    server: Any
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.heard.append(Heard(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        mood: Mood = self.server.mood
        match mood.what:
            case "hang":
                self.server.released.wait(30)
                self.close_connection = True
            case "drip":
                self._drip()
            case "reset":
                self.connection.close()
                self.close_connection = True
            case "endless":
                self._endless()
            case _:
                self._answer(mood, body)

    def _answer(self, mood: Mood, body: bytes) -> None:
        status, said = self._said(body)
        status, said = mood.status or status, said if mood.body is None else mood.body
        self.send_response(status)
        for name, value in mood.headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if status != 204:
            self.wfile.write(said)

    def _said(self, body: bytes) -> tuple[int, bytes]:
        """What the service of this path answers when all is well, or to a body it does not take."""
        told, path = json.loads(body) if body[:1] == b"{" else {}, self.path.partition("?")[0]
        if path.startswith("/bot") and path.endswith("/sendMessage"):
            if told.get("chat_id") and told.get("text"):
                return 200, json.dumps({"ok": True, "result": {"message_id": 7}}).encode()
            return 400, json.dumps({"ok": False, "error_code": 400, "description": "Bad Request"}).encode()
        if path == SLACK:
            return (200, b"ok") if isinstance(told.get("text"), str) else (400, b"no_text")
        if path == DISCORD:
            return (204, b"") if told.get("content") else (400, b'{"code": 50006}')
        if path == "/":
            return (200, b'{"id": "x"}') if told.get("topic") else (400, b'{"code": 40009}')
        if path == PUSH:
            return 201, b""
        return (200, b"thanks") if path == WEBHOOK else (404, b"")

    def _drip(self) -> None:
        """A byte every now and then, for ever."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.server.released.wait(0.05):
            try:
                self.wfile.write(b"X: y\r\n")
            except OSError:
                break
        self.close_connection = True

    def _endless(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                self.wfile.write(bytes(65_536))
                self.server.poured += 65_536
        except OSError:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class FakeService(socketserver.ThreadingTCPServer):
    """A service; `heard` is what it was told, `mood` what it answers."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.heard: list[Heard] = []
        self.mood = Mood()
        self.released = threading.Event()
        self.poured = 0
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""

    def titles(self) -> list[str]:
        """Of the notifications it was handed, as they came."""
        return [one.json["data"]["title"] for one in self.heard]

    def stop(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()
