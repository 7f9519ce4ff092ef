"""What a page of notifications costs does not grow with the table: the plans say so, and so do the queries."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Upper
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from accounts.models import User
from notifications import services
from notifications.models import Stream
from notifications.selectors import Inbox, InboxOfKinds, Kinds, count_unread, find_notification, inbox, summarize
from notifications.tests.conftest import join

pytestmark = pytest.mark.django_db

MANY = 600
URL = "/api/v1/notifications"

Member = Callable[..., User]


@pytest.fixture(scope="module")
def crowd(shared_rows: None, django_db_blocker: DjangoDbBlocker) -> int:
    with django_db_blocker.unblock():
        return in_a_crowd(join("ann"))


@pytest.fixture
def ann(db: None, crowd: int) -> User:
    return User.objects.get(pk=crowd)


def in_a_crowd(ann: User) -> int:
    """Their streams are long, the table is longer, and they have read and hidden this and that."""
    for stream in ("all", "role:user", *(f"formula:{number}" for number in range(4))):
        _fill(stream, MANY // 6)
    for number in range(2):
        services.join_stream(user_id=ann.pk, stream_name=f"formula:{number}")
        _fill(f"formula:{number}", 40)
    _fill("all", 60)
    newest = Inbox(ann).page(0, 10)
    services.mark_read(user=ann, notification_ids=[row.pk for row in newest[:4]])
    services.hide(user=ann, notification=newest[5])
    services.mark_all_read(user=ann)
    _fill("all", 50)
    services.mark_unread(user=ann, notification=newest[7])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return int(ann.pk)


def _fill(stream: str, count: int) -> None:
    new = [
        services.NewNotification(stream_name=stream, type="info", title=f"n{number}", message="m")
        for number in range(count)
    ]
    services.create_notifications(new=new)


ASKED: dict[str, Callable[[User], Any]] = {
    "a page": lambda user: Inbox(user).page(0, 20),
    "the third page": lambda user: Inbox(user).page(40, 60),
    "the oldest": lambda user: Inbox(user).page(0, 20, oldest_first=True),
    "unread": lambda user: Inbox(user).page(0, 20, unread_only=True),
    "of one type": lambda user: list(InboxOfKinds(Inbox(user), Kinds(types=frozenset({"info"}))).page(0, 20)),
    "unread of one priority": lambda user: list(
        InboxOfKinds(Inbox(user), Kinds(priorities=frozenset({"medium"}))).page(0, 20, unread_only=True)
    ),
    "of a topic": lambda user: list(inbox(user).filter(topic="releases")[:20]),
    "of a symbol": lambda user: list(inbox(user).alias(capitals=Upper("symbol")).filter(capitals="ACME")[:20]),
    "after a position": lambda user: Inbox(user).narrowed("all", 100).page(0, 20, oldest_first=True),
    "the unread count": count_unread,
    "the summary": summarize,
    "reading one": lambda user: services.mark_read(
        user=user, notification_ids=[find_notification(user, str(Inbox(user).page(0, 1)[0].pk)).pk]
    ),
    "reading it all": lambda user: services.mark_all_read(user=user),
    "clearing it": lambda user: services.clear_inbox(user=user),
}


@pytest.mark.parametrize("asked", sorted(ASKED))
def test_no_question_reads_the_whole_table(ann: User, asked: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        ASKED[asked](ann)
    about = [one["sql"] for one in captured if "notifications_notification" in one["sql"] and "SELECT" in one["sql"]]
    with without_small_table_scans():
        scanned = [sql for sql in about if sql.startswith("SELECT") and _scans(sql)]
    assert scanned == []


@contextmanager
def without_small_table_scans() -> Iterator[None]:
    """A table of a few pages is quicker read whole; what matters is that the plan need not."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    yield


def _scans(sql: str) -> bool:
    explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
    with connection.cursor() as cursor:
        cursor.execute(explain + sql.replace("%", "%%") if connection.vendor == "postgresql" else explain + sql)
        lines = [" ".join(str(cell) for cell in row) for row in cursor.fetchall()]
    if connection.vendor == "postgresql":
        return any("Seq Scan on notifications_notification" in line for line in lines)
    return any("SCAN notifications_notification" in line for line in lines)


def test_the_plans_are_looked_at_in_earnest(ann: User) -> None:
    with without_small_table_scans():
        assert _scans('SELECT count(title) FROM "notifications_notification"')


@pytest.mark.parametrize(
    "query", ["", "?unread_only=true", "?page=5&size=50", "?stream=all&after_seq=10", "?type=info"]
)
def test_a_list_takes_few_queries_however_much_there_is(
    ann: User, client_of: Callable[[Any], APIClient], query: str
) -> None:
    api = client_of(ann)
    with CaptureQueriesContext(connection) as captured:
        assert api.get(f"{URL}/{query}").status_code == 200
    assert len(captured) <= 6


def test_a_page_sorts_no_more_rows_than_it_could_need(ann: User) -> None:
    """Not the inbox of hundreds: of each of its streams as many as the page has, and those touched one by one."""
    with CaptureQueriesContext(connection) as captured:
        Inbox(ann).page(0, 20)
    (sql,) = [one["sql"] for one in captured if '"notifications_notification"."title"' in one["sql"]]
    unlimited = sql[: sql.rindex(" LIMIT ")]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({unlimited}) AS page")
        (considered,) = cursor.fetchone()
    streams = Stream.objects.filter(memberships__user=ann).count()
    assert 20 <= considered <= streams * 26 < Inbox(ann).total()


def test_an_unread_count_and_reading_it_all_take_the_same_queries_in_any_inbox(member: Member, ann: User) -> None:
    ben = member("ben")

    def queries(ask: Callable[[User], Any], user: User) -> int:
        with CaptureQueriesContext(connection) as captured:
            ask(user)
        return len(captured)

    for ask in (count_unread, lambda user: services.mark_all_read(user=user), summarize):
        assert queries(ask, ann) - queries(ask, ben) in range(4), "none for each notification"


def test_polling_goes_on_where_it_was(ann: User, client_of: Callable[[Any], APIClient]) -> None:
    api = client_of(ann)
    head = Stream.objects.get(name="all").head
    _fill("all", 3)
    body = api.get(f"{URL}/?stream=all&after_seq={head}&ordering=created_at").data
    assert [row["seq"] for row in body["results"]] == [head + 1, head + 2, head + 3]
    assert body["total"] == 3
    assert api.get(f"{URL}/?stream=all&after_seq={head + 3}").data["total"] == 0
    assert api.get(f"{URL}/?stream=formula:3").data["total"] == 0, "a stream of others is an empty one"
    for wrong in ("after_seq=-1", "after_seq=x", "after_seq=1.5", f"after_seq={2**63}", f"stream={'x' * 201}"):
        answer = api.get(f"{URL}/?{wrong}")
        assert (answer.status_code, list(answer.data["errors"])) == (400, [wrong.split("=")[0]]), wrong
