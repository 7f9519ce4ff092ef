"""Every write to notifications: adding to a stream, joining and leaving one, reading and answering."""

import secrets
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts.models import User
from formulas.models import Subscription
from kernel import clock
from kernel.events import publish
from kernel.permissions import Person
from kernel.realtime import encode, refresh_sockets
from notifications.events import NotificationCreated
from notifications.models import Membership, Notification, Priority, ReadingState, Stream
from notifications.selectors import EVERYBODY, message_of, stream_of_formula, stream_of_user, streams_by_position

BATCH = 500
EPOCH_BYTES = 8


@transaction.atomic
def create_notification(
    *,
    stream_name: str,
    type: str,
    title: str,
    message: str,
    priority: str = Priority.MEDIUM,
    source: str = "",
    symbol: str | None = None,
    topic: str | None = None,
    confidence_score: Decimal | None = None,
    urgency_score: Decimal | None = None,
    promise_score: Decimal | None = None,
    data: Mapping[str, Any] | None = None,
    sender_id: int | None = None,
    external_id: str = "",
    dedup_key: str = "",
) -> Notification:
    """Add one row to the stream, which begins to exist where it does not yet.

    What the stream has already told under the same `dedup_key` or `external_id` is answered with the row of then.
    Scores are 0 to 100; `data` is plain JSON.
    """
    stream = _lock_stream(stream_name)
    if told := _told_before(stream, external_id, dedup_key):
        return told
    stream.head += 1
    notification = Notification(
        stream=stream,
        seq=stream.head,
        type=type,
        title=title,
        message=message,
        priority=priority,
        source=source,
        symbol=symbol,
        topic=topic,
        confidence_score=confidence_score,
        urgency_score=urgency_score,
        promise_score=promise_score,
        data=dict(data or {}),
        sender_id=sender_id,
        external_id=external_id,
        dedup_key=dedup_key,
    )
    notification.text = encode(message_of(notification, stream))
    notification.save(force_insert=True)
    stream.save(update_fields=["head"])
    publish(NotificationCreated(str(notification.pk), stream.name, notification.seq))
    return notification


def _lock_stream(name: str) -> Stream:
    """The stream's row, held until the end of the transaction: its next number is ours alone."""
    # Not a full lock: those who join meanwhile only refer to the row and need not wait.
    streams = Stream.objects.select_for_update(no_key=True)
    if stream := streams.filter(name=name).first():
        return stream
    _find_or_begin(name)
    return streams.get(name=name)


def _find_or_begin(name: str) -> Stream:
    return Stream.objects.get_or_create(name=name, defaults={"epoch": secrets.token_hex(EPOCH_BYTES)})[0]


def _told_before(stream: Stream, external_id: str, dedup_key: str) -> Notification | None:
    same = Q()
    if external_id:
        same |= Q(external_id=external_id)
    if dedup_key:
        same |= Q(dedup_key=dedup_key)
    return stream.notifications.filter(same).first() if same else None


@transaction.atomic
def notify_user(*, user_id: int, **fields: Any) -> Notification:
    """Add a notification to somebody's own stream; `fields` as in `create_notification`."""
    stream_name = stream_of_user(user_id)
    join_stream(user_id=user_id, stream_name=stream_name, from_start=True)
    return create_notification(stream_name=stream_name, **fields)


def mark_published(*, notification_ids: Iterable[uuid.UUID | str]) -> int:
    """Remember that the sockets have been woken for these rows; the number that was new."""
    rows = Notification.objects.filter(pk__in=list(notification_ids), published_at__isnull=True)
    return rows.update(published_at=clock.now())


@transaction.atomic
def join_stream(*, user_id: int, stream_name: str, from_start: bool = False) -> bool:
    """Address what the stream tells from now on (or has ever told) to the person; whether that is new."""
    stream = _find_or_begin(stream_name)
    _, is_new = Membership.objects.get_or_create(
        user_id=user_id, stream=stream, until_seq=None, defaults={"after_seq": 0 if from_start else stream.head}
    )
    if is_new:
        _refresh(user_id)
    return is_new


@transaction.atomic
def leave_stream(*, user_id: int, stream_name: str) -> bool:
    """Address nothing later to the person: what was theirs stays theirs. Whether they were in it."""
    head = Stream.objects.filter(pk=OuterRef("stream_id")).values("head")
    memberships = Membership.objects.is_open().filter(user_id=user_id, stream__name=stream_name)
    has_left = memberships.update(until_seq=Subquery(head)) > 0
    if has_left:
        _refresh(user_id)
    return has_left


