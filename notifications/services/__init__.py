"""Every write to notifications."""

from notifications.services.broadcasts import Broadcast, broadcast
from notifications.services.channels import (
    change_channel,
    create_channel,
    delete_channel,
    rotate_secret,
    send_code,
    send_test,
    verify_channel,
)
from notifications.services.deliveries import forget_old_deliveries, retry_deliveries
from notifications.services.log import create_notification, create_notifications, notify_user
from notifications.services.memberships import (
    join_stream,
    leave_stream,
    sync_memberships,
    sync_subscription,
)
from notifications.services.new import NewNotification
from notifications.services.preferences import save_preferences
from notifications.services.published import (
    has_waiting,
    mark_published,
    mark_published_soon,
    mark_waiting_published,
)
from notifications.services.reading import clear_inbox, hide, mark_all_read, mark_read, mark_unread, respond
from notifications.services.receipts import acknowledge, acknowledge_notifications
from notifications.services.retention import forget_before, forget_old_notifications, forget_person
from notifications.services.reviews import notify_of_review, redact_reviews
from notifications.services.summaries import tell_held_back

__all__ = [
    "Broadcast",
    "NewNotification",
    "acknowledge",
    "acknowledge_notifications",
    "broadcast",
    "change_channel",
    "clear_inbox",
    "create_channel",
    "create_notification",
    "create_notifications",
    "delete_channel",
    "forget_before",
    "forget_old_deliveries",
    "forget_old_notifications",
    "forget_person",
    "has_waiting",
    "hide",
    "join_stream",
    "leave_stream",
    "mark_all_read",
    "mark_published",
    "mark_published_soon",
    "mark_read",
    "mark_unread",
    "mark_waiting_published",
    "notify_of_review",
    "notify_user",
    "redact_reviews",
    "respond",
    "retry_deliveries",
    "rotate_secret",
    "save_preferences",
    "send_code",
    "send_test",
    "sync_memberships",
    "sync_subscription",
    "tell_held_back",
    "verify_channel",
]
