"""A server's side of the notifications' socket that loses, doubles and refuses as a test says; the wire is real."""

import asyncio
import json
from types import TracebackType
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

STREAM, EPOCH = "user:1", "first"
WITHIN = 10.0


class Peer:
    """`async with Peer() as peer:` listens; `accepted` is the next client that connects."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[Line] = asyncio.Queue()
        self._open: list[Line] = []

    async def __aenter__(self) -> "Peer":
        names = [Subprotocol("bearer")]
        self._server = await serve(self._serve, "127.0.0.1", 0, subprotocols=names, compression=None, close_timeout=1)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for line in self._open:
            line.hear()
        self._server.close()
        await self._server.wait_closed()

    async def accepted(self, within: float = WITHIN) -> "Line":
        return await asyncio.wait_for(self._lines.get(), within)

    async def subscribed(self, *, last: int) -> "Line":
        """The next client, live on a stream that stands at `last`, from whatever position it named."""
        line = await self.accepted()
        await line.go_live(last)
        return line

    async def _serve(self, connection: ServerConnection) -> None:
        line = Line(connection)
        self._open.append(line)
        self._lines.put_nowait(line)
        await connection.wait_closed()


class Line:
    """One client's connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        assert connection.request
        offered = connection.request.headers["Sec-WebSocket-Protocol"]
        self.token = offered.split(",")[1].strip()

    async def asked(self, kind: str) -> dict[str, Any]:
        """The next request of that kind."""
        while True:
            message: dict[str, Any] = json.loads(await asyncio.wait_for(self._connection.recv(), WITHIN))
            if message["type"] == kind:
                return message

    async def say(self, kind: str, payload: Any, **outside: Any) -> None:
        await self._connection.send(json.dumps({"type": kind, "payload": payload, **outside}))

    async def answer(self, request: dict[str, Any]) -> None:
        await self.say(f"{request['type']}.response", {"status": "ok", "message": ""}, id=request["id"])

    async def notify(self, seq: int, epoch: str = EPOCH) -> None:
        await self.say("notification", {"title": f"number {seq}"}, stream=STREAM, epoch=epoch, seq=seq)

    async def go_live(self, last: int, *missed: int, epoch: str = EPOCH) -> dict[str, Any]:
        """Take a subscription, send `missed`, and say that the stream stands at `last`; the positions it named."""
        request = await self.asked("notifications.subscribe")
        for seq in missed:
            await self.notify(seq, epoch)
        await self.say("notifications.live", {"streams": {STREAM: {"epoch": epoch, "seq": last}}})
        await self.answer(request)
        return dict(request["payload"]["streams"])

    async def close(self, code: int) -> None:
        await self._connection.close(code)

    async def closed(self) -> None:
        await asyncio.wait_for(self._connection.wait_closed(), WITHIN)

    def go_deaf(self) -> None:
        """Read nothing more, as a line that is dead."""
        self._connection.transport.pause_reading()

    def hear(self) -> None:
        if not self._connection.transport.is_closing():
            self._connection.transport.resume_reading()
