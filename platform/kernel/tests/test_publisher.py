"""What a process without sockets pushes: in its order, to the very channel that the layer listens to."""

import time
from typing import Any

import pytest
from redis.exceptions import ConnectionError as LayerGone

from kernel.realtime import publisher as publishers
from kernel.realtime.hearers import channel_of
from kernel.realtime.hub import group_name
from kernel.realtime.publisher import MOST_TOGETHER, Publisher


class Layer:
    """Redis and the layer's own writing; it keeps what is published, journey by journey."""

    def __init__(self) -> None:
        self.journeys: list[list[tuple[str, Any]]] = []
        self.is_away = False

    def pipeline(self, transaction: bool) -> "Journey":
        return Journey(self)

    def serialize(self, message: dict[str, Any]) -> int:
        return int(message["n"])


class Journey:
    def __init__(self, layer: Layer) -> None:
        self.layer, self.published = layer, list[tuple[str, Any]]()

    def __enter__(self) -> "Journey":
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def publish(self, channel: str, text: Any) -> None:
        self.published.append((channel, text))

    def execute(self) -> None:
        if self.layer.is_away:
            self.layer.is_away = False
            raise LayerGone
        self.layer.journeys.append(self.published)


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Layer:
    found = Layer()
    settings.CHANNEL_LAYERS = {"default": {"CONFIG": {"prefix": "test"}}}
    monkeypatch.setattr(publishers, "redis_client", lambda: found)
    monkeypatch.setattr(publishers, "get_channel_layer", lambda: found)
    return found


def published(layer: Layer, until: int) -> list[Any]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        told = [text for journey in layer.journeys for _, text in journey]
        if told and told[-1] == until:
            return told
        time.sleep(0.001)
    raise AssertionError("it was not published")


def test_messages_keep_their_order_and_travel_together(layer: Layer) -> None:
    publisher = Publisher()
    for number in range(3 * MOST_TOGETHER):
        publisher.add({"topic": "t", "n": number})
    assert published(layer, 3 * MOST_TOGETHER - 1) == list(range(3 * MOST_TOGETHER))
    assert max(map(len, layer.journeys)) <= MOST_TOGETHER
    assert {channel for journey in layer.journeys for channel, _ in journey} == {channel_of(group_name("t"))}


def test_it_goes_on_when_the_layer_comes_back(layer: Layer) -> None:
    publisher, layer.is_away = Publisher(), True
    publisher.add({"topic": "t", "n": 1})
    deadline = time.monotonic() + 5
    while layer.is_away and time.monotonic() < deadline:
        time.sleep(0.001)
    publisher.add({"topic": "t", "n": 2})
    assert published(layer, 2) == [2]
