"""Receipts: what somebody's devices say that they have received."""

import uuid
from collections.abc import Iterable

from django.db import transaction

from kernel import clock
from kernel.errors import Invalid
from kernel.permissions import Person
from notifications.errors import StreamForbidden
from notifications.models import Notification, ReadingState, Receipt, Stream
from notifications.services.reading import Place, touch


@transaction.atomic
def acknowledge(*, user: Person, stream_name: str, seq: int) -> bool:
    """Note that everything of the stream up to `seq` has arrived; false where that was known.

    One row for each person and stream. Raises `StreamForbidden` where nothing of it is addressed to `user`, and
    `Invalid` for a position that it has not reached.
    """
    stream = Stream.objects.filter(name=stream_name, memberships__user_id=user.pk).distinct().first()
    if stream is None:
        raise StreamForbidden(errors={"stream": [f"{stream_name[:100]} is not addressed to you"]})
    if seq > stream.head:
        raise Invalid.field("seq", f"The stream has come to {stream.head}.")
    now, own = clock.now(), Receipt.objects.filter(user_id=user.pk, stream=stream)
    if own.filter(delivered_seq__lt=seq).update(delivered_seq=seq, delivered_at=now):
        return True
    first = {"delivered_seq": seq, "delivered_at": now}
    _, is_new = own.get_or_create(user_id=user.pk, stream=stream, defaults=first)
    # Of two first ones at once the lower may have been written.
    return is_new or own.filter(delivered_seq__lt=seq).update(**first) > 0


@transaction.atomic
def acknowledge_notifications(*, user: Person, notification_ids: Iterable[uuid.UUID]) -> int:
    """Note that these have arrived, those of them that are `user`'s; how many were not known to have."""
    wanted = Notification.objects.visible_to(user).filter(pk__in=list(notification_ids))
    places = [Place(*row) for row in wanted.values_list("pk", "stream_id", "seq")]
    touch(user, places)
    touched = ReadingState.objects.filter(user_id=user.pk, notification_id__in=[place.pk for place in places])
    return touched.filter(delivered_at__isnull=True).update(delivered_at=clock.now())
