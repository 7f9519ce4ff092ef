"""The tables of notifications, by what they are about."""

from notifications.models.channels import Channel, ChannelStatus, Preferences
from notifications.models.delivery import AnswerLink, Delivery, DeliveryPurpose, DeliveryState, FanOut
from notifications.models.log import (
    PRIORITY_RANKS,
    HeldBack,
    Kind,
    Notification,
    NotificationQuerySet,
    Priority,
    Stream,
)
from notifications.models.readers import (
    Membership,
    ReadingState,
    ReadingStateQuerySet,
    ReadMark,
    Receipt,
    status_of,
)

__all__ = [
    "PRIORITY_RANKS",
    "AnswerLink",
    "Channel",
    "ChannelStatus",
    "Delivery",
    "DeliveryPurpose",
    "DeliveryState",
    "FanOut",
    "HeldBack",
    "Kind",
    "Membership",
    "Notification",
    "NotificationQuerySet",
    "Preferences",
    "Priority",
    "ReadMark",
    "ReadingState",
    "ReadingStateQuerySet",
    "Receipt",
    "Stream",
    "status_of",
]
