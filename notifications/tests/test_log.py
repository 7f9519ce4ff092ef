"""Streams: numbers without a gap, nothing told twice, and each person's own part."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Company, User
from kernel import clock
from notifications import handlers, services, tasks
from notifications.models import Membership, Notification, ReadingState, Stream


def titles(user: User) -> list[str]:
    return list(Notification.objects.visible_to(user).order_by("seq").values_list("title", flat=True))


def at_once(count: int, work: Callable[[int], Any]) -> None:
    """Run `work(0..count-1)` in as many threads, all starting together; the first failure is raised."""
    barrier, failures = threading.Barrier(count), []

    def run(number: int) -> None:
        try:
            barrier.wait(10)
            work(number)
        except Exception as error:  # noqa: BLE001  raised again by the thread that waits
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_leave_no_gap_and_no_double(tell: Callable[..., Notification]) -> None:
    at_once(6, lambda writer: [tell("all", f"{writer}.{turn}") for turn in range(8)])
    rows = list(Notification.objects.order_by("seq").values_list("seq", "title"))
    assert [seq for seq, _ in rows] == list(range(1, 49))
    for writer in range(6):
        own = [title for _, title in rows if title.startswith(f"{writer}.")]
        assert own == [f"{writer}.{turn}" for turn in range(8)]
    assert Stream.objects.get(name="all").head == 48


@pytest.mark.django_db(transaction=True)
def test_the_same_thing_told_by_many_at_once_is_told_once(tell: Callable[..., Notification]) -> None:
    told = []
    at_once(5, lambda _: told.append(tell("formula:1", dedup_key="signal:91").pk))
    assert len(set(told)) == 1
    assert Stream.objects.get(name="formula:1").head == Notification.objects.count() == 1


def test_a_sender_s_own_id_is_told_once_in_each_stream(db: None, tell: Callable[..., Notification]) -> None:
    first = tell("role:admin", external_id="notif_1746245726.463395")
    assert tell("role:admin", external_id="notif_1746245726.463395").pk == first.pk
    assert tell("role:user", external_id="notif_1746245726.463395").pk != first.pk
    assert tell("role:admin").seq == 2


def test_a_notification_that_is_rolled_back_leaves_no_gap(db: None, tell: Callable[..., Notification]) -> None:
    tell("all", "first")
    with transaction.atomic():
        tell("all", "never")
        transaction.set_rollback(True)
    assert tell("all", "second").seq == 2


def test_a_seq_cannot_be_given_twice(db: None, tell: Callable[..., Notification]) -> None:
    row = tell("all")
    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.create(stream=row.stream, seq=row.seq, type="info", title="x", text="{}")


def test_who_joins_later_sees_only_what_came_later(
    member: Callable[..., User], tell: Callable[..., Notification]
) -> None:
    ann = member("ann")
    tell("formula:1", "before")
    services.join_stream(user_id=ann.pk, stream_name="formula:1")
    tell("formula:1", "after")
    assert titles(ann) == ["after"]


def test_who_leaves_keeps_what_they_had_and_sees_nothing_later(
    member: Callable[..., User], tell: Callable[..., Notification]
) -> None:
    ann = member("ann")
    services.join_stream(user_id=ann.pk, stream_name="formula:1")
    tell("formula:1", "had")
    services.leave_stream(user_id=ann.pk, stream_name="formula:1")
    tell("formula:1", "missed")
    services.join_stream(user_id=ann.pk, stream_name="formula:1")
    tell("formula:1", "back")
    assert titles(ann) == ["had", "back"]


@pytest.mark.django_db(transaction=True)
def test_joining_twice_at_once_makes_one_membership(member: Callable[..., User]) -> None:
    ann = member("ann")
    at_once(4, lambda _: services.join_stream(user_id=ann.pk, stream_name="formula:1"))
    assert Membership.objects.filter(user=ann, stream__name="formula:1").count() == 1


def test_a_change_of_company_and_role_moves_the_streams(
    member: Callable[..., User], tell: Callable[..., Notification]
) -> None:
    ann = member("ann")
    acme, other = Company.objects.create(slug="acme", name="Acme"), Company.objects.create(slug="other", name="Other")
    for company, role in ((acme, "user"), (other, "operator")):
        User.objects.filter(pk=ann.pk).update(company=company, role=role)
        services.sync_memberships(user_id=ann.pk)
    held = set(Membership.objects.is_open().filter(user=ann).values_list("stream__name", flat=True))
    assert held == {f"user:{ann.pk}", "all", "role:operator", "company:other", "company:other/role:operator"}
    for stream in ("company:acme", "role:user", "company:acme/role:user", "company:other"):
        tell(stream, stream)
    assert titles(ann) == ["company:other"]


def test_bringing_streams_in_line_again_changes_nothing(member: Callable[..., User]) -> None:
    ann = member("ann")
    before = list(Membership.objects.order_by("pk").values())
    services.sync_memberships(user_id=ann.pk)
    assert list(Membership.objects.order_by("pk").values()) == before


def test_a_new_person_has_their_streams_as_soon_as_they_are_registered(
    person: Callable[..., User], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ann = person("ann")
    held = set(Membership.objects.filter(user=ann).values_list("stream__name", flat=True))
    assert held == {f"user:{ann.pk}", "all", "role:user"}


def test_one_row_serves_everybody_and_reading_is_each_one_s_own(
    member: Callable[..., User], tell: Callable[..., Notification]
) -> None:
    ann, ben = member("ann"), member("ben")
    row = tell("all")
    assert not ReadingState.objects.exists()
    assert services.mark_read(user=ann, notification_ids=[row.pk]) == 1
    assert Notification.objects.count() == 1
    assert not Notification.objects.visible_to(ann).unread().exists()
    assert Notification.objects.visible_to(ben).unread().exists()


def test_marking_what_is_not_mine_does_nothing(member: Callable[..., User], tell: Callable[..., Notification]) -> None:
    ann, ben = member("ann"), member("ben")
    row = tell(f"user:{ben.pk}")
    assert services.mark_read(user=ann, notification_ids=[row.pk]) == 0
    assert not ReadingState.objects.exists()


def test_a_notification_taken_back_to_unread_can_be_read_again(
    member: Callable[..., User], tell: Callable[..., Notification]
) -> None:
    ann = member("ann")
    row = tell("all")
    services.mark_read(user=ann, notification_ids=[row.pk])
    services.mark_unread(user=ann, notification=row)
    assert Notification.objects.visible_to(ann).unread().count() == 1
    assert services.mark_all_read(user=ann) == 1
    assert ReadingState.objects.get().read_at is not None


def test_what_a_crash_left_unpublished_is_pushed_once(
    db: None, tell: Callable[..., Notification], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(tasks, "wake_stream", woken.append)
    monkeypatch.setattr(handlers, "wake_stream", lambda stream, *row: woken.append(stream))
    tell("all"), tell("all"), tell("role:admin")
    assert tasks.sweep_unpublished() == 0, "what has just been committed is left to its own handler"
    later = clock.now() + tasks.OVERDUE * 2
    monkeypatch.setattr(clock, "now", lambda: later)
    assert tasks.sweep_unpublished() == 3
    assert sorted(woken) == ["all", "role:admin"]
    assert tasks.sweep_unpublished() == 0


def test_a_notification_is_marked_when_it_has_been_pushed(
    db: None,
    tell: Callable[..., Notification],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(handlers, "wake_stream", lambda stream, *row: woken.append(stream))
    with django_capture_on_commit_callbacks(execute=True):
        row = tell("all")
        assert woken == [], "nothing is pushed that is not committed"
    assert woken == ["all"]
    services.mark_waiting_published()
    row.refresh_from_db()
    assert row.published_at is not None
