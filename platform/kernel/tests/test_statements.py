"""A statement finds what its queryset would, whatever values it is given."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models import BigAutoField, CharField, DateTimeField, UUIDField

from kernel.models import Job, PendingEvent
from kernel.statements import Change, Given, GivenMany, PairAmong, Statement, carry_out, inserting

pytestmark = pytest.mark.django_db

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
COLUMNS = ("name", "payload", "is_dead", "run_after")
CALLED = Statement(
    lambda: PendingEvent.objects.filter(name=Given("name", CharField()), is_dead=False).order_by("-pk"), *COLUMNS
)


@pytest.fixture
def _events() -> None:
    for number in range(5):
        PendingEvent.objects.create(name="a" if number < 4 else "b", payload={"n": number}, run_after=AT)


@pytest.mark.usefixtures("_events")
def test_rows_have_python_s_values_in_the_order_of_the_columns() -> None:
    assert CALLED.rows(name="b") == [("b", {"n": 4}, False, AT)]
    assert CALLED.first(name="a") == ("a", {"n": 3}, False, AT)
    assert CALLED.first(name="c") is None


@pytest.mark.usefixtures("_events")
def test_it_is_cut_and_counted_as_a_queryset_is() -> None:
    found = PendingEvent.objects.filter(name="a").order_by("-pk").values_list(*COLUMNS)
    for limit, offset in ((2, 0), (2, 1), (9, 3), (2, 9)):
        assert CALLED.rows(name="a", limit=limit, offset=offset) == list(found[offset : offset + limit])
    assert (CALLED.count(name="a"), CALLED.count(name="c")) == (4, 0)


@pytest.mark.usefixtures("_events")
def test_a_value_is_never_read_as_sql() -> None:
    assert CALLED.rows(name="a' OR 'a' = 'a") == []


def test_a_value_takes_the_form_of_its_column() -> None:
    job = Job.objects.create(kind="sum", parameters={"n": [1]}, run_after=AT)
    by_id = Statement(lambda: Job.objects.filter(pk=Given("id", UUIDField())), "pk", "owner__username", "parameters")
    assert by_id.rows(id=job.pk) == [(job.pk, None, {"n": [1]})]
    assert by_id.rows(id=uuid4()) == []


def test_rows_are_written_and_changed_as_the_orm_would() -> None:
    job = Job(kind="sum", parameters={"text": "a'b; DROP"}, run_after=AT)
    other = Job(kind="other", run_after=AT)
    moved = Change(
        lambda: Job.objects.filter(pk=Given("id", UUIDField())),
        message=Given("message", CharField()), lease_until=Given("until", DateTimeField()), attempts=3,
    )  # fmt: skip
    with transaction.atomic():
        carry_out([inserting(job), inserting(other), moved.command(id=job.pk, message="now", until=AT)])
    found = Job.objects.get(pk=job.pk)
    assert (found.parameters, found.message, found.lease_until, found.attempts) == (job.parameters, "now", AT, 3)
    assert (found.status, found.created_at, found.result) == (job.status, job.created_at, None)
    untouched = Job.objects.get(pk=other.pk)
    assert (untouched.message, untouched.attempts) == ("", 0)


def test_what_is_carried_out_together_fails_together() -> None:
    job = Job(kind="sum")
    with pytest.raises(IntegrityError), transaction.atomic():
        carry_out([inserting(job), inserting(job)])
    assert not Job.objects.exists()


@pytest.mark.usefixtures("_events")
def test_many_values_are_found_by_one_parameter() -> None:
    all_ids = list(PendingEvent.objects.order_by("pk").values_list("pk", flat=True))
    some = [all_ids[0], all_ids[3], 10**12]
    found = PendingEvent.objects.filter(pk__among=some).order_by("pk")
    assert list(found.values_list("pk", flat=True)) == [all_ids[0], all_ids[3]]
    assert PendingEvent.objects.filter(name__among=["b", "a' OR 'a' = 'a"]).count() == 1
    assert not PendingEvent.objects.filter(pk__among=[]).exists()
    by_ids = Statement(lambda: PendingEvent.objects.filter(pk__among=GivenMany("ids", BigAutoField())), "pk")
    assert [by_ids.rows(ids=ids) for ids in (all_ids[:1], [], {all_ids[4]})] == [
        [(all_ids[0],)],
        [],
        [(all_ids[4],)],
    ]
    change = Change(lambda: PendingEvent.objects.filter(pk__among=GivenMany("ids", BigAutoField())), attempts=2,
                    run_after=Given("at", DateTimeField()))  # fmt: skip
    with transaction.atomic():
        carry_out([change.command(ids=all_ids[:2], at=AT)])
    assert list(PendingEvent.objects.order_by("pk").values_list("attempts", flat=True)) == [2, 2, 0, 0, 0]


@pytest.mark.usefixtures("_events")
def test_pairs_are_found_as_pairs() -> None:
    first, *_, last = PendingEvent.objects.order_by("pk").values_list("pk", flat=True)
    found = Statement(lambda: PendingEvent.objects.filter(PairAmong("pk", "name", "pairs"), is_dead=False), "pk")
    assert found.rows(pairs=[(first, "a"), (last, "a"), (10**12, "b")]) == [(first,)]
    assert sorted(found.rows(pairs=[(first, "a"), (last, "b")])) == [(first,), (last,)]
    assert found.rows(pairs=[(first, "a' OR 'a' = 'a")]) == []
