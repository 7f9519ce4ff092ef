"""A reader that falls behind hears where every bar is now, and nothing of how it came to be."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

from datafeed.messages import bars_topic, quotes_topic
from datafeed.models import Series
from datafeed.providers.base import BarUpdate
from datafeed.tests.conftest import DAY, MONDAY, bar
from datafeed.tests.test_sockets import IBM, play, update
from kernel.background import on_thread
from kernel.realtime.hub import close_hub
from kernel.realtime.outlets import MOST_MOMENTS

RESOLUTIONS = ["1D", "1W", "1M"]
TOPICS = [*(bars_topic("IBM", resolution) for resolution in RESOLUTIONS), quotes_topic("IBM")]

pytestmark = pytest.mark.django_db(transaction=True)


class Reader:
    """A client whose line can be held up: while `flows` is not set, nothing that is sent to it gets through."""

    def __init__(self) -> None:
        self.flows = asyncio.Event()
        self.flows.set()
        self.asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard: list[dict[str, Any]] = []
        scope = {"type": "websocket", "path": "/api/v1/ws", "headers": [], "query_string": b"", "subprotocols": []}
        application = import_string(settings.ASGI_APPLICATION)
        self.asked.put_nowait({"type": "websocket.connect"})
        self.running = asyncio.create_task(application(scope, self.asked.get, self._send))

    async def _send(self, event: dict[str, Any]) -> None:
        await self.flows.wait()
        if "text" in event:
            self.heard.append(json.loads(event["text"]))

    async def ask(self, kind: str, **payload: Any) -> None:
        """Ask, and wait for the answer."""
        message = {"type": kind, "payload": payload, "id": len(self.heard)}
        self.asked.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})
        async with asyncio.timeout(10):
            while not any(heard.get("id") == message["id"] for heard in self.heard):
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        self.flows.set()
        self.asked.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.running, 10)

    def told(self, topic: str) -> list[dict[str, Any]]:
        """The payloads heard on `topic`, in order."""
        updates = [heard["payload"] for heard in self.heard if heard["type"] in {"bars.update", "quotes.update"}]
        return [one["payload"] for one in updates if one["topic"] == topic]


@pytest.fixture
async def reader(ten_days: Series) -> AsyncIterator[Reader]:
    """Somebody who follows IBM in every resolution, and its quote, and has heard where they are."""
    client = Reader()
    for resolution in RESOLUTIONS:
        await client.ask("bars.subscribe", symbol="IBM", resolution=resolution)
    await client.ask("quotes.subscribe", symbols=["IBM"])
    yield client
    await client.end()
    await close_hub()


async def heard_of_all(reader: Reader, count: int = 1) -> None:
    """Wait until so much has been heard on each topic, and for what may still come."""
    async with asyncio.timeout(10):
        while any(len(reader.told(topic)) < count for topic in TOPICS):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


async def test_a_reader_that_falls_behind_hears_the_newest_of_each_and_no_queue(reader: Reader) -> None:
    reader.flows.clear()
    # One message is on its way already when the line stops.
    await on_thread(play, update(20, is_closed=False))
    await asyncio.sleep(0.05)
    reader.heard.clear()
    await on_thread(play, *(update(20 + step / 10, is_closed=False) for step in range(1, 30)))
    await asyncio.sleep(0.05)
    reader.flows.set()
    await heard_of_all(reader)
    for topic in TOPICS:
        told = reader.told(topic)
        assert len(told) <= 2, topic
        newest = told[-1]["v"]["lp"] if topic.startswith("quotes") else told[-1]["close"]
        assert newest == 22.9, topic


def closed_days(count: int) -> list[BarUpdate]:
    """So many closed days after those on record, the n-th closing at 20 + n."""
    days = [day for day in range(14, 14 + 2 * count) if day % 7 < 5][:count]
    return [BarUpdate(IBM, bar(MONDAY + day * DAY, 20 + place), is_closed=True) for place, day in enumerate(days)]


async def test_a_reader_far_behind_a_fast_replay_hears_the_newest_bar_alone(reader: Reader) -> None:
    reader.flows.clear()
    await on_thread(play, update(20, is_closed=False))
    await asyncio.sleep(0.05)
    reader.heard.clear()
    await on_thread(play, *closed_days(MOST_MOMENTS + 6))
    await asyncio.sleep(0.05)
    reader.flows.set()
    await heard_of_all(reader)
    for topic in TOPICS[:3]:
        told = reader.told(topic)
        assert told[-1]["close"] == 20 + MOST_MOMENTS + 5, topic
        assert [one["time"] for one in told] == sorted(one["time"] for one in told)
    # One was on its way when the line stopped.
    assert len(reader.told(TOPICS[0])) <= 2


async def test_whoever_keeps_up_misses_no_closed_bar_of_a_burst(reader: Reader) -> None:
    reader.heard.clear()
    days = closed_days(MOST_MOMENTS - 1)
    await on_thread(play, *days)
    await heard_of_all(reader)
    told = {one["time"]: one["close"] for one in reader.told(TOPICS[0])}
    assert told == {day.bar.opened_at * 1_000: float(day.bar.close) for day in days}


async def test_what_is_heard_of_a_topic_never_goes_back(reader: Reader) -> None:
    for step in range(12):
        if step % 3 == 0:
            reader.flows.clear()
        await on_thread(play, update(20 + step, is_closed=step == 11))
        if step % 3 == 2:
            reader.flows.set()
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    for topic in TOPICS[:3]:
        stamps = [bar["time"] for bar in reader.told(topic)]
        assert stamps == sorted(stamps)
        assert reader.told(topic)[-1]["close"] == 31
