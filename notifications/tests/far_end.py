"""The far end of a socket that reads notifications, for the tests of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from accounts.models import User
from kernel.realtime import Identity, Socket
from kernel.realtime.dialects import Canonical
from kernel.realtime.outlets import PlainOutlet
from notifications import consumers
from notifications.consumers import refresh_inbox
from notifications.following import Inbox
from notifications.messages import (
    NotificationsSubscribe,
    Position,
)


@dataclass
class Client:
    """The far end of a socket: everything that was sent to it, and a way to wait for more."""

    socket: Socket = field(init=False)
    sent: list[Any] = field(default_factory=list)
    has_grown: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, event: dict[str, Any]) -> None:
        self.sent.append(msgspec.json.decode(event["text"]) if "text" in event else event)
        self.has_grown.set()

    async def subscribe(self, **fields: Any) -> list[dict[str, Any]]:
        """Subscribe and give what came up to `notifications.live`."""
        positions = fields.pop("positions", {})
        known = {name: Position(epoch=epoch, seq=seq) for name, (epoch, seq) in positions.items()}
        start = len(self.sent)
        await consumers.subscribe_to_notifications(self.socket, NotificationsSubscribe(streams=known, **fields))
        await self.until(lambda: "notifications.live" in self.types()[start:])
        return self.sent[start:]

    async def until(self, holds: Callable[[], bool], within: float = 5) -> None:
        async with asyncio.timeout(within):
            while not holds():
                self.has_grown.clear()
                await self.has_grown.wait()

    async def quiet(self, seconds: float = 0.1) -> None:
        await asyncio.sleep(seconds)

    def inbox(self) -> Inbox:
        found: Inbox = self.socket.settings_of["inbox"]
        return found

    def types(self) -> list[str]:
        return [message["type"] for message in self.sent]

    def titles(self) -> list[str]:
        return [message["payload"]["title"] for message in self.sent if message["type"] == "notification"]

    def seqs(self, stream: str) -> list[int]:
        return [m["seq"] for m in self.sent if m["type"] == "notification" and m["stream"] == stream]

    def live(self) -> dict[str, Any]:
        """The positions that were stated last."""
        stated = [m for m in self.sent if m["type"] == "notifications.live"]
        return {name: (place["epoch"], place["seq"]) for name, place in stated[-1]["payload"]["streams"].items()}


@asynccontextmanager
async def connected(user: User, dialect: Canonical | None = None) -> AsyncIterator[Client]:
    client = Client()
    client.socket = Socket(PlainOutlet(client.send), dialect or Canonical(), on_refresh=refresh_inbox)
    await client.socket.sign_in(Identity(user, (f"user:{user.pk}",), None))
    try:
        yield client
    finally:
        await client.socket.forget()
