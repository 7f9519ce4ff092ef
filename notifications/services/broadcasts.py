"""Telling many: one row for an audience, whoever and however many belong to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts.models import User
from kernel import audit
from notifications.models import Notification
from notifications.selectors import count_recipients
from notifications.services.log import create_notification


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What was told, and how many people belong to its audience."""

    notification: Notification
    recipients: int


@transaction.atomic
def broadcast(
    *, sender: User, stream_name: str, external_id: str = "", posted: Mapping[str, Any] | None = None, **values: Any
) -> Broadcast:
    """Tell everybody in the stream, and write down who did; `values` as in `NewNotification`.

    The same `external_id` is told once: its repeat changes nothing and is answered with what was told then.
    """
    is_repeat = _was_told(stream_name, external_id)
    notification = create_notification(
        stream_name=stream_name,
        external_id=external_id,
        posted=posted,
        sender_id=sender.pk,
        source="broadcast",
        **values,
    )
    told = Broadcast(notification, count_recipients(notification))
    if not is_repeat:
        detail = {"notification": str(notification.pk), "title": notification.title, "recipients": told.recipients}
        audit.record("notification.broadcast", actor=sender, target=f"stream:{stream_name}", detail=detail)
    return told


def _was_told(stream_name: str, external_id: str) -> bool:
    if not external_id:
        return False
    return Notification.objects.filter(stream__name=stream_name, external_id=external_id).exists()
