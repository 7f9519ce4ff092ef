"""Many rows are written as the ORM would write them one by one."""

import gc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.forms import model_to_dict

from kernel import memory
from kernel.bulk import AT_ONCE, changing_all, insert_all, insert_new, inserting_all
from kernel.models import Job, PendingEvent, RememberedAnswer
from kernel.statements import carry_out

pytestmark = pytest.mark.django_db

AT = datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def event(number: int) -> PendingEvent:
    return PendingEvent(name=f"it's {number}", payload={"n": [number, None]}, attempts=number % 3, run_after=AT)


def values(row: Any) -> dict[str, Any]:
    return {**model_to_dict(row), "pk": row.pk}


@pytest.mark.parametrize("count", [1, 3, AT_ONCE + 2])
def test_rows_without_keys_get_theirs_in_order(count: int) -> None:
    rows = [event(number) for number in range(count)]
    insert_all(rows)
    found = {row.pk: row for row in PendingEvent.objects.all()}
    assert len(found) == count
    assert [values(row) for row in rows] == [values(found[row.pk]) for row in rows]
    assert [found[row.pk].name for row in rows] == [f"it's {number}" for number in range(count)]
    rows[0].name = "another"
    rows[0].save()
    assert PendingEvent.objects.count() == count, "a row that was written is changed by its save"


@pytest.mark.parametrize("count", [1, AT_ONCE + 2])
def test_rows_with_keys_keep_theirs(count: int) -> None:
    rows = [Job(kind="sum", parameters={"n": number}, run_after=AT) for number in range(count)]
    carry_out(inserting_all(rows))
    assert {row.pk: row.parameters["n"] for row in Job.objects.all()} == {
        row.pk: number for number, row in enumerate(rows)
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        carry_out(inserting_all([rows[0]]))


def test_rows_are_changed_each_in_its_own_way_and_no_other() -> None:
    rows = [event(number) for number in range(4)]
    insert_all(rows)
    for number, row in enumerate(rows):
        row.attempts, row.run_after, row.name = 7 + number, AT + timedelta(days=number), "not written"
    carry_out(changing_all(rows[:3], ["run_after", "attempts"]))
    found = PendingEvent.objects.order_by("pk").values_list("name", "attempts", "run_after")
    assert list(found) == [
        *((f"it's {number}", 7 + number, AT + timedelta(days=number)) for number in range(3)),
        ("it's 3", 0, AT),
    ]


def test_nothing_is_written_where_there_is_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        insert_all([])
        assert insert_new([], ["name"]) == []
        carry_out([*inserting_all([]), *changing_all([], ["name"])])


def test_what_a_constraint_keeps_out_is_left_out() -> None:
    user = get_user_model().objects.create(username="ann", email="ann@example.com")

    def answer(key: str) -> RememberedAnswer:
        return RememberedAnswer(user=user, method="POST", route="r", key=key, body_hash="h")

    first, *others = [answer(key) for key in ("a", "b", "c", "b")]
    insert_all([first])
    new = insert_new([answer("a"), *others], ["key", "route"])
    assert [row.key for row in new[:2]] == ["b", "c"]
    found = dict(RememberedAnswer.objects.values_list("key", "pk"))
    assert found == {"a": first.pk, **{row.key: row.pk for row in new}}
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_new([RememberedAnswer(user=user, method=None, route="r", key="d", body_hash="h")], ["key"])


def test_what_is_settled_is_out_of_the_collectors_way() -> None:
    try:
        kept = [[number] for number in range(10_000)]
        before = gc.get_freeze_count()
        newcomers = memory.Newcomers(2)
        newcomers.add(1)
        newcomers.settle()
        assert gc.get_freeze_count() == before, "a few are not worth a pause"
        newcomers.add(1)
        newcomers.settle()
        assert gc.get_freeze_count() >= len(kept)
    finally:
        gc.unfreeze()
