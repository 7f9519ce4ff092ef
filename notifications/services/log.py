"""The log: adding to a stream, and remembering what has been pushed."""

import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

from kernel import clock
from kernel.events import publish
from kernel.realtime import encode
from notifications.events import NotificationCreated
from notifications.models import Notification, Priority, Stream
from notifications.selectors import message_of, stream_of_user
from notifications.services.memberships import find_or_begin_stream, join_stream


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
    find_or_begin_stream(name)
    return streams.get(name=name)


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
