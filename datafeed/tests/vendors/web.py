"""A web server on loopback that answers as it is told, and drops, stalls, limits and babbles on demand."""

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit


class Asked(NamedTuple):
    """A request as it came, the names of its headers As-These."""

    path: str
    query: dict[str, str]
    headers: Mapping[str, str]


class Said(NamedTuple):
    """An answer."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = {}


def said_json(value: Any, status: int = 200, **headers: str) -> Said:
    return Said(json.dumps(value).encode(), status, {"Content-Type": "application/json", **headers})


DROP, STALL, ENDLESS = "drop", "stall", "endless"
Mood = Said | str


class Web:
    """Answers by `answer`, unless `moods` say otherwise for the next requests: a `Said` or one of the words above."""

    def __init__(self) -> None:
        self.moods: deque[Mood] = deque()
        self.asked: list[Asked] = []
        self.stall_for = 30.0
        self._stopped = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def limit(self, times: int = 1, retry_after: str = "0") -> None:
        """Refuse the next requests as too many."""
        headers = {"Retry-After": retry_after}
        self.moods.extend(Said(b'{"message": "too many requests"}', 429, headers) for _ in range(times))

    def answer(self, asked: Asked) -> Said:
        raise AssertionError(f"nothing is known about {asked.path}")

    def wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)


def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(
                unquote(parts.path),
                dict(parse_qsl(parts.query)),
                {name.title(): value for name, value in self.headers.items()},
            )
            web.asked.append(asked)
            mood = web.moods.popleft() if web.moods else web.answer(asked)
            try:
                self._do(mood)
            except OSError:
                self.close_connection = True

        def _do(self, mood: Mood) -> None:
            if mood == DROP:
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"half":')
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            elif mood == STALL:
                web.wait(web.stall_for)
                self.close_connection = True
            elif mood == ENDLESS:
                self._babble()
            elif isinstance(mood, Said):
                self.send_response(mood.status)
                for name, value in mood.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(mood.body)))
                self.end_headers()
                self.wfile.write(mood.body)

        def _babble(self) -> None:
            self.close_connection = True
            self.send_response(200)
            self.end_headers()
            until = time.monotonic() + web.stall_for
            while time.monotonic() < until:
                self.wfile.write(b" " * 65_536)

        def log_message(self, *args: Any) -> None:
            return

    return Handler
