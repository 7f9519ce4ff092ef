"""From a notification to its readers' channels: to each once, whatever fails, dies or is slow on the way."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from kernel import clock
from notifications import delivery, services
from notifications.channels import DeliveryFailed
from notifications.delivery import channel_receipts
from notifications.models import Channel, Delivery, FanOut, Membership, Notification
from notifications.services import deliveries, fan_out
from notifications.tests.fake_services import WEBHOOK, FakeService, Mood
from notifications.tests.sending import deliver

pytestmark = pytest.mark.django_db

Tell = Callable[..., Notification]


@pytest.fixture
def longest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every random wait is as long as it can be."""
    monkeypatch.setattr(deliveries.random, "random", lambda: 1.0)


def test_a_notification_reaches_each_channel_of_each_reader_once(
    member: Callable[..., User], service: FakeService, webhook: Any, tell: Tell
) -> None:
    ann, ben, stranger = member("ann"), member("ben"), member("stranger")
    for user in (ann, ben):
        services.join_stream(user_id=user.pk, stream_name="formula:1")
        for number in range(2):
            webhook(user, f"{service.url}{WEBHOOK}?{number}")
    webhook(stranger)
    notification = tell("formula:1", "once")
    assert deliver() == 4
    FanOut.objects.create(notification=notification)
    assert deliver() == 0, "shared out again, it is the same"
    assert len(service.heard) == 4
    assert {one.headers["webhook-id"] for one in service.heard} == {one.pk.hex for one in Delivery.objects.all()}
    assert channel_receipts(notification) == {"webhook": {"queued": 0, "sent": 0, "delivered": 4, "failed": 0}}
    assert not FanOut.objects.exists()


def test_who_left_or_came_later_gets_nothing(
    member: Callable[..., User], service: FakeService, webhook: Any, tell: Tell
) -> None:
    early, late = member("early"), member("late")
    services.join_stream(user_id=early.pk, stream_name="formula:1")
    services.leave_stream(user_id=early.pk, stream_name="formula:1")
    for user in (early, late):
        webhook(user, f"{service.url}{WEBHOOK}?{user.pk}")
    tell("formula:1")
    services.join_stream(user_id=late.pk, stream_name="formula:1")
    assert deliver() == 0


def test_a_closed_account_gets_nothing(ann: User, webhook: Any, tell: Tell) -> None:
    webhook(ann)
    tell(f"user:{ann.pk}")
    fan_out.expand_fan_outs()
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert deliver() == 0
    assert Delivery.objects.get().state == "failed"


