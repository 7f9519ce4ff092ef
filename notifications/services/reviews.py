"""Telling applicants what was decided on their identity checks, and forgetting on request why."""

from django.db import transaction

from accounts.models import KycSubmission, User
from kernel.realtime import encode
from notifications.models import Notification, Priority
from notifications.selectors import message_of, stream_of_user
from notifications.services.log import notify_user

_KEY = "kyc:"


@transaction.atomic
def notify_of_review(*, user_id: int, submission_id: int, status: str) -> None:
    """Tell somebody that their identity check was `approved` or `rejected`, and why: once for each decision."""
    # Erasing locks the same row: the reason is told before it and redacted, or not told at all.
    if User.objects.select_for_update(no_key=True).filter(pk=user_id).first() is None:
        return
    reason = KycSubmission.objects.filter(pk=submission_id).values_list("reason", flat=True).first() or ""
    is_approved = status == "approved"
    notify_user(
        user_id=user_id,
        dedup_key=f"{_KEY}{submission_id}:{status}",
        type="kyc",
        priority=Priority.HIGH,
        title="Your identity is confirmed" if is_approved else "Your documents were not accepted",
        message="Your documents were approved." if is_approved else _refusal(reason),
        source="kyc",
        data={"status": status, "reason": reason},
    )


def _refusal(reason: str) -> str:
    return f"{reason.rstrip('.')}. You can hand in new ones." if reason else "You can hand in new ones."


@transaction.atomic
def redact_reviews(*, user_id: int) -> None:
    """Take the reasons out of what somebody was told of their identity checks, in lists and on sockets alike."""
    told = Notification.objects.select_for_update(of=("self",)).select_related("stream")
    for one in told.filter(stream__name=stream_of_user(user_id), dedup_key__startswith=_KEY).order_by("seq"):
        if one.data["reason"]:
            one.message, one.data = _refusal(""), {**one.data, "reason": ""}
            one.text = encode(message_of(one, one.stream))
            one.save(update_fields=["message", "data", "text"])
