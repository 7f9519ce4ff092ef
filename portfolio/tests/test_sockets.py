"""Positions on sockets: one's own, as they change, and nobody else's."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings as project
from django.utils.module_loading import import_string

from accounts.services import sign_in
from kernel.background import on_thread
from kernel.realtime.hub import close_hub
from portfolio.tests.conftest import trade

pytestmark = pytest.mark.django_db(transaction=True)


class Client:
    """A socket client of the application that the settings name."""

    def __init__(self, token: str = "") -> None:
        query = f"token={token}".encode() if token else b""
        scope = {"type": "websocket", "path": "/api/v1/ws", "headers": [], "query_string": query, "subprotocols": []}
        self.socket = ApplicationCommunicator(import_string(project.ASGI_APPLICATION), scope)

    async def connect(self) -> None:
        await self.socket.send_input({"type": "websocket.connect"})
        assert (await self.socket.receive_output(5))["type"] == "websocket.accept"

    async def ask(self, kind: str) -> dict[str, Any]:
        await self.socket.send_input({"type": "websocket.receive", "text": json.dumps({"type": kind, "id": 7})})
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        return json.loads((await self.socket.receive_output(5))["text"])

    async def disconnect(self) -> None:
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.socket.wait(5)


@pytest.fixture
async def clients() -> AsyncIterator[list[Client]]:
    opened: list[Client] = []
    yield opened
    for client in opened:
        await client.disconnect()
    await close_hub()


@pytest.fixture
def signed_in(clients: list[Client], person: Any) -> Any:
    """A maker of sockets: `await signed_in("ann")` is a new person's."""

    async def make(name: str) -> tuple[Any, Client]:
        user = await on_thread(person, name, password="correct horse battery")
        pair = await on_thread(sign_in, login=name, password="correct horse battery")
        clients.append(Client(pair.access_token))
        await clients[-1].connect()
        return user, clients[-1]

    return make


async def test_a_change_is_told_to_its_owner_alone(signed_in: Any, instrument: Any) -> None:
    acme = await on_thread(instrument)
    (ann, hers), (bob, his) = await signed_in("ann"), await signed_in("bob")
    for client in (hers, his):
        assert (await client.ask("portfolio.subscribe"))["type"] == "portfolio.subscribe.response"
    await on_thread(trade, bob, acme, "1", "7")
    await on_thread(trade, ann, acme, "10", "2.5")
    first, other = await hers.hear(), await his.hear()
    assert (first["type"], first["payload"]["symbol"]) == ("position.updated", "ACME")
    assert (first["payload"]["quantity"], first["payload"]["average_price"]) == (10, 2.5)
    assert other["payload"]["quantity"] == 1
    await on_thread(trade, ann, acme, "-10", "3")
    closed = await hers.hear()
    assert (closed["payload"]["quantity"], closed["payload"]["realized_pnl"]) == (0, 5)
    assert await his.socket.receive_nothing()


async def test_after_unsubscribing_nothing_more_is_told(signed_in: Any, instrument: Any) -> None:
    acme = await on_thread(instrument)
    ann, hers = await signed_in("ann")
    await hers.ask("portfolio.subscribe")
    await hers.ask("portfolio.unsubscribe")
    await on_thread(trade, ann, acme, "10", "2.5")
    assert await hers.socket.receive_nothing()


async def test_a_stranger_may_not_listen(clients: list[Client]) -> None:
    clients.append(Client())
    await clients[0].connect()
    refused = await clients[0].ask("portfolio.subscribe")
    assert (refused["type"], refused["payload"]["status"]) == ("error", 401)
