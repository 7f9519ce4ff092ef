"""What notifications do when something happens below them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from accounts.events import KycErased, KycReviewed, UserChanged, UserDeleted, UserRegistered
from datafeed.events import FeedFell, FeedRecovered
from formulas.events import AlertRaised, SignalRaised, SubscriptionChanged
from kernel import clock
from kernel.events import together, within
from kernel.permissions import OPERATOR
from kernel.realtime import push, wake_stream
from notifications import services
from notifications.events import InboxChanged, NotificationCreated
from notifications.messages import INBOX_TOPIC, ChangedPayload, NotificationsChanged
from notifications.models import Priority
from notifications.selectors import stream_of_formula, stream_of_role

LONGEST_TITLE = 200


@within
def notify_subscribers(events: Sequence[SignalRaised]) -> None:
    """Tell formulas' subscribers of their signals: one row, once for each signal however often this runs."""
    services.create_notifications(new=[_of_signal(event) for event in events])


def _of_signal(event: SignalRaised) -> services.NewNotification:
    title = f"{event.side.upper()} {event.symbol} at {_price(event)}"
    return services.NewNotification(
        stream_name=stream_of_formula(event.formula_id),
        dedup_key=f"signal:{event.signal_id}",
        most_a_minute=settings.FORMULA_NOTIFICATIONS_PER_MINUTE,
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


def tell_operators_of_feed(event: FeedFell | FeedRecovered) -> None:
    """Tell operators that a market data provider has fallen silent or failed, and that it is back."""
    fell = isinstance(event, FeedFell)
    at = f"{clock.from_epoch(event.since):%Y-%m-%d %H:%M:%S} UTC"
    services.create_notification(
        stream_name=stream_of_role(OPERATOR),
        dedup_key=f"feed:{event.provider}:{event.since}:{'fell' if fell else 'back'}",
        type="system_status",
        priority=Priority.HIGH if fell else Priority.LOW,
        title=f"Market data of {event.provider} {'is missing' if fell else 'is back'}",
        message=f"{event.reason} (since {at})" if isinstance(event, FeedFell) else f"It had been missing since {at}.",
        source="system",
        data={"provider": event.provider},
    )


@within
def notify_of_alert(events: Sequence[AlertRaised]) -> None:
    """Tell formulas' subscribers of their alerts: one row, once for each bar and number."""
    services.create_notifications(new=[_of_alert(event) for event in events])


def _of_alert(event: AlertRaised) -> services.NewNotification:
    title = f"Alert {event.number:g} on {event.symbol} at {_price(event)}"
    text = f"{event.formula_name} gave alert {event.number:g} on {event.symbol} ({event.resolution})"
    return services.NewNotification(
        stream_name=stream_of_formula(event.formula_id),
        dedup_key=f"alert:{event.deployment_id}:{event.bar_time}:{event.number:g}",
        most_a_minute=settings.FORMULA_NOTIFICATIONS_PER_MINUTE,
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
    text = f"{event.formula_name} says {event.side} {event.symbol} ({event.resolution}) at {_price(event)}"
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


def _price(event: SignalRaised | AlertRaised) -> str:
    """With the decimals of the instrument's smallest step; as it is, without zeros at the end, where that is unknown.

    Bars that were adjusted for splits have more decimals than anybody trades in.
    """
    if event.price_increment is None:
        return f"{event.price.normalize():f}"
    digits = max(0, -int(event.price_increment.normalize().as_tuple().exponent))
    return f"{event.price:.{digits}f}"


def tell_of_review(event: KycReviewed) -> None:
    """Tell an applicant what was decided on their identity check, and why."""
    services.notify_of_review(user_id=event.user_id, submission_id=event.submission_id, status=event.status)


def redact_erased_reviews(event: KycErased) -> None:
    """Forget in somebody's inbox what they had erased."""
    services.redact_reviews(user_id=event.user_id)


def follow_subscription(event: SubscriptionChanged) -> None:
    """Let a subscriber into the formula's stream, or out of it."""
    services.sync_subscription(user_id=event.user_id, formula_id=event.formula_id)


def join_own_streams(event: UserRegistered) -> None:
    """Address to a new person what is theirs by who they are."""
    services.sync_memberships(user_id=event.user_id)


def move_streams(event: UserChanged) -> None:
    """Follow a change of role or company."""
    services.sync_memberships(user_id=event.user_id)


def forget_deleted_person(event: UserDeleted) -> None:
    """Delete what was told to somebody alone, now that they are gone."""
    services.forget_person(user_id=event.user_id)


@together
def push_to_sockets(events: Sequence[NotificationCreated]) -> None:
    """Wake those who follow the streams: a lone row is brought along, several they read themselves."""
    last = {event.stream: event for event in events}
    count = Counter(event.stream for event in events)
    for stream, event in last.items():
        wake_stream(stream, event.seq, event.text if count[stream] == 1 else None)
    services.mark_published_soon(notification_ids=[event.notification_id for event in events])


def tell_other_screens(event: InboxChanged) -> None:
    """Let the pages that somebody has open agree on what is read and answered."""
    payload = ChangedPayload(change=event.change, ids=list(event.notification_ids), response=event.response)
    push(INBOX_TOPIC.format(event.user_id), NotificationsChanged(payload=payload))
