"""From one notification to a delivery for each channel of its readers that wants it."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from kernel import clock
from notifications.delivery import addressed_channels, rules_by_user
from notifications.models import Channel, Delivery, FanOut, Notification

logger = logging.getLogger(__name__)

PAGE = 500
AT_ONCE = 100
LEASE_FOR = timedelta(seconds=60)
MOST_ATTEMPTS = 3


def expand_fan_outs(limit: int = AT_ONCE) -> int:
    """Share out what waits to be; how many notifications that was. Any number of processes may do so at once."""
    due = FanOut.objects.filter(is_dead=False, run_after__lte=clock.now()).order_by("run_after")
    waiting = list(due.select_related("notification")[:limit])
    if waiting and not Channel.objects.usable().exists():
        return FanOut.objects.filter(pk__in=[one.pk for one in waiting]).delete()[0]
    return sum(_claim(one) and _share_out(one) for one in waiting)


def _claim(fan_out: FanOut) -> bool:
    """One conditional update, so that of two processes one has it; a lost one's is free again after a minute."""
    seen = FanOut.objects.filter(pk=fan_out.pk, attempts=fan_out.attempts, run_after=fan_out.run_after)
    return seen.update(attempts=F("attempts") + 1, run_after=clock.now() + LEASE_FOR) == 1


def _share_out(fan_out: FanOut) -> bool:
    try:
        while page := addressed_channels(fan_out.notification, after=fan_out.after_channel, limit=PAGE):
            fan_out.after_channel = page[-1].pk
            _queue_page(fan_out, page)
        FanOut.objects.filter(pk=fan_out.pk).delete()
    except Exception as error:  # one that cannot be shared out must not keep the others from it
        logger.exception("notification %s cannot be shared out", fan_out.pk)
        is_dead = fan_out.attempts + 1 >= MOST_ATTEMPTS
        FanOut.objects.filter(pk=fan_out.pk).update(is_dead=is_dead, last_error=repr(error)[:2000])
        return False
    return True


@transaction.atomic
def _queue_page(fan_out: FanOut, page: Sequence[Channel]) -> None:
    """The deliveries of a page and how far we are, both or neither: done again it is the same."""
    queue_deliveries(notification=fan_out.notification, channels=page)
    FanOut.objects.filter(pk=fan_out.pk).update(after_channel=fan_out.after_channel, run_after=clock.now() + LEASE_FOR)


@transaction.atomic
def queue_deliveries(*, notification: Notification, channels: Iterable[Channel]) -> None:
    """One delivery for each of `channels` whose owner wants the notification there, due when they want it."""
    now, chosen = clock.now(), list(channels)
    rules = rules_by_user(channel.user_id for channel in chosen)
    due: dict[datetime, list[int]] = defaultdict(list)
    deliveries = []
    for channel in chosen:
        rule = rules[channel.user_id].of(notification.type)
        if rule.wants(channel.kind, notification.priority):
            due_at = rule.due_at(notification.priority, now)
            due[due_at].append(channel.pk)
            deliveries.append(
                Delivery(
                    notification=notification,
                    channel=channel,
                    recipient_id=channel.user_id,
                    kind=channel.kind,
                    in_digest=rule.is_collected(notification.priority),
                    due_at=due_at,
                )
            )
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    for due_at, ids in due.items():
        wake_channels(channel_ids=ids, due_at=due_at)


def wake_channels(*, channel_ids: Iterable[int], due_at: datetime) -> None:
    """Have the channels' queues looked at by then.

    Called after the deliveries are written: whoever holds a queue then sees either them or this.
    """
    later = Q(next_due_at__isnull=True) | Q(next_due_at__gt=due_at)
    Channel.objects.filter(later, pk__in=list(channel_ids)).update(next_due_at=due_at)
