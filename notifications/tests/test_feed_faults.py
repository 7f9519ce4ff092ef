"""Operators hear of market data that is missing, and nobody else does."""

from collections.abc import Callable
from typing import Any

from accounts.models import User
from datafeed.events import FeedFell, FeedRecovered
from notifications.handlers import tell_operators_of_feed


def test_operators_hear_once_of_a_provider_that_fell_and_that_it_is_back(
    person: Callable[..., User],
    client_of: Callable[..., Any],
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        operator, trader = person("olga", role="operator"), person("tom")
    for event in [FeedFell("kite", "connected, but mute", 0)] * 2 + [FeedRecovered("kite", 0)]:
        tell_operators_of_feed(event)
    heard = client_of(operator).get("/api/v1/notifications/").json()["results"]
    assert [one["title"] for one in heard] == ["Market data of kite is back", "Market data of kite is missing"]
    assert heard[1]["message"] == "connected, but mute (since 1970-01-01 00:00:00 UTC)"
    assert {one["type"] for one in heard} == {"system_status"}
    assert client_of(trader).get("/api/v1/notifications/").json()["total"] == 0
