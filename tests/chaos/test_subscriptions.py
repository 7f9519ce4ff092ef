"""What a connection may listen to, and that nothing of it is left once it is gone."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from datafeed.models import Instrument
from kernel.background import on_thread
from kernel.realtime.crowds import people
from kernel.realtime.hub import close_hub, hub
from kernel.realtime.socket import relays, signed_in
from tests.conversation import Conversation
from tests.test_socket_groups import caller
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def _clean_hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    # The rate of messages has tests of its own.
    monkeypatch.setattr("kernel.realtime.endpoint.BURST", 1e9)
    yield
    await close_hub()


def _symbols(count: int) -> list[str]:
    like = Instrument.objects.get(symbol="ACME")
    rows = [Instrument(symbol=f"N{number}", exchange=like.exchange) for number in range(count)]
    return [row.symbol for row in Instrument.objects.bulk_create(rows)]


async def _quotes(socket: Conversation, symbols: list[str]) -> dict[str, Any]:
    return await socket.ask("quotes.subscribe", {"symbols": symbols})


@pytest.mark.parametrize("name", ["ann", "stranger"])
async def test_of_501_subscriptions_of_a_connection_the_last_is_refused(name: str, settings: Any) -> None:
    settings.DATAFEED_PUBLIC = True
    world = await on_thread(World)
    symbols = await on_thread(_symbols, settings.WS_SUBSCRIPTIONS + 1)
    socket = await caller(world, name)
    for start in range(0, settings.WS_SUBSCRIPTIONS, 100):
        assert (await _quotes(socket, symbols[start : start + 100]))["payload"]["status"] == "ok"
    refused = await _quotes(socket, symbols[-1:])
    assert (refused["type"], refused["payload"]["code"]) == ("error", "refused")
    assert (await _quotes(socket, symbols[:1]))["payload"]["status"] == "ok"
    await socket.socket.disconnect()


async def test_the_same_subscription_again_and_again_is_one(settings: Any) -> None:
    settings.WS_SUBSCRIPTIONS = 1
    socket = await caller(await on_thread(World), "ann")
    for _ in range(200):
        assert (await _quotes(socket, ["ACME"]))["payload"]["status"] == "ok"
    assert (await socket.ask("quotes.unsubscribe", {"symbols": ["ACME"]}))["payload"]["status"] == "ok"
    assert (await _quotes(socket, ["SPARE"]))["payload"]["status"] == "ok"
    await socket.socket.disconnect()


async def test_who_is_gone_leaves_nothing_behind() -> None:
    world = await on_thread(World)
    sockets = [await caller(world, "ann") for _ in range(5)]
    for socket in sockets:
        await _quotes(socket, ["ACME"])
        await socket.ask("notifications.subscribe")
        await socket.ask("signals.subscribe")
    assert hub()._listeners
    assert relays()._relays
    assert people._inside[world.ann.pk] == 5
    for socket in sockets:
        await socket.socket.disconnect()
    assert not hub()._listeners
    assert not relays()._relays
    assert not people._inside
    assert not signed_in
