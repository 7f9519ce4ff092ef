"""What people do with their notifications: read, answer, hide."""

import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import transaction

from kernel import clock
from kernel.events import publish
from kernel.permissions import Person
from notifications.events import InboxChanged
from notifications.models import Membership, Notification, ReadingState, ReadMark
from notifications.selectors import Inbox

BATCH = 500


class Place(NamedTuple):
    """Which row of which stream a notification is."""

    pk: uuid.UUID
    stream_id: int
    seq: int


@transaction.atomic
def mark_read(*, user: Person, notification_ids: Iterable[uuid.UUID]) -> int:
    """Mark those of the notifications that are `user`'s and unread; how many those were."""
    wanted = Notification.objects.visible_to(user).unread().filter(pk__in=list(notification_ids))
    places = [Place(*row) for row in wanted.values_list("pk", "stream_id", "seq")]
    now = clock.now()
    touch(user, places)
    touched = ReadingState.objects.filter(user_id=user.pk, notification_id__in=[place.pk for place in places])
    touched.filter(read_at__isnull=True).update(read_at=now, kept_unread=False)
    if places:
        publish(InboxChanged(user.pk, "read", tuple(str(place.pk) for place in places)))
    return len(places)


def touch(user: Person, places: Sequence[Place]) -> None:
    """Make sure that there is a state of `user`'s for each of these rows; callers update it afterwards.

    In this order, a row that another request makes in between is updated and not passed over.
    """
    ReadingState.objects.bulk_create(
        [
            ReadingState(user_id=user.pk, notification_id=place.pk, stream_id=place.stream_id, seq=place.seq)
            for place in places
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def mark_all_read(*, user: Person) -> int:
    """Mark the whole inbox of `user`, a stream at a time however much is in it; how many were unread."""
    memberships = _lock_memberships(user)
    count, now = Inbox(user).unread(), clock.now()
    behind = [one for one in memberships if one.read_seq < _end_of(one)]
    for one in behind:
        one.read_seq = _end_of(one)
    Membership.objects.bulk_update(behind, ["read_seq"], batch_size=BATCH)
    marks = (ReadMark(user_id=user.pk, stream_id=one.stream_id, through_seq=one.read_seq, at=now) for one in behind)
    ReadMark.objects.bulk_create(marks, ignore_conflicts=True)
    ReadingState.objects.filter(user_id=user.pk, kept_unread=True).update(kept_unread=False, read_at=now)
    publish(InboxChanged(user.pk, "read"))
    return count


@transaction.atomic
def clear_inbox(*, user: Person) -> int:
    """Take everything out of the inbox of `user`, a stream at a time; how many notifications that was."""
    memberships = _lock_memberships(user)
    count = Inbox(user).total()
    full = [one for one in memberships if one.hidden_seq < _end_of(one)]
    for one in full:
        one.hidden_seq = _end_of(one)
    Membership.objects.bulk_update(full, ["hidden_seq"], batch_size=BATCH)
    publish(InboxChanged(user.pk, "hidden"))
    return count


def _lock_memberships(user: Person) -> list[Membership]:
    memberships = Membership.objects.select_for_update(of=("self",), no_key=True).select_related("stream")
    return list(memberships.filter(user_id=user.pk).order_by("pk"))


def _end_of(membership: Membership) -> int:
    return membership.stream.head if membership.until_seq is None else membership.until_seq


@transaction.atomic
def mark_unread(*, user: Person, notification: Notification) -> None:
    """Take the mark back; what was answered stays read."""
    state = _own_state(user, notification)
    if state.responded_at is None:
        state.read_at, state.kept_unread = None, True
        state.save(update_fields=["read_at", "kept_unread"])
        publish(InboxChanged(user.pk, "unread", (str(notification.pk),)))


@transaction.atomic
def respond(*, user: Person, notification: Notification, response: str, note: str = "") -> None:
    """Answer a notification of `user`'s, which reads it as well; a later answer takes the place of an earlier."""
    state = _own_state(user, notification)
    now = clock.now()
    state.response, state.note, state.responded_at = response, note, now
    # Read as a whole with its stream is read: the state says so itself from now on.
    state.read_at, state.kept_unread = state.read_at or getattr(notification, "read_at", None) or now, False
    state.save()
    publish(InboxChanged(user.pk, "responded", (str(notification.pk),), response))


@transaction.atomic
def hide(*, user: Person, notification: Notification) -> None:
    """Take a notification of `user`'s out of their inbox; others keep it, and the stream keeps its numbers."""
    state = _own_state(user, notification)
    state.hidden = True
    state.save(update_fields=["hidden"])
    publish(InboxChanged(user.pk, "hidden", (str(notification.pk),)))


def _own_state(user: Person, notification: Notification) -> ReadingState:
    place = {"stream_id": notification.stream_id, "seq": notification.seq}
    states = ReadingState.objects.select_for_update()
    return states.get_or_create(user_id=user.pk, notification=notification, defaults=place)[0]
