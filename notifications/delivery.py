"""Reading what is on its way to channels: whom a notification reaches, by which rules, and what became of it."""

from collections.abc import Iterable

import msgspec
from django.db.models import Count, F

from kernel import clock
from kernel.crypto import NotReadable, open_sealed
from notifications.channels import Values, find_transport
from notifications.channels.base import HIDDEN
from notifications.models import (
    Channel,
    ChannelStatus,
    Delivery,
    DeliveryPurpose,
    DeliveryState,
    Membership,
    Notification,
    Preferences,
)
from notifications.rules import Rules

FEW = 500
# What its sender is told; what happens inside is our own business.
RECEIPTS = {
    DeliveryState.QUEUED: "queued",
    DeliveryState.SENDING: "queued",
    DeliveryState.SENT: "sent",
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.FAILED: "failed",
    DeliveryState.DEAD: "failed",
}


def values_of(channel: Channel) -> Values | None:
    """What `channel` was told, secrets included; none where it cannot be read any longer."""
    try:
        values: Values = msgspec.json.decode(open_sealed(channel.sealed, context=channel.context))
    except NotReadable:
        return None
    return values


def shown_config(channel: Channel) -> dict[str, str]:
    """What `channel` was told, as its owner may see it: eight asterisks in place of each secret."""
    transport, values = find_transport(channel.kind), values_of(channel)
    if transport is None or values is None:
        return {}
    known = [one for one in transport.fields if values.get(one.name)]
    return {one.name: HIDDEN if one.is_secret else values[one.name] for one in known}


def status_of_channel(channel: Channel) -> ChannelStatus:
    if channel.verified_at is None:
        return ChannelStatus.UNVERIFIED
    if not channel.is_enabled:
        return ChannelStatus.OFF
    is_paused = channel.paused_until is not None and channel.paused_until > clock.now()
    return ChannelStatus.PAUSED if is_paused else ChannelStatus.ACTIVE


def rules_of(user_id: int) -> Rules:
    """Somebody's preferences; who never set any gets everything at once, everywhere."""
    return rules_by_user([user_id])[user_id]


def rules_of_people(user_ids: list[int]) -> list[Rules]:
    """The preferences of each, in the order of `user_ids`."""
    rules = rules_by_user(user_ids)
    return [rules[user_id] for user_id in user_ids]


def rules_by_user(user_ids: Iterable[int]) -> dict[int, Rules]:
    """The preferences of each, in one query."""
    wanted = set(user_ids)
    kept = dict(Preferences.objects.filter(user_id__in=wanted).values_list("user_id", "rules"))
    return {user_id: Rules(kept.get(user_id)) for user_id in wanted}


def addressed_channels(notification: Notification, *, after: int, limit: int) -> list[Channel]:
    """The usable channels of those whom `notification` is addressed to, by id from `after` on, at most `limit`.

    It costs what the smaller of the two is: the readers of a small stream, or everybody's channels.
    """
    readers = Membership.objects.reaching(notification.seq).filter(stream_id=notification.stream_id).order_by()
    channels = Channel.objects.usable().order_by("pk")
    few = list(readers.values_list("user_id", flat=True)[: FEW + 1])
    if len(few) <= FEW:
        return list(channels.filter(pk__gt=after, user_id__in=few)[:limit])
    while candidates := list(channels.filter(pk__gt=after)[:limit]):
        reached = _readers_among(notification, {channel.user_id for channel in candidates})
        if found := [channel for channel in candidates if channel.user_id in reached]:
            return found
        after = candidates[-1].pk
    return []


def _readers_among(notification: Notification, user_ids: set[int]) -> set[int]:
    """Which of these people read the notification; looked up by person, because its stream has very many."""
    # The sum keeps SQLite, which knows no figures of its tables, from taking the index of streams.
    rows = Membership.objects.annotate(stream_number=F("stream_id") + 0)
    rows = rows.reaching(notification.seq).filter(user_id__in=user_ids, stream_number=notification.stream_id)
    return set(rows.order_by().values_list("user_id", flat=True))


def channel_receipts(notification: Notification) -> dict[str, dict[str, int]]:
    """`{kind: {queued, sent, delivered, failed}}`: how many of the notification's deliveries stand how."""
    rows = Delivery.objects.filter(notification=notification, purpose=DeliveryPurpose.NOTIFICATION)
    found: dict[str, dict[str, int]] = {}
    for kind, state, count in rows.order_by().values_list("kind", "state").annotate(Count("pk")):
        counts = found.setdefault(kind, dict.fromkeys(("queued", "sent", "delivered", "failed"), 0))
        counts[RECEIPTS[DeliveryState(state)]] += count
    return found
