"""What nobody listens to is known to be so, whichever thread or process asks; run with Redis, the layer is asked."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from kernel.realtime import hearers
from kernel.realtime import hub as hubs

TOPIC, OTHER = 'bars:{"resolution":"1","symbol":"AAPL"}', 'bars:{"resolution":"1","symbol":"MSFT"}'


def of_other_process(topic: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """What a process without a socket of its own says of `topic`."""
    with monkeypatch.context() as patch:
        patch.setattr(hubs, "is_heard_here", lambda topic: False)
        return hearers.has_listeners(topic)


async def asked(call: Callable[..., bool], *words: Any) -> bool:
    return await asyncio.to_thread(call, *words)


async def test_a_topic_is_heard_from_joining_to_leaving() -> None:
    hub = hubs.hub()
    assert not await asked(hearers.has_listeners, TOPIC)
    await hub.join(TOPIC, print)
    try:
        assert await asked(hearers.has_listeners, TOPIC)
        assert not await asked(hearers.has_listeners, OTHER)
        await hub.leave(TOPIC, print)
        assert not await asked(hearers.has_listeners, TOPIC)
    finally:
        await hubs.close_hub()


async def test_another_process_knows_it_from_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = hubs.hub()
    await hub.join(TOPIC, print)
    try:
        # Without a layer between them there is no other process.
        assert await asked(of_other_process, TOPIC, monkeypatch) is bool(settings.ENV.redis_url)
        assert not await asked(of_other_process, OTHER, monkeypatch)
    finally:
        await hubs.close_hub()


def test_while_the_layer_is_away_somebody_may_be_listening(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHANNEL_LAYERS = {"default": {"CONFIG": {"prefix": "test"}}}
    monkeypatch.setattr(hubs, "is_alone", lambda: False)
    monkeypatch.setattr(hearers, "redis_client", lambda: hearers.Redis(port=1, socket_connect_timeout=0.2))
    assert hearers.has_listeners(TOPIC)
