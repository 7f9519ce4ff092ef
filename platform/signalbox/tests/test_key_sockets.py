"""Sockets that a key has opened: what they may ask, and that none outlives its key."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from accounts import services
from accounts.models import ApiKey, Session, User
from kernel import clock
from kernel.background import on_thread
from kernel.realtime.hub import close_hub
from kernel.realtime.rechecks import recheck_sockets
from signalbox.sockets import routed

pytestmark = pytest.mark.django_db(transaction=True)


class Machine:
    """The far end of a socket."""

    def __init__(self) -> None:
        self.to_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.has_grown = asyncio.Event()

    async def take(self, event: dict[str, Any]) -> None:
        self.sent.append(json.loads(event["text"]) if "text" in event else event)
        self.has_grown.set()

    def ask(self, kind: str, **payload: Any) -> None:
        text = json.dumps({"type": kind, "id": kind, "payload": payload})
        self.to_server.put_nowait({"type": "websocket.receive", "text": text})

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message that `holds`."""
        async with asyncio.timeout(5):
            while True:
                if found := [message for message in self.sent if holds(message)]:
                    return found[0]
                self.has_grown.clear()
                await self.has_grown.wait()

    async def closed_with(self) -> int:
        return int((await self.until(lambda message: message.get("type") == "websocket.close"))["code"])


@asynccontextmanager
async def opened(credential: str, scheme: str = "Api-Key", **headers: str) -> AsyncIterator[Machine]:
    machine = Machine()
    machine.to_server.put_nowait({"type": "websocket.connect"})
    scope = {
        "type": "websocket",
        "path": "/api/v1/ws",
        "query_string": b"",
        "subprotocols": [],
        "headers": [
            (name.encode(), value.encode())
            for name, value in (headers or {"authorization": f"{scheme} {credential}"}).items()
        ],
    }
    running = asyncio.create_task(routed(scope, machine.to_server.get, machine.take))
    try:
        await machine.until(lambda message: message.get("type") == "websocket.accept")
        yield machine
    finally:
        machine.to_server.put_nowait({"type": "websocket.disconnect"})
        await asyncio.wait_for(running, timeout=5)
        await close_hub()


@pytest.fixture
def mia(person: Callable[..., User]) -> User:
    return person("mia")


def make_key(user: User, *scopes: str, **fields: Any) -> tuple[ApiKey, str]:
    return services.create_api_key(user=user, name="bot", scopes=scopes, **fields)


def sign_in() -> str:
    return services.sign_in(login="mia", password="correct horse battery").access_token


async def listening(machine: Machine) -> None:
    machine.ask("notifications.subscribe")
    await machine.until(lambda message: message.get("type") == "notifications.live")


async def test_a_socket_does_what_the_scopes_of_its_key_say(mia: User) -> None:
    _, reader = await on_thread(make_key, mia, "read")
    _, writer = await on_thread(make_key, mia, "read", "notifications:write")
    async with opened(reader) as machine:
        await listening(machine)
        machine.ask("notifications.read", ids=[])
        refusal = await machine.until(lambda message: message.get("type") == "error")
        assert refusal["payload"]["code"] == "scope_missing"
    async with opened(writer) as machine:
        machine.ask("notifications.read", ids=[])
        answer = await machine.until(lambda message: message.get("id") == "notifications.read")
        assert "scope_missing" not in str(answer)


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_socket_ends_with_its_key(mia: User, end: str) -> None:
    seconds = 0.7 if end == "expired" else 3_600
    key, text = await on_thread(lambda: make_key(mia, "read", expires_at=clock.now() + timedelta(seconds=seconds)))
    async with opened(text) as machine:
        if end == "revoked":
            await listening(machine)
            await on_thread(lambda: services.revoke_api_key(key=key))
        assert await machine.closed_with() == 4401


@pytest.mark.parametrize("text", ["sbx_000000000000_x", ""])
async def test_a_bad_key_opens_nothing(text: str) -> None:
    async with opened(text) as machine:
        assert await machine.closed_with() == 4401


def revoke_by_hand() -> None:
    ApiKey.objects.update(revoked_at=clock.now())


def shut_out_by_hand() -> None:
    User.objects.update(is_active=False)


def sign_out_by_hand() -> None:
    Session.objects.update(revoked_at=clock.now())


@pytest.mark.parametrize(
    ("scheme", "change"),
    [
        ("Api-Key", revoke_by_hand),
        ("Api-Key", shut_out_by_hand),
        ("Bearer", shut_out_by_hand),
        ("Bearer", sign_out_by_hand),
    ],
)
async def test_what_nobody_has_said_is_noticed_all_the_same(mia: User, scheme: str, change: Callable[[], None]) -> None:
    text = (await on_thread(make_key, mia, "read"))[1] if scheme == "Api-Key" else ""
    async with opened(text or await on_thread(sign_in), scheme) as machine:
        await listening(machine)
        await recheck_sockets()
        assert machine.sent[-1].get("type") != "websocket.close"
        await on_thread(change)
        await recheck_sockets()
        assert await machine.closed_with() == 4401
