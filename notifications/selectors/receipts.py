"""Receipts: how far a notification has come, counted for its sender, and in person for who got it."""

from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from kernel.permissions import Person
from notifications.delivery import channel_receipts
from notifications.errors import NotificationNotFound
from notifications.models import Membership, Notification, ReadingState, Receipt
from notifications.selectors.inboxes import find_first, inbox, outbox


def recipients_of(notification: Notification) -> QuerySet[Membership]:
    """A membership for each person to whom `notification` is addressed and whose account is in use."""
    memberships = Membership.objects.filter(stream_id=notification.stream_id, user__is_active=True)
    return memberships.reaching(notification.seq)


def count_recipients(notification: Notification) -> int:
    return recipients_of(notification).count()


def receipts_of_sender(notification: Notification) -> dict[str, int]:
    """`{recipients, delivered, read, responded}`: how many people. Whoever has read it has received it."""
    states = ReadingState.objects.filter(user_id=OuterRef("user_id"), notification_id=notification.pk)
    received = Receipt.objects.filter(
        user_id=OuterRef("user_id"), stream_id=notification.stream_id, delivered_seq__gte=notification.seq
    )
    is_read = Q(has_read=True) | (Q(read_seq__gte=notification.seq) & Q(has_kept_unread=False))
    found = recipients_of(notification).annotate(
        has_received=Exists(received) | Exists(states.filter(delivered_at__isnull=False)),
        has_read=Exists(states.filter(read_at__isnull=False)),
        has_kept_unread=Exists(states.filter(kept_unread=True)),
        has_responded=Exists(states.filter(responded_at__isnull=False)),
    )
    return found.aggregate(
        recipients=Count("pk"),
        delivered=Count("pk", filter=Q(has_received=True) | is_read),
        read=Count("pk", filter=is_read),
        responded=Count("pk", filter=Q(has_responded=True)),
    )


def receipts_of_recipient(user: Person, notification: Any) -> dict[str, datetime | None]:
    """`{delivered_at, read_at, responded_at}` of `user` alone; `notification` is one of their inbox.

    `delivered_at` is when they last acknowledged a position at or after it, or this very one.
    """
    state = ReadingState.objects.filter(user_id=user.pk, notification_id=notification.pk).first()
    received = Receipt.objects.filter(
        user_id=user.pk, stream_id=notification.stream_id, delivered_seq__gte=notification.seq
    ).first()
    delivered_at = (state and state.delivered_at) or (received and received.delivered_at)
    return {
        "delivered_at": delivered_at or None,
        "read_at": notification.read_at,
        "responded_at": notification.responded_at,
    }


def find_receipts(user: Person, key: str) -> dict[str, Any]:
    """`{sent, own}` of the notification that `user` has sent or got; raises `NotificationNotFound` where neither."""
    own = find_first(inbox(user), key)
    sent = own if own and own.sender_id == user.pk else find_first(outbox(user), key)
    if sent is None and own is None:
        raise NotificationNotFound
    counts = sent and {**receipts_of_sender(sent), "channels": channel_receipts(sent)}
    return {"sent": counts, "own": own and receipts_of_recipient(user, own)}
