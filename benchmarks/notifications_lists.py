"""Lists and figures of notifications in a large table: loads one into PostgreSQL and times what a client asks."""

import argparse
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalbox.settings")

import django

django.setup()

from django.core.management import call_command
from django.db import connection

from accounts.models import User
from benchmarks.report import machine, percentile
from kernel import clock
from notifications import services
from notifications.models import Notification
from notifications.selectors import Inbox, InboxOfKinds, InboxRows, Kinds, count_unread, summarize

FORMULAS = 500
FOLLOWED = 10
KINDS = (("trade_signal", "high"), ("order", "medium"), ("price_alert", "low"))
PAGE = 20


def main() -> None:
    wanted = _arguments()
    if connection.vendor != "postgresql":
        raise SystemExit("set DATABASE_URL to an empty PostgreSQL database")
    call_command("migrate", verbosity=0)
    print(machine())
    if not Notification.objects.exists():
        began = time.monotonic()
        load(wanted.users, wanted.rows)
        print(f"loaded in {time.monotonic() - began:.0f} s")
    measure(wanted.readers, random.Random(7))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="notifications (1,000,000)")
    parser.add_argument("--users", type=int, default=100_000, help="people (100,000)")
    parser.add_argument("--readers", type=int, default=200, help="people who are timed (200)")
    return parser.parse_args()


def load(users: int, rows: int) -> None:
    """People in their own stream, everybody's, their role's and those of ten formulas. Of the rows a fifth each is
    everybody's and the role's, two fifths are the formulas', and the rest are people's own."""
    streams = ["all", "role:user", *(f"formula:{number}" for number in range(1, FORMULAS + 1))]
    streams += [f"user:{number}" for number in range(1, users + 1)]
    heads = _heads(users, rows)
    now = clock.now()
    people = (User(pk=n, email=f"p{n}@example.com", username=f"p{n}", password="!") for n in range(1, users + 1))
    User.objects.bulk_create(people, batch_size=5_000)
    _copy(
        "notifications_stream (id, name, epoch, head, floor, told_at, created_at)",
        ((pk, name, f"{pk:016x}", heads[pk - 1], 0, now, now) for pk, name in enumerate(streams, 1)),
    )
    _copy(
        "notifications_membership (user_id, stream_id, after_seq, read_seq, hidden_seq, created_at)",
        _members(users, now),
    )
    _copy(
        "notifications_kind (stream_id, type, priority)",
        ((pk, *kind) for pk in range(1, len(streams) + 1) for kind in KINDS),
    )
    _copy(
        "notifications_notification (id, stream_id, seq, kind_seq, external_id, dedup_key, type, priority, title, "
        "message, source, data, text, created_at, published_at)",
        _rows(heads, now),
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _heads(users: int, rows: int) -> list[int]:
    """How long each stream is, in the order of the streams."""
    formulas, own = rows * 2 // 5 // FORMULAS, rows // 5
    rest = [own // users + (number < own % users) for number in range(users)]
    return [rows // 5, rows // 5, *([formulas] * FORMULAS), *rest]


def _members(users: int, now: Any) -> Iterator[tuple[Any, ...]]:
    source = random.Random(5)
    for user in range(1, users + 1):
        own = 2 + FORMULAS + user
        for stream in (1, 2, own, *source.sample(range(3, 3 + FORMULAS), FOLLOWED)):
            yield user, stream, 0, 0, 0, now


def _rows(heads: list[int], now: Any) -> Iterator[tuple[Any, ...]]:
    for stream, head in enumerate(heads, 1):
        counts = [0] * len(KINDS)
        for seq in range(1, head + 1):
            number = seq % len(KINDS)
            counts[number] += 1
            at = now - timedelta(seconds=(head - seq) * 7_776_000 / head)
            type, priority = KINDS[number]
            yield (
                uuid.uuid4(), stream, seq, counts[number], "", "", type, priority, f"Notification {seq}",
                "What happened, in a sentence or two of ordinary length.", "formula", "{}", "{}", at, at,
            )  # fmt: skip


def _copy(table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


QUESTIONS: dict[str, Callable[[User], Any]] = {
    "list, first page": lambda user: _page(user, 1),
    "list, 50th page": lambda user: _page(user, 50),
    "list, unread": lambda user: InboxRows(Inbox(user), unread_only=True)[:PAGE],
    "list after a position": lambda user: Inbox(user).narrowed("all", 100_000).page(0, PAGE, oldest_first=True),
    "unread count": count_unread,
    "summary": summarize,
    "list, one type": lambda user: _page_of(user, Kinds(types=frozenset({"order"}))),
    "list, one priority": lambda user: _page_of(user, Kinds(priorities=frozenset({"high"}))),
    "list, one type, unread": lambda user: InboxRows(
        InboxOfKinds(Inbox(user), Kinds(types=frozenset({"order"}))), unread_only=True
    )[:PAGE],
    "mark one read": lambda user: services.mark_read(
        user=user, notification_ids=[row.pk for row in Inbox(user).page(0, 1)]
    ),
    "mark all read": lambda user: services.mark_all_read(user=user),
    "list, unread, after it": lambda user: InboxRows(Inbox(user), unread_only=True)[:PAGE],
}


def _page(user: User, number: int) -> Any:
    inbox = Inbox(user)
    rows = InboxRows(inbox)
    return rows.count(), rows[(number - 1) * PAGE : number * PAGE], inbox.unread()


def _page_of(user: User, kinds: Kinds) -> Any:
    rows = InboxRows(InboxOfKinds(Inbox(user), kinds))
    return rows.count(), rows[:PAGE]


def measure(readers: int, source: random.Random) -> None:
    """Print p50 and p99 of each question, each asked by people of whom none has been asked about before."""
    people = list(User.objects.filter(pk__in=source.sample(range(1, User.objects.count() + 1), readers)))
    print(f"{Notification.objects.count():,} notifications, inboxes of about {Inbox(people[0]).total():,}")
    for name, ask in QUESTIONS.items():
        times = [_milliseconds(ask, user) for user in people]
        print(f"  {name:24} p50 {percentile(times, 0.5):7.2f} ms   p99 {percentile(times, 0.99):7.2f} ms")


def _milliseconds(ask: Callable[[User], Any], user: User) -> float:
    began = time.perf_counter()
    ask(user)
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
