"""What notifications do when something happens below them."""

from decimal import Decimal
from typing import Any

from accounts.events import KycReviewed, UserChanged, UserRegistered
from formulas.events import AlertRaised, SignalRaised, SubscriptionChanged
from kernel import clock
from kernel.realtime import wake_stream
from notifications import services
from notifications.events import NotificationCreated
from notifications.models import Priority
from notifications.selectors import stream_of_formula

LONGEST_TITLE = 200


def notify_subscribers(event: SignalRaised) -> None:
    """Tell a formula's subscribers of its signal: one row, once for each signal however often this runs."""
    title = f"{event.side.upper()} {event.symbol} at {_plain(event.price)}"
    services.create_notification(
        stream_name=stream_of_formula(event.formula_id),
        dedup_key=f"signal:{event.signal_id}",
        type="trade_signal",
        priority=Priority.HIGH,
        title=title[:LONGEST_TITLE],
        message=_message(event),
        source="formula",
        symbol=event.symbol,
        data={
            "signal_id": event.signal_id,
            "formula_id": event.formula_id,
            "formula_name": event.formula_name,
            "deployment_id": event.deployment_id,
            "side": event.side,
            "price": float(event.price),
            "resolution": event.resolution,
            "bar_time": clock.isoformat(clock.from_epoch(event.bar_time)),
            "reason": event.reason,
        },
    )


def notify_of_alert(event: AlertRaised) -> None:
    """Tell a formula's subscribers of its alert: one row, once for each bar and number."""
    title = f"Alert {event.number:g} on {event.symbol} at {_plain(event.price)}"
    text = f"{event.formula_name} gave alert {event.number:g} on {event.symbol} ({event.resolution})"
    services.create_notification(
        stream_name=stream_of_formula(event.formula_id),
        dedup_key=f"alert:{event.deployment_id}:{event.bar_time}:{event.number:g}",
        type="price_alert",
        title=title[:LONGEST_TITLE],
        message=_with_reason(text, event.reason),
        source="formula",
        symbol=event.symbol,
        data={
            "formula_id": event.formula_id,
            "formula_name": event.formula_name,
            "deployment_id": event.deployment_id,
            "number": event.number,
            "price": float(event.price),
            "resolution": event.resolution,
            "bar_time": clock.isoformat(clock.from_epoch(event.bar_time)),
        },
    )


def _message(event: SignalRaised) -> str:
    text = f"{event.formula_name} says {event.side} {event.symbol} ({event.resolution}) at {_plain(event.price)}"
    return _with_reason(text, event.reason)


def _with_reason(text: str, reason: list[dict[str, Any]]) -> str:
    why = ", ".join(_said(item) for item in reason)
    return f"{text}: {why}." if why else f"{text}."


def _said(item: dict[str, Any]) -> str:
    """One value that explains a signal; a condition that holds needs no value beside it."""
    text, value = str(item["expression"]), item.get("value")
    if value is None or isinstance(value, bool):
        return text
    return f"{text} = {value:.6g}" if isinstance(value, int | float) else f"{text} = {value}"


def _plain(price: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    return f"{price.normalize():f}"


def tell_of_review(event: KycReviewed) -> None:
    """Tell an applicant what was decided on their identity check, and why: once for each decision."""
    if event.status == "approved":
        title, message = "Your identity is confirmed", "Your documents were approved."
    else:
        title, message = "Your documents were not accepted", f"{event.reason.rstrip('.')}. You can hand in new ones."
    services.notify_user(
        user_id=event.user_id,
        dedup_key=f"kyc:{event.submission_id}:{event.status}",
        type="kyc",
        priority=Priority.HIGH,
        title=title,
        message=message,
        source="kyc",
        data={"status": event.status, "reason": event.reason},
    )


def follow_subscription(event: SubscriptionChanged) -> None:
    """Let a subscriber into the formula's stream, or out of it."""
    services.sync_subscription(user_id=event.user_id, formula_id=event.formula_id)


def join_own_streams(event: UserRegistered) -> None:
    """Address to a new person what is theirs by who they are."""
    services.sync_memberships(user_id=event.user_id)


def move_streams(event: UserChanged) -> None:
    """Follow a change of role or company."""
    services.sync_memberships(user_id=event.user_id)


def push_to_sockets(event: NotificationCreated) -> None:
    """Wake those who follow the stream; they read the row themselves."""
    wake_stream(event.stream)
    services.mark_published(notification_ids=[event.notification_id])
