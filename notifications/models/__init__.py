"""The tables of notifications, by what they are about."""

from notifications.models.log import (
    PRIORITY_RANKS,
    Membership,
    Notification,
    NotificationQuerySet,
    Priority,
    ReadingState,
    Stream,
    status_of,
)

__all__ = [
    "PRIORITY_RANKS",
    "Membership",
    "Notification",
    "NotificationQuerySet",
    "Priority",
    "ReadingState",
    "Stream",
    "status_of",
]
