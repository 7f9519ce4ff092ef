"""What people do with their notifications: read, answer, hide."""

import uuid
from collections.abc import Iterable

from django.db import transaction

from kernel import clock
from kernel.permissions import Person
from notifications.models import Notification, ReadingState

BATCH = 500


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
