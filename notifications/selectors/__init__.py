"""Reading notifications, by what is asked."""

from notifications.selectors.inboxes import (
    Inbox,
    InboxRows,
    as_new,
    count_unread,
    find_notification,
    inbox,
)
from notifications.selectors.kinds import InboxOfKinds, Kinds, summarize
from notifications.selectors.receipts import count_recipients, find_receipts
from notifications.selectors.streams import (
    EVERYBODY,
    Addressed,
    NotificationStreams,
    message_of,
    stream_of_company,
    stream_of_formula,
    stream_of_role,
    stream_of_user,
    streams_by_position,
    streams_of,
    streams_of_people,
)

__all__ = [
    "EVERYBODY",
    "Addressed",
    "Inbox",
    "InboxOfKinds",
    "InboxRows",
    "Kinds",
    "NotificationStreams",
    "as_new",
    "count_recipients",
    "count_unread",
    "find_notification",
    "find_receipts",
    "inbox",
    "message_of",
    "stream_of_company",
    "stream_of_formula",
    "stream_of_role",
    "stream_of_user",
    "streams_by_position",
    "streams_of",
    "streams_of_people",
    "summarize",
]
