"""Every write to notifications."""

from notifications.services.log import create_notification, mark_published, notify_user
from notifications.services.memberships import (
    ensure_memberships,
    join_stream,
    leave_stream,
    sync_memberships,
    sync_subscription,
)
from notifications.services.reading import hide, mark_all_read, mark_read, mark_unread, respond

__all__ = [
    "create_notification",
    "ensure_memberships",
    "hide",
    "join_stream",
    "leave_stream",
    "mark_all_read",
    "mark_published",
    "mark_read",
    "mark_unread",
    "notify_user",
    "respond",
    "sync_memberships",
    "sync_subscription",
]
