"""How often somebody may call, at each limit and one above; and that no view is forgotten."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.exceptions import ConnectionError as CacheGone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.scopes import SCOPES, required_scope
from accounts.tests.walk import views
from kernel.api.throttles import CallThrottle
from signalbox.api import documented

NOW = datetime(2030, 1, 1, 12, 0, 10, tzinfo=UTC)
PATH = "/api/v1/notifications"
NOTE = {"type": "info", "priority": "low", "title": "t", "message": "m"}


@pytest.fixture(autouse=True)
def _small_limits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.api.throttles.clock.now", lambda: NOW)
    settings.CALLS_PER_MINUTE, settings.WRITES_PER_MINUTE = 5, 2
    settings.PUBLIC_CALLS_PER_MINUTE, settings.SIGN_IN_CALLS_PER_MINUTE = 7, 3


def client_of(user: User | None, address: str = "192.0.2.1", **extra: str) -> APIClient:
    client = APIClient(REMOTE_ADDR=address, **extra)
    if user:
        client.force_authenticate(user)
    return client


def statuses(client: APIClient, times: int, method: str = "get", path: str = PATH, body: Any = None) -> list[int]:
    return [getattr(client, method)(path, body).status_code for _ in range(times)]


def test_a_person_calls_so_often_a_minute_from_wherever(person: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben = person("ann"), person("ben")
    assert statuses(client_of(ann), 3) == [200] * 3
    assert statuses(client_of(ann, "192.0.2.2"), 3) == [200, 200, 429]
    answer = client_of(ann).get(PATH)
    assert (answer.json()["code"], answer["Retry-After"]) == ("throttled", "51")
    assert client_of(ben).get(PATH).status_code == 200
    monkeypatch.setattr("kernel.api.throttles.clock.now", lambda: NOW + timedelta(seconds=50))
    assert client_of(ann).get(PATH).status_code == 200


def test_what_changes_something_has_a_limit_of_its_own(person: Any) -> None:
    ann = client_of(person("ann"))
    assert statuses(ann, 3, "post", body=NOTE) == [201, 201, 429]
    assert ann.get(PATH).status_code == 200


def test_market_data_is_counted_apart(person: Any) -> None:
    ann = client_of(person("ann"))
    assert statuses(ann, 8, path="/api/v1/datafeed/config") == [200] * 7 + [429]
    assert ann.get(PATH).status_code == 200
    assert statuses(client_of(None), 8, path="/api/v1/datafeed/config") == [200] * 7 + [429]


def test_pages_that_sign_in_count_by_address_whoever_calls(db: None) -> None:
    path = "/api/v1/auth/refresh"
    assert statuses(client_of(None), 4, "post", path, {}) == [400] * 3 + [429]
    spoofed = client_of(None, HTTP_X_FORWARDED_FOR="198.51.100.9", HTTP_FORWARDED="for=198.51.100.9")
    assert statuses(spoofed, 1, "post", path, {}) == [429]
    assert statuses(client_of(None, "192.0.2.2"), 1, "post", path, {}) == [400]


def test_without_the_cache_people_read_on_and_nobody_signs_in(person: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any) -> int:
        raise CacheGone

    monkeypatch.setattr("kernel.api.throttles._counted", gone)
    assert client_of(person("ann")).get(PATH).status_code == 200
    answer = client_of(None).post("/api/v1/auth/refresh", {})
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "5")


def test_every_view_of_ours_is_counted() -> None:
    for path, view, method in views(documented):
        assert CallThrottle in view.throttle_classes, (path, method)


def test_every_operation_needs_a_scope_there_is_or_is_closed_to_keys() -> None:
    """A new app without a scope is closed; this says so aloud."""
    for path, view, method in views(documented):
        scope = required_scope(view, method)
        closed = type(view).__module__.startswith("accounts.")
        assert scope in SCOPES or (closed and scope is None), (path, method, scope)
