"""A list narrowed by type or priority: the same rows as by looking at every one, and none but what a page needs."""

from collections.abc import Callable
from itertools import product
from random import Random
from typing import Any

import pytest
from django.http import QueryDict
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient, APIRequestFactory

from accounts.models import User
from notifications import services
from notifications.api.filters import NotificationFilter
from notifications.selectors import Inbox, inbox
from notifications.tests.conftest import join

pytestmark = pytest.mark.django_db

URL = "/api/v1/notifications"
TYPES, PRIORITIES = ("info", "order", "trade_signal"), ("low", "medium", "error", "critical")

NARROWED = ("type=order", "type=nothing", "priority=error", "min_priority=error", "muted=false", "muted=true",
            "type=order&min_priority=medium", "type=info&muted=false", "priority=low&min_priority=high")  # fmt: skip
BESIDE = ("", "unread_only=true", "stream=all", "stream=all&after_seq=20", "ordering=created_at", "page=3")


@pytest.fixture(scope="module")
def past(shared_rows: None, django_db_blocker: DjangoDbBlocker) -> int:
    with django_db_blocker.unblock():
        return with_a_past(join("ann"))


@pytest.fixture
def ann(db: None, past: int) -> User:
    return User.objects.get(pk=past)


def with_a_past(ann: User) -> int:
    """Somebody with a past in several streams, of which they have read, hidden, cleared and taken back something."""
    chance = Random(5)

    def tell(stream: str, count: int) -> None:
        for number in range(count):
            services.create_notification(
                stream_name=stream, title=f"n{number}", message="m", topic=chance.choice(["a", None]),
                type=chance.choice(TYPES), priority=chance.choice(PRIORITIES), symbol=chance.choice(["Acme", None]),
            )  # fmt: skip

    for stream in ("all", "formula:1", "formula:2"):
        tell(stream, 20)
    for _ in range(2):
        services.join_stream(user_id=ann.pk, stream_name="formula:1")
        tell("formula:1", 25)
        services.leave_stream(user_id=ann.pk, stream_name="formula:1")
        tell("formula:1", 10)
    touched = Inbox(ann).page(0, 30)
    services.mark_read(user=ann, notification_ids=[row.pk for row in touched[::3]])
    for row in touched[1::7]:
        services.hide(user=ann, notification=row)
    services.mark_all_read(user=ann)
    services.join_stream(user_id=ann.pk, stream_name="formula:2")
    tell("formula:2", 30)
    tell("all", 30)
    for row in touched[::9]:
        services.mark_unread(user=ann, notification=row)
    services.mark_read(user=ann, notification_ids=[row.pk for row in Inbox(ann).page(0, 12)[::2]])
    services.save_preferences(user=ann, rules={"types": {"order": {"channels": []}}})
    return int(ann.pk)


def by_looking_at_every_one(user: User, query: str) -> list[str]:
    request = APIRequestFactory().get(URL)
    request.user = user
    wanted = NotificationFilter(QueryDict(query), queryset=inbox(user), request=request)
    assert wanted.is_valid()
    return [str(row.pk) for row in wanted.qs]


@pytest.mark.parametrize(("narrowed", "beside"), [*product(NARROWED, BESIDE)])
def test_the_short_way_finds_what_the_long_one_does(
    ann: User, client_of: Callable[[Any], APIClient], narrowed: str, beside: str
) -> None:
    query = f"{narrowed}&{beside}"
    answer = client_of(ann).get(f"{URL}/?{query}&size=7").json()
    every = by_looking_at_every_one(ann, query)
    start = 14 if "page=3" in query else 0
    if answer.get("status") == 404:
        assert len(every) <= start
        return
    assert answer["total"] == len(every)
    assert answer["total"] or narrowed in {"type=nothing", "priority=low&min_priority=high"} or "after_seq" in beside
    assert [row["id"] for row in answer["results"]] == every[start : start + 7]


def test_the_kinds_that_are_asked_for_part_the_inbox(ann: User, client_of: Callable[[Any], APIClient]) -> None:
    api = client_of(ann)

    def total(query: str) -> int:
        return int(api.get(f"{URL}/?{query}").json()["total"])

    assert total("muted=true") + total("muted=false") == total("") > total("muted=true") > 0
    assert sum(total(f"type={one}") for one in TYPES) == total("")
    assert sum(total(f"priority={one}&unread_only=true") for one in PRIORITIES) == total("unread_only=true") > 0


@pytest.mark.parametrize("query", ["topic=a", "symbol=ACME", "symbol=acme", "topic=a&symbol=Acme&type=order"])
def test_topic_and_symbol_narrow_the_list(ann: User, client_of: Callable[[Any], APIClient], query: str) -> None:
    answer = client_of(ann).get(f"{URL}/?{query}&size=100").json()
    assert 0 < answer["total"] < len(inbox(ann))
    for row in answer["results"]:
        assert row["symbol"] == "Acme" or "symbol" not in query
        assert row["topic"] == "a" or "topic" not in query
