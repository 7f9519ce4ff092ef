"""Bars and quotes on a socket."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings as project
from django.utils.module_loading import import_string

from datafeed.models import Series
from datafeed.providers import find_provider
from datafeed.providers.base import BarUpdate, SeriesKey
from datafeed.services import Audience, open_live, take_update
from datafeed.tests.conftest import DAY, MONDAY, bar
from kernel.background import on_thread
from kernel.realtime.hub import close_hub

TOPIC = 'bars:{"resolution":"1D","symbol":"IBM"}'
IBM = SeriesKey("IBM", "1D")

pytestmark = pytest.mark.django_db(transaction=True)


class Stranger:
    """A socket client without a credential, of the application that the settings name."""

    def __init__(self) -> None:
        scope = {"type": "websocket", "path": "/api/v1/ws", "headers": [], "query_string": b"", "subprotocols": []}
        self.socket = ApplicationCommunicator(import_string(project.ASGI_APPLICATION), scope)

    async def connect(self) -> None:
        await self.socket.send_input({"type": "websocket.connect"})
        assert (await self.socket.receive_output(5))["type"] == "websocket.accept"

    async def ask(self, kind: str, **payload: Any) -> None:
        text = json.dumps({"type": kind, "payload": payload, "id": 7})
        await self.socket.send_input({"type": "websocket.receive", "text": text})

    async def hear(self) -> dict[str, Any]:
        return json.loads((await self.socket.receive_output(5))["text"])

    async def disconnect(self) -> None:
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.socket.wait(5)


@pytest.fixture
async def stranger(ten_days: Series) -> AsyncIterator[Stranger]:
    client = Stranger()
    await client.connect()
    yield client
    await client.disconnect()
    await close_hub()


def update(close: float, *, is_closed: bool) -> BarUpdate:
    return BarUpdate(IBM, bar(MONDAY + 14 * DAY, close), is_closed=is_closed)


def play(*updates: BarUpdate) -> None:
    """Let the feed take `updates` of IBM."""
    live = open_live(provider=find_provider("replay"))[IBM]
    for one in updates:
        take_update(live=live, update=one, audience=Audience(has_listeners=lambda topic: True))


@pytest.mark.parametrize("payload", [{"resolution": "1D"}, {"params": {"resolution": "D"}}])
async def test_a_subscriber_gets_the_newest_bar_at_once_and_then_each_change(
    stranger: Stranger, payload: dict[str, Any]
) -> None:
    await stranger.ask("bars.subscribe", symbol="ibm", **payload)
    heard = [await stranger.hear(), await stranger.hear()]
    answer = next(message for message in heard if message["type"] == "bars.subscribe.response")
    assert (answer["payload"]["status"], answer["payload"]["topic"], answer["id"]) == ("ok", TOPIC, 7)
    newest = next(message for message in heard if message["type"] == "bars.update")
    assert newest["payload"] == {
        "topic": TOPIC,
        "payload": {
            "time": (MONDAY + 11 * DAY) * 1_000,
            "open": 19.0,
            "high": 19.5,
            "low": 18.5,
            "close": 19.0,
            "volume": 100.0,
        },
    }
    await on_thread(play, update(20, is_closed=False))
    first = (await stranger.hear())["payload"]
    await on_thread(play, update(21, is_closed=True))
    second = (await stranger.hear())["payload"]
    assert [first["topic"], second["topic"]] == [TOPIC, TOPIC]
    assert [first["payload"]["close"], second["payload"]["close"]] == [20, 21]
    assert first["payload"]["time"] == second["payload"]["time"] == (MONDAY + 14 * DAY) * 1_000


async def test_after_unsubscribing_nothing_comes(stranger: Stranger) -> None:
    await stranger.ask("bars.subscribe", symbol="IBM", resolution="1D")
    await stranger.hear()
    await stranger.hear()
    await stranger.ask("bars.unsubscribe", symbol="IBM", resolution="1D")
    answer = await stranger.hear()
    assert (answer["type"], answer["payload"]["topic"]) == ("bars.unsubscribe.response", TOPIC)
    await on_thread(play, update(20, is_closed=True))
    assert await stranger.socket.receive_nothing(timeout=0.1)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"symbol": "NOPE"}, "symbol"),
        ({"symbol": "IBM"}, "resolution"),
        ({"symbol": "IBM", "resolution": "1h"}, "resolution"),
        ({"symbol": 5}, "symbol"),
    ],
)
async def test_a_wrong_subscription_names_the_field(stranger: Stranger, payload: dict[str, Any], field: str) -> None:
    await stranger.ask("bars.subscribe", **payload)
    answer = await stranger.hear()
    assert (answer["type"], answer["id"], list(answer["payload"]["errors"])) == ("error", 7, [field])


async def test_quotes_come_at_once_and_as_they_change(stranger: Stranger) -> None:
    await stranger.ask("quotes.subscribe", symbols=["ibm"], fast_symbols=["IBM"])
    heard = [await stranger.hear(), await stranger.hear()]
    present = next(message["payload"] for message in heard if message["type"] == "quotes.update")
    assert (present["payload"]["s"], present["payload"]["n"], present["payload"]["v"]["lp"]) == ("ok", "IBM", 19)
    await on_thread(play, update(38, is_closed=False))
    changed = (await stranger.hear())["payload"]
    assert changed["topic"] == present["topic"]
    assert changed["payload"]["v"].items() >= {"lp": 38.0, "prev_close_price": 19.0, "chp": 100.0}.items()
    await stranger.ask("quotes.unsubscribe", symbols=["IBM"])
    assert (await stranger.hear())["type"] == "quotes.unsubscribe.response"


@pytest.mark.parametrize("payload", [{}, {"symbols": ["IBM"] * 101}, {"fast_symbols": ["NOPE"]}])
async def test_quotes_of_nothing_too_much_or_nobody_are_refused(stranger: Stranger, payload: dict[str, Any]) -> None:
    await stranger.ask("quotes.subscribe", **payload)
    answer = await stranger.hear()
    assert answer["type"] == "error"
    assert list(answer["payload"]["errors"]) in (["symbols"], ["fast_symbols"])


async def test_strangers_hear_nothing_where_market_data_is_not_public(stranger: Stranger, settings: Any) -> None:
    settings.DATAFEED_PUBLIC = False
    for kind in ("bars.subscribe", "bars.unsubscribe"):
        await stranger.ask(kind, symbol="IBM", resolution="1D")
        answer = await stranger.hear()
        assert (answer["type"], answer["payload"]["code"]) == ("error", "not_authenticated")
    for kind in ("quotes.subscribe", "quotes.unsubscribe"):
        await stranger.ask(kind, symbols=["IBM"])
        assert (await stranger.hear())["payload"]["code"] == "not_authenticated"