def test_a_broadcast_costs_what_its_channels_cost_not_what_its_readers_do(
    ann: User, webhook: Any, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FEW", 10)

    def cost(title: str) -> int:
        tell("all", title)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            fan_out.expand_fan_outs()
        return len(queries)

    webhook(ann)
    few = cost("to one")
    stream = Membership.objects.filter(stream__name="all").first().stream  # type: ignore[union-attr]
    people = User.objects.bulk_create(User(username=f"u{n}", email=f"u{n}@example.com") for n in range(200))
    Membership.objects.bulk_create(Membership(user=one, stream=stream, after_seq=0) for one in people)
    Channel.objects.bulk_create(
        Channel(user=one, kind="webhook", address="x", fingerprint=str(one.pk), verified_at=clock.now())
        for one in people[:50]
    )
    assert cost("to many") <= few + 2
    assert Delivery.objects.filter(notification__title="to many").count() == 51


def test_channels_of_people_who_do_not_read_a_big_stream_are_passed_over(
    member: Callable[..., User], service: FakeService, webhook: Any, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FEW", 1)
    monkeypatch.setattr(fan_out, "PAGE", 2)
    for number in range(12):
        user = member(f"u{number}")
        webhook(user, f"{service.url}{WEBHOOK}?{number}")
        if number in {3, 8, 10}:
            services.join_stream(user_id=user.pk, stream_name="formula:1")
    tell("formula:1")
    assert deliver() == 3
    assert {one.path for one in service.heard} == {f"{WEBHOOK}?{number}" for number in (3, 8, 10)}


def test_where_nobody_has_a_channel_a_notification_leaves_nothing_behind(ann: User, tell: Tell) -> None:
    for number in range(5):
        tell("all", str(number))
    with CaptureQueriesContext(connection) as queries:
        assert fan_out.expand_fan_outs() == 5
    assert len(queries) <= 5
    assert not FanOut.objects.exists()
    assert not Delivery.objects.exists()


def test_a_fan_out_that_was_cut_short_goes_on_where_it_was(
    member: Callable[..., User], webhook: Any, service: FakeService, tell: Tell, at: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(fan_out, "PAGE", 1)
    for name in ("a", "b", "c"):
        webhook(member(name), f"{service.url}{WEBHOOK}?{name}")
    tell("all")
    real, calls = fan_out._queue_page, []

    def breaks(row: FanOut, page: Any) -> None:
        calls.append(page)
        if len(calls) == 2:
            raise RuntimeError("the power went")
        real(row, page)

    monkeypatch.setattr(fan_out, "_queue_page", breaks)
    fan_out.expand_fan_outs()
    assert (Delivery.objects.count(), "power" in FanOut.objects.get().last_error) == (1, True)
    assert fan_out.expand_fan_outs() == 0, "not before its lease is over"
    at(minutes=2)
    assert fan_out.expand_fan_outs() == 1
    assert Delivery.objects.count() == 3


def test_one_that_cannot_be_shared_out_is_put_aside_and_the_others_go_on(
    ann: User, webhook: Any, tell: Tell, at: Any, monkeypatch: Any
) -> None:
    webhook(ann)
    bad = tell("all", "bad")
    real = fan_out.addressed_channels

    def poisoned(notification: Notification, **fields: Any) -> Any:
        if notification.pk == bad.pk:
            raise ValueError("poison")
        return real(notification, **fields)

    monkeypatch.setattr(fan_out, "addressed_channels", poisoned)
    for number in range(3):
        tell("all", f"good {number}")
        fan_out.expand_fan_outs()
        at(minutes=2)
    left = FanOut.objects.get()
    assert (left.notification_id, left.is_dead, left.attempts) == (bad.pk, True, 3)
    assert "poison" in left.last_error
    assert Delivery.objects.count() == 3


def test_a_failure_is_tried_again_after_growing_waits_and_given_up_after_six(
    ann: User, service: FakeService, webhook: Any, tell: Tell, at: Any, longest_waits: None
) -> None:
    webhook(ann)
    tell(f"user:{ann.pk}")
    service.mood = Mood(500)
    waits = []
    for attempt in range(1, 7):
        assert deliver() == 0
        row = Delivery.objects.get()
        assert (row.attempts, row.reason) == (attempt, "It answered 500.")
        if row.state == "queued":
            waits.append(round((row.due_at - clock.now()).total_seconds()))
            assert deliver() == 0, "not a moment earlier"
            assert len(service.heard) == attempt
            at(seconds=3600)
    assert waits == [30, 60, 120, 240, 480]
    assert (row.state, len(service.heard)) == ("dead", 6)
    assert len({one.headers["webhook-id"] for one in service.heard}) == 1
    service.mood = Mood()
    assert services.retry_deliveries(delivery_ids=[row.pk]) == 1
    assert deliver() == 1


def test_waits_are_spread_over_their_whole_length() -> None:
    waits = [deliveries._wait(4, DeliveryFailed("x")).total_seconds() for _ in range(500)]
    assert min(waits) < 24 < 216 < max(waits) <= 240


def test_a_receiver_that_asks_for_time_gets_it_for_everything(
    ann: User, service: FakeService, webhook: Any, tell: Tell, at: Any
) -> None:
    webhook(ann)
    for number in range(3):
        tell(f"user:{ann.pk}", str(number))
    service.mood = Mood(429, {"Retry-After": "300"})
    deliver()
    assert len(service.heard) == 1
    at(seconds=290)
    assert deliver() == 0
    service.mood = Mood()
    at(seconds=20)
    assert deliver() == 3
    assert len(service.heard) == 4


def test_what_is_refused_for_good_is_not_tried_again_and_holds_up_nothing(
    ann: User, service: FakeService, tell: Tell
) -> None:
    channel, _ = services.create_channel(user=ann, kind="ntfy", config={"server": service.url, "topic": "x"})
    channel.deliveries.all().delete()
    Channel.objects.update(verified_at=clock.now())
    tell(f"user:{ann.pk}", "refused")
    service.mood = Mood(400)
    deliver()
    service.mood = Mood()
    tell(f"user:{ann.pk}", "taken")
    deliver()
    assert dict(Delivery.objects.values_list("notification__title", "state")) == {"refused": "failed", "taken": "sent"}


def test_an_address_that_is_gone_is_switched_off_with_all_that_waits(
    ann: User, service: FakeService, webhook: Any, tell: Tell
) -> None:
    channel = webhook(ann)
    for number in range(3):
        tell(f"user:{ann.pk}", str(number))
    service.mood = Mood(410)
    deliver()
    channel.refresh_from_db()
    assert (channel.is_enabled, channel.last_error) == (False, "It answered 410.")
    assert set(Delivery.objects.values_list("state", flat=True)) == {"failed"}
    assert len(service.heard) == 1


def test_a_channel_that_keeps_failing_is_left_alone_and_comes_back_by_itself(
    ann: User, service: FakeService, webhook: Any, tell: Tell, at: Any, longest_waits: None
) -> None:
    channel = webhook(ann)
    service.mood = Mood(503)
    for number in range(20):
        tell(f"user:{ann.pk}", str(number))
    for _ in range(20):
        deliver()
        at(seconds=1)
    assert len(service.heard) == deliveries.FAILURES_TO_PAUSE, "not one try for each that waits"
    channel.refresh_from_db()
    assert channel.paused_until > clock.now()
    service.mood = Mood()
    at(hours=1)
    assert deliver() == 20
    channel.refresh_from_db()
    assert (channel.failures, channel.paused_until, channel.last_error) == (0, None, "")


def test_old_deliveries_are_forgotten_and_those_on_their_way_are_not(ann: User, webhook: Any, at: Any) -> None:
    channel = webhook(ann)
    for state in ("sent", "delivered", "failed", "dead", "queued"):
        Delivery.objects.create(channel=channel, recipient=ann, kind="webhook", purpose="test", state=state)
    at(days=31)
    assert services.forget_old_deliveries() == 2
    at(days=60)
    assert services.forget_old_deliveries() == 2
    assert list(Delivery.objects.values_list("state").annotate(Count("pk"))) == [("queued", 1)]
