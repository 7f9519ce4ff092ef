"""Letting go of what is too old, and of what belonged to somebody who is gone."""

from datetime import datetime, timedelta
from itertools import takewhile

from django.conf import settings
from django.db import transaction

from kernel import clock
from notifications.models import Notification, ReadingState, ReadMark, Stream
from notifications.selectors import stream_of_user

BATCH = 500
# So that one round of housekeeping ends; the next goes on.
MOST_BATCHES = 1_000


def forget_old_notifications() -> int:
    """Delete what is older than `NOTIFICATION_RETENTION_DAYS`, stream by stream from its beginning; how many rows."""
    before = clock.now() - timedelta(days=settings.NOTIFICATION_RETENTION_DAYS)
    old = Notification.objects.filter(created_at__lt=before).order_by("created_at").values_list("stream_id", flat=True)
    count = 0
    for _ in range(MOST_BATCHES):
        deleted = sum(forget_before(stream_id=pk, moment=before) for pk in set(old[:BATCH]))
        if not deleted:
            break
        count += deleted
    return count


@transaction.atomic
def forget_before(*, stream_id: int, moment: datetime) -> int:
    """Delete the first rows of the stream that are older than `moment`, a batch at most; how many.

    What is left keeps its numbers, and the stream's `floor` says where they begin.
    """
    stream = Stream.objects.select_for_update(no_key=True).get(pk=stream_id)
    first = stream.notifications.filter(seq__gt=stream.floor).order_by("seq").values_list("pk", "seq", "created_at")
    old = list(takewhile(lambda row: row[2] < moment, first[:BATCH]))
    if not old:
        return 0
    stream.floor = old[-1][1]
    stream.save(update_fields=["floor"])
    ReadMark.objects.filter(stream=stream, through_seq__lte=stream.floor).delete()
    ReadingState.objects.filter(stream=stream, seq__lte=stream.floor).delete()
    Notification.objects.filter(pk__in=[pk for pk, _, _ in old]).delete()
    return len(old)


@transaction.atomic
def forget_person(*, user_id: int) -> None:
    """Delete the own stream of somebody whose account is gone; what they did with others' went with the account."""
    stream = Stream.objects.select_for_update().filter(name=stream_of_user(user_id)).first()
    if stream:
        stream.notifications.all().delete()
        stream.delete()
