"""A new notification to oneself, for the short way to it."""

from typing import Any

from rest_framework.exceptions import ParseError, ValidationError

from kernel.api.parsers import read_json, text_limit
from kernel.api.renderers import encoder
from kernel.api.shortcuts import NotPlain, Question, Shortcut
from notifications import selectors, services
from notifications.api.serializers import NotificationWriteSerializer
from notifications.api.views import NotificationViewSet

# It keeps nothing of what it reads; to make one takes longer than to read with it.
_reader = NotificationWriteSerializer()


def new_notification(question: Question) -> dict[str, Any]:
    """What is to be told to whom; raises `NotPlain` where something is wrong or somebody else is to be told."""
    try:
        fields: dict[str, Any] = _reader.run_validation(read_json(question.body, text_limit(NotificationViewSet)))
    except (ParseError, ValidationError):
        raise NotPlain from None
    if fields.pop("user_id") not in {None, question.user.pk}:
        raise NotPlain
    return {"user_id": question.user.pk, "sender_id": question.user.pk, **fields}


def tell(values: dict[str, Any]) -> bytes:
    """Write it down and push it; the answer of `POST notifications`."""
    notification = services.notify_user(**values)
    return encoder.encode(selectors.message_of(notification, notification.stream).payload)


NOTIFICATION = Shortcut(NotificationViewSet, new_notification, tell, status=201)
