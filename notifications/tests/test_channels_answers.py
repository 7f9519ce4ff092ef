"""Links in messages that answer: looking changes nothing, the button answers once, and nobody can make one up."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from kernel import clock
from notifications import services
from notifications.models import AnswerLink, Delivery, Notification
from notifications.services.channels import mark_verified
from notifications.tests.fake_services import FakeService
from notifications.tests.sending import deliver

pytestmark = pytest.mark.django_db

LINK = re.compile(r"(https?://\S+)(/notifications/answer/([A-Za-z0-9_-]+))")


@pytest.fixture
def ann(member: Callable[..., User]) -> User:
    user = member()
    user.email_confirmed_at = clock.now()
    user.save()
    services.create_channel(user=user, kind="email", config={"address": user.email})
    return user


@pytest.fixture
def signal(ann: User, tell: Callable[..., Notification]) -> Notification:
    return tell(f"user:{ann.pk}", "BUY <b>ACME</b>", type="trade_signal")


@pytest.fixture
def path(signal: Notification) -> str:
    """The link's path, as it was mailed."""
    deliver()
    found = LINK.search(str(mail.outbox[0].body))
    assert found, mail.outbox[0].body
    return found.group(2)


def answer_of(ann: User, notification: Notification, client_of: Any) -> Any:
    client: APIClient = client_of(ann)
    return client.get(f"/api/v1/notifications/{notification.pk}").json()["response"]


def test_the_link_shows_what_is_asked_and_its_button_answers_once(
    ann: User, signal: Notification, path: str, client_of: Any
) -> None:
    browser = Client(enforce_csrf_checks=True)
    page = browser.get(path)
    assert page.status_code == 200
    assert b"BUY &lt;b&gt;ACME&lt;/b&gt;" in page.content
    assert (page["Referrer-Policy"], "no-store" in page["Cache-Control"]) == ("no-referrer", True)
    for _ in range(3):
        browser.get(path)
        browser.head(path)
    assert answer_of(ann, signal, client_of) is None
    done = browser.post(path, {"answer": "accept"})
    assert b"You answered" in done.content
    assert answer_of(ann, signal, client_of) == "accept"
    again = browser.post(path, {"answer": "reject"})
    assert b"used already" in again.content
    assert answer_of(ann, signal, client_of) == "accept"


@pytest.mark.parametrize("given", ["", "maybe", "accept\x00"])
def test_only_yes_and_no_are_answers(ann: User, signal: Notification, path: str, client_of: Any, given: str) -> None:
    assert Client().post(path, {"answer": given}).status_code == 200
    assert answer_of(ann, signal, client_of) is None
    assert Client().post(path, {"answer": "reject"}).status_code == 200
    assert answer_of(ann, signal, client_of) == "reject"


def test_a_link_is_good_for_a_day(
    ann: User, signal: Notification, path: str, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = clock.now() + timedelta(hours=24)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert b"too old" in Client().get(path).content
    Client().post(path, {"answer": "accept"})
    assert answer_of(ann, signal, client_of) is None


def test_what_was_hidden_or_whose_owner_is_gone_cannot_be_answered(
    ann: User, signal: Notification, path: str, client_of: Any
) -> None:
    services.hide(user=ann, notification=signal)
    assert b"<form" not in Client().get(path).content
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert b"<form" not in Client().post(path, {"answer": "accept"}).content
    assert AnswerLink.objects.get().used_at is None


def test_a_token_that_was_never_sent_is_not_there(path: str) -> None:
    for token in ("A" * 43, path.rpartition("/")[2][:-1] + "-", "a" * 20):
        answer = Client().get(f"/notifications/answer/{token}")
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_the_token_is_kept_as_a_hash_only(path: str) -> None:
    token = path.rpartition("/")[2]
    assert token not in repr(AnswerLink.objects.values())
    assert token not in repr(Delivery.objects.values())


def test_a_message_that_is_sent_again_has_the_same_link(path: str) -> None:
    Delivery.objects.update(state="dead")
    services.retry_deliveries(delivery_ids=Delivery.objects.values_list("pk", flat=True))
    deliver()
    assert path in str(mail.outbox[1].body)
    assert AnswerLink.objects.count() == 1


def test_what_cannot_be_answered_has_no_link(ann: User, tell: Callable[..., Notification]) -> None:
    tell(f"user:{ann.pk}", "hello", type="info")
    tell(f"user:{ann.pk}", "shall I?", type="order", data={"answerable": True})
    deliver()
    has_link = {message.subject: bool(LINK.search(str(message.body))) for message in mail.outbox}
    assert has_link == {"hello": False, "shall I?": True}


def test_where_others_read_along_there_is_no_link(
    ann: User, service: FakeService, tell: Callable[..., Notification]
) -> None:
    channel, _ = services.create_channel(user=ann, kind="ntfy", config={"server": service.url, "topic": "x"})
    mark_verified(channel=channel)
    tell(f"user:{ann.pk}", type="trade_signal")
    deliver()
    assert "answer" not in str(service.heard[-1].json)


def test_telegram_shows_a_button_where_the_site_is_on_the_internet(
    ann: User, service: FakeService, tell: Callable[..., Notification], settings: Any
) -> None:
    config = {"bot_token": "123456:" + "a" * 35, "chat_id": "42"}
    channel, _ = services.create_channel(user=ann, kind="telegram", config=config)
    mark_verified(channel=channel)
    tell(f"user:{ann.pk}", type="trade_signal")
    deliver()
    assert LINK.search(service.heard[-1].json["text"]), "no button for an address that only we can reach"
    settings.PUBLIC_BASE_URL = "https://box.example.com"
    tell(f"user:{ann.pk}", type="trade_signal")
    deliver()
    (row,) = service.heard[-1].json["reply_markup"]["inline_keyboard"]
    assert row[0]["url"].startswith("https://box.example.com/notifications/answer/")