def _refresh(user_id: int) -> None:
    transaction.on_commit(partial(refresh_sockets, f"user:{user_id}"), robust=True)


@transaction.atomic
def sync_memberships(*, user_id: int) -> None:
    """Bring the person's streams in line with who they are now: own, everybody's, role, company."""
    user = _lock_person(user_id)
    if user is None:
        return
    wanted = streams_by_position(user)
    by_position = (
        Q(stream__name__in=[stream_of_user(user_id), EVERYBODY])
        | Q(stream__name__startswith="role:")
        | Q(stream__name__startswith="company:")
    )
    held = set(Membership.objects.is_open().filter(by_position, user_id=user_id).values_list("stream__name", flat=True))
    for name in sorted(held - wanted):
        leave_stream(user_id=user_id, stream_name=name)
    for name in sorted(wanted - held):
        join_stream(user_id=user_id, stream_name=name, from_start=name == stream_of_user(user_id))


@transaction.atomic
def sync_subscription(*, user_id: int, formula_id: int) -> None:
    """Bring the person in or out of the formula's stream, as their subscription says now.

    The table is asked, not the event: events that are tried again come out of order.
    """
    if _lock_person(user_id) is None:
        return
    follows = Subscription.objects.filter(user_id=user_id, formula_id=formula_id, is_active=True, notify=True).exists()
    move = join_stream if follows else leave_stream
    move(user_id=user_id, stream_name=stream_of_formula(formula_id))


def _lock_person(user_id: int) -> User | None:
    """The person's row as it is now; two changes of one person's streams come one after the other."""
    people: QuerySet[User] = User.objects.select_for_update(of=("self",), no_key=True)
    return people.filter(pk=user_id).first()


def ensure_memberships(*, user_id: int) -> None:
    """Make up for an account that was made without a word, such as one from the command line."""
    own = Membership.objects.is_open().filter(user_id=user_id, stream__name=EVERYBODY)
    if not own.exists():
        sync_memberships(user_id=user_id)


@transaction.atomic
def mark_read(*, user: Person, notification_ids: Iterable[uuid.UUID]) -> int:
    """Mark those of the notifications that are `user`'s and unread; how many those were."""
    wanted = Notification.objects.visible_to(user).unread().filter(pk__in=list(notification_ids))
    return _read(user, list(wanted.values_list("pk", flat=True)))


@transaction.atomic
def mark_all_read(*, user: Person) -> int:
    """Mark the whole inbox of `user`; how many were unread."""
    unread = list(Notification.objects.visible_to(user).unread().order_by("pk").values_list("pk", flat=True))
    return sum(_read(user, unread[start : start + BATCH]) for start in range(0, len(unread), BATCH))


def _read(user: Person, notification_ids: list[uuid.UUID]) -> int:
    now = clock.now()
    touched = ReadingState.objects.filter(user_id=user.pk, notification_id__in=notification_ids)
    # In this order: a row that another request makes in between is updated, not passed over.
    ReadingState.objects.bulk_create(
        [ReadingState(user_id=user.pk, notification_id=pk, read_at=now) for pk in notification_ids],
        ignore_conflicts=True,
    )
    touched.filter(read_at__isnull=True).update(read_at=now)
    return len(notification_ids)


@transaction.atomic
def mark_unread(*, user: Person, notification: Notification) -> None:
    """Take the mark back; what was answered stays read."""
    states = ReadingState.objects.filter(user_id=user.pk, notification=notification)
    states.filter(responded_at__isnull=True).update(read_at=None)


@transaction.atomic
def respond(*, user: Person, notification: Notification, response: str, note: str = "") -> None:
    """Answer a notification of `user`'s, which reads it as well; a later answer takes the place of an earlier."""
    state = _own_state(user, notification)
    now = clock.now()
    state.response, state.note, state.responded_at = response, note, now
    state.read_at = state.read_at or now
    state.save()


@transaction.atomic
def hide(*, user: Person, notification: Notification) -> None:
    """Take a notification of `user`'s out of their inbox; others keep it, and the stream keeps its numbers."""
    state = _own_state(user, notification)
    state.hidden = True
    state.save(update_fields=["hidden"])


def _own_state(user: Person, notification: Notification) -> ReadingState:
    states = ReadingState.objects.select_for_update()
    return states.get_or_create(user_id=user.pk, notification=notification)[0]
