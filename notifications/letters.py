"""What is said to a channel: the words of a notification, of a digest, of a code and of a test."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings

from kernel import clock
from notifications.channels import Letter
from notifications.models import PRIORITY_RANKS, Notification

ANSWERABLE = {"trade_signal", "combined_signal"}
MOST_IN_TEXT = 30  # of a digest; a machine gets them all


def can_be_answered(notification: Notification) -> bool:
    """Whether a yes or no means something: to a signal, and to what its sender marked as `answerable`."""
    return notification.type in ANSWERABLE or notification.data.get("answerable") is True


def notification_letter(id: str, notification: Notification, answer_url: str = "") -> Letter:
    """One notification; `data` is as REST shows it before anybody has touched it."""
    return Letter(
        id=id,
        kind="notification",
        title=notification.title,
        text=notification.message,
        sent_at=_now(),
        priority=notification.priority,
        data=_data(notification),
        url=settings.PUBLIC_BASE_URL,
        answer_url=answer_url,
    )


def digest_letter(id: str, notifications: Sequence[Notification]) -> Letter:
    """Several at once, the most urgent first; each by itself is in `data`."""
    count = len(notifications)
    first = sorted(notifications, key=lambda one: -PRIORITY_RANKS[one.priority])
    lines = [f"{' '.join(one.title.split())}\n{one.message}".strip() for one in first[:MOST_IN_TEXT]]
    if count > MOST_IN_TEXT:
        lines.append(f"And {count - MOST_IN_TEXT} more.")
    return Letter(
        id=id,
        kind="digest",
        title=f"{count} notifications" if count > 1 else notifications[0].title,
        text="\n\n".join(lines),
        sent_at=_now(),
        priority=first[0].priority,
        data={"notifications": [_data(one) for one in notifications]},
        url=settings.PUBLIC_BASE_URL,
    )


def verification_letter(id: str, code: str) -> Letter:
    """The code that proves who reads here."""
    return Letter(
        id=id,
        kind="verification",
        title=f"{code} is your code",
        text=f"Enter {code} within 15 minutes to get your notifications here. If you did not ask for it, do nothing.",
        sent_at=_now(),
        priority="high",
        data={"code": code},
    )


def sample_letter(id: str) -> Letter:
    """Something to see whether it arrives."""
    text = "This is a test. Notifications will reach you here."
    return Letter(
        id=id, kind="test", title="It works", text=text, sent_at=_now(), data={"message": text},
        url=settings.PUBLIC_BASE_URL,
    )  # fmt: skip


def _data(notification: Notification) -> dict[str, Any]:
    message: dict[str, Any] = msgspec.json.decode(notification.text)
    payload: dict[str, Any] = message["payload"]
    return payload


def _now() -> str:
    return clock.isoformat(clock.now())
