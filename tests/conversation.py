"""A conversation over the application's own door for sockets, without a server."""

from collections.abc import Callable
from typing import Any, Self

import msgspec
from channels.testing import WebsocketCommunicator

from signalbox.asgi import application

WITHIN = 10  # seconds


def envelope(name: str, payload: Any, number: Any = 7) -> str:
    return msgspec.json.encode({"type": name, "id": number, "payload": payload}).decode()


class Conversation:
    """One connection; `pushed` is what came beside the answers. `credential` is a whole Authorization header."""

    def __init__(self, credential: str = "", path: str = "/api/v1/ws") -> None:
        headers = [(b"authorization", credential.encode())] if credential else []
        self.socket = WebsocketCommunicator(application, path, headers=headers)
        self.pushed: list[dict[str, Any]] = []

    async def open(self) -> Self:
        assert (await self.socket.connect(timeout=WITHIN))[0]
        return self

    async def ask(self, kind: str, payload: Any = None) -> dict[str, Any]:
        """The answer or error to a message."""
        return await self.answer_to(envelope(kind, payload or {}))

    async def answer_to(self, text: str) -> dict[str, Any]:
        """The answer or error to whatever was said."""
        await self.socket.send_input({"type": "websocket.receive", "text": text})
        return await self.until(lambda told: told["type"] in {"error", "pong"} or told["type"].endswith(".response"))

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            output = await self.socket.receive_output(timeout=WITHIN)
            assert output["type"] == "websocket.send", output
            message: dict[str, Any] = msgspec.json.decode(output["text"])
            if holds(message):
                return message
            self.pushed.append(message)

    async def close_code(self) -> int:
        while (output := await self.socket.receive_output(timeout=WITHIN))["type"] != "websocket.close":
            self.pushed.append(output)
        return int(output["code"])

    def heard(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.pushed if message["type"] == kind]

    async def close(self) -> None:
        await self.socket.disconnect()
