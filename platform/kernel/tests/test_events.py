"""Events: handlers run after commit, and what is durable survives crashes and failures."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.db import transaction

from kernel import clock, events
from kernel.events import Event, on, publish, publish_many, retry_pending, together, within
from kernel.models import Lease, PendingEvent

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Rang(Event):
    times: int


@dataclass(frozen=True)
class RangForSure(Event):
    durable: ClassVar[bool] = True
    times: int


@pytest.fixture(autouse=True)
def _own_handlers(monkeypatch: Any) -> None:
    monkeypatch.setattr(events, "_handlers", {})


heard: list[Any] = []
failures: list[Exception] = []


def listen(event: Any) -> None:
    heard.append(event.times)


def stumble(event: Any) -> None:
    if failures:
        raise failures.pop()
    heard.append(-event.times)


@pytest.fixture(autouse=True)
def _silence() -> None:
    heard.clear()
    failures.clear()


def let_time_pass() -> None:
    PendingEvent.objects.update(run_after=clock.now() - timedelta(seconds=1))


def test_handlers_run_after_commit_and_never_before(django_capture_on_commit_callbacks: Any) -> None:
    on(Rang, listen)
    with django_capture_on_commit_callbacks(execute=True):
        publish(Rang(3))
        assert heard == []
    assert heard == [3]


def test_what_is_rolled_back_was_never_published(django_capture_on_commit_callbacks: Any) -> None:
    on(RangForSure, listen)

    @transaction.atomic
    def ring_and_fail() -> None:
        publish(RangForSure(1))
        raise ZeroDivisionError

    with django_capture_on_commit_callbacks(execute=True), pytest.raises(ZeroDivisionError):
        ring_and_fail()
    assert heard == []
    assert not PendingEvent.objects.exists()


def test_a_failing_handler_does_not_keep_the_others_from_running(django_capture_on_commit_callbacks: Any) -> None:
    on(Rang, stumble, listen)
    failures.append(RuntimeError("no bell"))
    with django_capture_on_commit_callbacks(execute=True):
        publish(Rang(2))
    assert heard == [2]


def test_a_durable_event_leaves_no_row_once_it_is_handled(django_capture_on_commit_callbacks: Any) -> None:
    on(RangForSure, listen)
    with django_capture_on_commit_callbacks(execute=True):
        publish(RangForSure(1))
    assert heard == [1]
    assert not PendingEvent.objects.exists()


def test_a_crash_between_commit_and_handler_loses_nothing() -> None:
    on(RangForSure, listen)
    # The callbacks of this commit are never run: the process is gone.
    publish(RangForSure(7))
    assert retry_pending() == 0, "a row that was just written belongs to the process that wrote it"
    let_time_pass()
    assert retry_pending() == 1
    assert heard == [7]
    assert not PendingEvent.objects.exists()


def test_only_the_handlers_that_failed_run_again(django_capture_on_commit_callbacks: Any) -> None:
    on(RangForSure, listen, stumble)
    failures.append(RuntimeError("once"))
    with django_capture_on_commit_callbacks(execute=True):
        publish(RangForSure(4))
    assert heard == [4]
    let_time_pass()
    retry_pending()
    assert heard == [4, -4]


def test_an_event_that_always_fails_is_put_aside_and_the_next_one_runs() -> None:
    on(RangForSure, stumble)
    publish(RangForSure(1))
    for _ in range(events.MOST_ATTEMPTS):
        failures.append(RuntimeError("always"))
        let_time_pass()
        retry_pending()
    poisoned = PendingEvent.objects.get()
    assert poisoned.is_dead
    assert "always" in poisoned.last_error
    publish(RangForSure(2))
    let_time_pass()
    assert retry_pending() == 1
    assert heard == [-2]


@together
def listen_to_all(events: Any) -> None:
    if failures:
        raise failures.pop()
    heard.append(tuple(event.times for event in events))


def test_what_is_published_together_is_handled_together(django_capture_on_commit_callbacks: Any) -> None:
    on(RangForSure, listen_to_all, listen)
    with django_capture_on_commit_callbacks(execute=True):
        publish_many([RangForSure(1), RangForSure(2), RangForSure(3)])
        assert PendingEvent.objects.count() == 3
    assert heard == [(1, 2, 3), 1, 2, 3]
    assert not PendingEvent.objects.exists()


def test_what_fails_together_is_tried_one_by_one(django_capture_on_commit_callbacks: Any) -> None:
    on(RangForSure, listen_to_all)
    failures.append(ZeroDivisionError())
    with django_capture_on_commit_callbacks(execute=True):
        publish_many([RangForSure(1), RangForSure(2)])
    assert heard == [(1,), (2,)]
    assert not PendingEvent.objects.exists()


def test_one_bad_event_keeps_no_other_back_and_is_tried_again(django_capture_on_commit_callbacks: Any) -> None:
    on(RangForSure, listen_to_all)
    failures.extend([ZeroDivisionError("alone"), ZeroDivisionError("together")])
    with django_capture_on_commit_callbacks(execute=True):
        publish_many([RangForSure(1), RangForSure(2)])
    assert heard == [(2,)]
    assert PendingEvent.objects.get().payload == {"times": 1}
    let_time_pass()
    assert retry_pending() == 1
    assert heard == [(2,), (1,)]


def test_a_great_many_are_handled_in_parts(
    django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_TOGETHER", 2)
    on(RangForSure, listen_to_all)
    with django_capture_on_commit_callbacks(execute=True):
        publish_many([RangForSure(number) for number in range(5)])
    assert heard == [(0, 1), (2, 3), (4,)]


@within
def note(events: Any) -> None:
    for event in events:
        Lease.objects.create(name=f"noted {event.times}", expires_at=clock.now())
    if failures:
        raise failures.pop()
    heard.append(sum(event.times for event in events))


def noted() -> list[str]:
    return list(Lease.objects.order_by("name").values_list("name", flat=True))


def test_what_is_done_within_is_part_of_what_happened() -> None:
    on(RangForSure, note)
    with transaction.atomic():
        publish_many([RangForSure(1), RangForSure(2)])
        assert heard == [3]
    assert noted() == ["noted 1", "noted 2"]
    assert not PendingEvent.objects.exists(), "nothing is left to do after the commit"

    @transaction.atomic
    def ring_and_fail() -> None:
        publish(RangForSure(3))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ring_and_fail()
    assert noted() == ["noted 1", "noted 2"]


def test_the_others_run_after_the_commit_as_ever(django_capture_on_commit_callbacks: Any) -> None:
    on(RangForSure, note, listen)
    with django_capture_on_commit_callbacks(execute=True):
        publish(RangForSure(5))
        assert heard == [5]
        assert PendingEvent.objects.get().handlers == ["kernel.tests.test_events.listen"]
    assert heard == [5, 5]


def test_what_fails_within_is_taken_back_and_tried_again(django_capture_on_commit_callbacks: Any) -> None:
    on(RangForSure, note)
    failures.append(RuntimeError("no pencil"))
    with django_capture_on_commit_callbacks(execute=True):
        publish(RangForSure(6))
        assert (noted(), heard) == ([], [])
        assert PendingEvent.objects.get().handlers == ["kernel.tests.test_events.note"]
    assert (noted(), heard) == (["noted 6"], [6])
    assert not PendingEvent.objects.exists()


def test_what_failed_within_survives_a_crash() -> None:
    on(RangForSure, note)
    failures.append(RuntimeError("no pencil"))
    # The callbacks of this commit are never run: the process is gone.
    publish(RangForSure(7))
    let_time_pass()
    assert retry_pending() == 1
    assert (noted(), heard) == (["noted 7"], [7])
