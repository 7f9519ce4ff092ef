"""What was given up is found in the control panel, with its reason and without anybody's secret, and sent again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from notifications.models import AnswerLink, Channel, Delivery, FanOut, Notification
from notifications.tests.fake_services import FakeService, Mood
from notifications.tests.sending import deliver

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead(member: Callable[..., User], webhook: Any, service: FakeService, tell: Any) -> Delivery:
    ann = member()
    webhook(ann)
    tell(f"user:{ann.pk}", "annsown words")
    service.mood = Mood(500)
    deliver()
    Delivery.objects.update(state="dead")
    service.mood = Mood()
    return Delivery.objects.get()


def panel(person: Callable[..., User], role: str) -> Client:
    client = Client()
    client.force_login(person(f"staff-{role}", role=role))
    return client


def test_a_dead_delivery_is_seen_with_its_reason_and_sent_again(
    dead: Delivery, person: Any, service: FakeService
) -> None:
    client, url = panel(person, "admin"), reverse("admin:notifications_delivery_changelist")
    page = client.get(url, {"state__exact": "dead"})
    assert b"It answered 500." in page.content
    assert b"annsown" not in page.content + client.get(f"{url}{dead.pk}/change/").content
    sent = client.post(url, {"action": "send_again", "_selected_action": [str(dead.pk)]}, follow=True)
    assert b"1 will be sent again" in sent.content
    assert deliver() == 1


def test_an_operator_sends_again_without_reading_anybodys_messages(dead: Delivery, person: Any) -> None:
    client = panel(person, "operator")
    url = reverse("admin:notifications_delivery_changelist")
    assert b"It answered 500." in client.get(url).content
    client.post(url, {"action": "send_again", "_selected_action": [str(dead.pk)]})
    dead.refresh_from_db()
    assert dead.state == "queued"
    assert client.get(reverse("admin:notifications_channel_changelist")).status_code == 403
    assert client.get(reverse("admin:notifications_notification_changelist")).status_code == 403


def test_no_page_shows_what_opens_something(dead: Delivery, person: Any) -> None:
    client, channel = panel(person, "admin"), Channel.objects.get()
    AnswerLink.objects.create(delivery=dead, token_hash="f" * 64, expires_at=dead.created_at)
    Channel.objects.update(code_hash="e" * 64)
    for name, pk in (("channel", channel.pk), ("answerlink", dead.pk)):
        page = client.get(reverse(f"admin:notifications_{name}_change", args=[pk])).content
        assert b"f" * 64 not in page
        assert b"e" * 64 not in page
        assert channel.fingerprint.encode() not in page


def test_a_notification_that_could_not_be_shared_out_is_tried_again(
    dead: Delivery, person: Any, service: FakeService
) -> None:
    notification = Notification.objects.get()
    Delivery.objects.all().delete()
    FanOut.objects.create(notification=notification, is_dead=True, last_error="poison")
    assert deliver() == 0
    url = reverse("admin:notifications_fanout_changelist")
    client = panel(person, "admin")
    assert b"poison" in client.get(url).content
    client.post(url, {"action": "try_again", "_selected_action": [str(notification.pk)]})
    assert deliver() == 1
