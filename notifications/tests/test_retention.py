"""What is too old goes, what is left keeps its numbers, and what is held back is told as one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import delete_user
from formulas.models import Formula
from kernel import clock
from notifications import handlers, services
from notifications.models import HeldBack, Membership, Notification, ReadingState, ReadMark, Stream
from notifications.selectors import streams_of
from notifications.services import retention
from notifications.tests.test_signals import follow, signal

pytestmark = pytest.mark.django_db

V1 = "/api/v1/notifications"

ClientOf = Callable[[Any], APIClient]
Member = Callable[..., User]
Tell = Callable[..., Notification]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`later(days=2)` moves the clock on."""

    def move(**span: float) -> None:
        moment = clock.now() + timedelta(**span)
        monkeypatch.setattr(clock, "now", lambda: moment)

    return move


def test_old_notifications_go_and_the_others_keep_their_numbers(
    member: Member, tell: Tell, client_of: ClientOf, later: Callable[..., None], settings: Any
) -> None:
    settings.NOTIFICATION_RETENTION_DAYS = 30
    ann = member("ann")
    old = [tell("all", f"old {number}") for number in range(4)]
    services.mark_read(user=ann, notification_ids=[old[0].pk])
    services.hide(user=ann, notification=old[1])
    services.mark_all_read(user=ann)
    services.mark_unread(user=ann, notification=old[2])
    later(days=31)
    tell("all", "new")
    assert services.forget_old_notifications() == 4
    assert services.forget_old_notifications() == 0
    stream = Stream.objects.get(name="all")
    assert (stream.floor, stream.head) == (4, 5)
    assert not ReadingState.objects.exists()
    assert not ReadMark.objects.exists()
    body = client_of(ann).get(f"{V1}/").data
    assert ([row["title"] for row in body["results"]], body["total"], body["unread_count"]) == (["new"], 1, 1)
    assert client_of(ann).get(f"{V1}/stats/summary").data["by_type"] == {"info": 1}
    assert tell("all").seq == 6


def test_a_position_before_the_floor_cannot_be_resumed(member: Member, tell: Tell, later: Callable[..., None]) -> None:
    ann = member("ann")
    for _ in range(3):
        tell("all")
    later(days=400)
    tell("all")
    services.forget_old_notifications()
    stream = streams_of(ann.pk)["all"]
    assert [stream.is_forgotten(seq) for seq in (0, 2, 3, 4)] == [True, True, False, False]


def test_many_old_notifications_go_in_batches(
    member: Member, tell: Tell, later: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    for number in range(8):
        tell("all", f"{number}")
        tell("role:user", f"{number}")
    later(days=400)
    assert services.forget_old_notifications() == 16
    assert {stream.floor for stream in Stream.objects.filter(name__in=["all", "role:user"])} == {8}


def test_clearing_takes_everything_out_of_ones_own_inbox(member: Member, tell: Tell, client_of: ClientOf) -> None:
    ann, ben = member("ann"), member("ben")
    row = tell("all", "before")
    api = client_of(ann)
    assert api.delete(f"{V1}/").status_code == 204
    assert (api.get(f"{V1}/").data["total"], api.get(f"{V1}/").data["unread_count"]) == (0, 0)
    assert api.get(f"{V1}/{row.pk}").status_code == 404
    assert api.get(f"{V1}/stats/summary").data["total"] == 0
    assert client_of(ben).get(f"{V1}/{row.pk}").status_code == 200
    tell("all", "after")
    assert [row["title"] for row in api.get(f"{V1}/").data["results"]] == ["after"]
    assert client_of(None).delete(f"{V1}/").status_code == 401


def test_an_export_has_ones_own_notifications_a_line_each(
    member: Member, tell: Tell, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.selectors.inboxes.EXPORTED_AT_ONCE", 2)
    ann, ben = member("ann"), member("ben")
    rows = [tell("all", f"n{number}") for number in range(5)]
    tell(f"user:{ben.pk}", "SECRET-OF-BEN")
    services.hide(user=ann, notification=rows[3])
    services.mark_read(user=ann, notification_ids=[rows[0].pk])
    answer = client_of(ann).get(f"{V1}/export")
    lines = [msgspec.json.decode(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert [(line["title"], line["status"]) for line in lines] == [
        ("n0", "read"), ("n1", "unread"), ("n2", "unread"), ("n4", "unread"),
    ]  # fmt: skip
    assert lines[0] == msgspec.json.decode(client_of(ann).get(f"{V1}/{rows[0].pk}").content)
    assert answer["Content-Type"] == "application/x-ndjson"
    assert client_of(None).get(f"{V1}/export").status_code == 401


def test_an_account_that_is_deleted_takes_its_notifications_along(
    member: Member, tell: Tell, django_capture_on_commit_callbacks: Any
) -> None:
    ann, ben = member("ann"), member("ben")
    shared = tell("all")
    services.notify_user(user_id=ann.pk, type="info", title="private", message="x")
    for user in (ann, ben):
        services.mark_read(user=user, notification_ids=[shared.pk])
        services.acknowledge(user=user, stream_name="all", seq=1)
    user_id = ann.pk
    with django_capture_on_commit_callbacks(execute=True):
        delete_user(user=ann)
    assert not Stream.objects.filter(name=f"user:{user_id}").exists()
    assert not Membership.objects.filter(user_id=user_id).exists()
    assert list(Notification.objects.values_list("title", flat=True)) == ["Hello"]
    assert ReadingState.objects.get().user_id == ben.pk


@pytest.fixture
def formula(person: Callable[..., User]) -> Formula:
    return Formula.objects.create(author=person("author"), name="Noisy")


def titles(user: User) -> list[str]:
    return list(Notification.objects.visible_to(user).order_by("seq").values_list("title", flat=True))


def test_a_formula_that_says_too_much_is_told_as_one_summary_a_minute(
    formula: Formula, member: Member, later: Callable[..., None], settings: Any
) -> None:
    settings.FORMULA_NOTIFICATIONS_PER_MINUTE = 3
    ann = member("ann")
    follow(ann, formula)
    events = [signal(formula, signal_id=number) for number in range(8)]
    handlers.notify_subscribers.all(events[:5])
    for event in events[5:]:
        handlers.notify_subscribers(event)
    assert len(titles(ann)) == 3
    assert HeldBack.objects.count() == 5
    assert services.tell_held_back() == 0, "the minute is not over"
    later(seconds=61)
    assert services.tell_held_back() == 1
    assert services.tell_held_back() == 0
    assert titles(ann)[3:] == ["5 more signals"]
    summary = Notification.objects.get(type="signal_summary")
    assert summary.data == {"formula_id": formula.pk, "count": 5}
    handlers.notify_subscribers.all(events)
    assert len(titles(ann)) == 4, "what was held back is not told again"
    handlers.notify_subscribers(signal(formula, signal_id=100))
    assert len(titles(ann)) == 5, "and a new minute has room again"


def test_a_noisy_formula_does_not_hold_back_others(formula: Formula, member: Member, settings: Any) -> None:
    settings.FORMULA_NOTIFICATIONS_PER_MINUTE = 2
    ann, quiet = member("ann"), Formula.objects.create(author=formula.author, name="Quiet")
    follow(ann, formula)
    follow(ann, quiet)
    noise = [signal(formula, signal_id=number) for number in range(5)]
    handlers.notify_subscribers.all([*noise, signal(quiet, signal_id=50)])
    assert Notification.objects.filter(stream__name=f"formula:{quiet.pk}").count() == 1
    assert Notification.objects.count() == 3
