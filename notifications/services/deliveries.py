"""Sending what is due: each channel has its queue, which one worker at a time holds.

A failed attempt is made again after a growing, random while; a channel that fails again and again is left alone for
a while of its own, and delays nobody else. A worker that is lost leaves its rows in `sending`: who holds the channel
next sends them again, under the same id.
"""

import logging
import random
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Min, Q

from kernel import clock
from notifications.channels import DeliveryFailed, Letter, Transport, find_transport
from notifications.delivery import rules_of, values_of
from notifications.letters import (
    can_be_answered,
    digest_letter,
    notification_letter,
    sample_letter,
    verification_letter,
)
from notifications.models import Channel, Delivery, DeliveryPurpose, DeliveryState
from notifications.models.delivery import DeliveryQuerySet
from notifications.services.answers import answer_url
from notifications.services.channels import drop_waiting, mark_verified, new_code
from notifications.services.fan_out import wake_channels

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 6
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=30), timedelta(hours=1)
FAILURES_TO_PAUSE = 3
LEASE_FOR = timedelta(seconds=60)  # several times as long as one attempt may take
IN_A_ROW = 20
AT_ONCE_FOR_ONE = 2  # channels of one person: whose receivers all hang must not keep every sender waiting
LOOKED_AT = 20  # for each that is claimed, so that one person's do not hide those of others
MOST_IN_DIGEST = 200
KEEP_SENT, KEEP_FAILED = timedelta(days=30), timedelta(days=90)


def claim_channels(limit: int) -> list[int]:
    """Take hold of channels that have something to send, the longest due first; their ids."""
    now = clock.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    is_running = Q(paused_until__isnull=True) | Q(paused_until__lte=now)
    due = Channel.objects.filter(free, is_running, next_due_at__lte=now).order_by("next_due_at")
    held = Counter(Channel.objects.filter(lease_until__gt=now).values_list("user_id", flat=True))
    claimed: list[int] = []
    for pk, claims, user_id in due.values_list("pk", "claims", "user_id")[: limit * LOOKED_AT]:
        if len(claimed) == limit:
            break
        unclaimed = Channel.objects.filter(pk=pk, claims=claims)
        if held[user_id] < AT_ONCE_FOR_ONE and unclaimed.update(claims=claims + 1, lease_until=now + LEASE_FOR):
            held[user_id] += 1
            claimed.append(pk)
    return claimed


def work_on(channel_id: int, must_stop: Callable[[], bool] = lambda: False) -> int:
    """Send what is due to a channel that was claimed, one after the other and until one fails; how many arrived.

    `must_stop` is asked before each: a server that is told to end does not begin another.
    """
    channel = Channel.objects.select_related("user").filter(pk=channel_id).first()
    sent = 0
    if channel is not None:
        for _ in range(IN_A_ROW):
            batch = [] if must_stop() else _take(channel)
            arrived = _attempt(channel, batch) if batch else None
            if arrived is None:
                break
            sent += arrived
        _let_go(channel)
    return sent


def _take(channel: Channel) -> list[Delivery]:
    """The next delivery, or all that go into the same digest, marked as being sent; none where nothing is due."""
    now = clock.now()
    while first := _queue(channel).filter(due_at__lte=now).order_by("due_at", "created_at").first():
        if quiet_until := _quiet_until(first, now):
            Delivery.objects.filter(pk=first.pk).update(due_at=quiet_until)
            continue
        with transaction.atomic():
            return _mark(channel, _together(channel, first, now)) if _hold(channel, renew=True) else []
    return []


def _queue(channel: Channel) -> DeliveryQuerySet:
    return Delivery.objects.filter(channel=channel).open()


def _quiet_until(delivery: Delivery, now: datetime) -> datetime | None:
    """When it may be sent, if that is not now: a retry and a late start keep the quiet hours too."""
    notification = delivery.notification
    if notification is None or notification.priority == "critical":
        return None
    quiet_hours = rules_of(delivery.recipient_id).of(notification.type).quiet_hours
    return quiet_hours.until(now) if quiet_hours else None


def _together(channel: Channel, first: Delivery, now: datetime) -> list[Delivery]:
    if not first.in_digest:
        return [first]
    same = _queue(channel).filter(in_digest=True, batch=first.batch, due_at__lte=now)
    return list(same.order_by("created_at")[:MOST_IN_DIGEST])


def _mark(channel: Channel, batch: list[Delivery]) -> list[Delivery]:
    ids = [one.pk for one in batch]
    batch_id = (batch[0].batch or uuid.uuid4()) if batch[0].in_digest else None
    Delivery.objects.filter(pk__in=ids).open().update(
        state=DeliveryState.SENDING, attempts=F("attempts") + 1, batch=batch_id
    )
    taken = Delivery.objects.filter(pk__in=ids, state=DeliveryState.SENDING)
    return list(taken.select_related("notification__stream", "recipient").order_by("created_at"))


def _hold(channel: Channel, *, renew: bool = False) -> bool:
    """Whether the channel is still ours, locked until the end of the transaction; another may have it after a stall."""
    ours = Channel.objects.select_for_update(no_key=True).filter(pk=channel.pk, claims=channel.claims)
    if not ours.values_list("pk").first():
        return False
    if renew:
        Channel.objects.filter(pk=channel.pk).update(lease_until=clock.now() + LEASE_FOR)
    return True


def _attempt(channel: Channel, batch: list[Delivery]) -> int | None:
    """Send; how many arrived, or none where it is not worth going on with the same channel."""
    try:
        transport, values = _usable(channel, batch)
        transport.send(values, _letter(channel, transport, batch))
    except DeliveryFailed as failure:
        _fail(channel, batch, failure)
        return 0 if failure.is_permanent and not failure.is_gone else None
    except Exception as error:  # noqa: BLE001  one that cannot be sent must not keep the others from it
        # Without its words, which may hold an address or a key.
        trace = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s while sending %s:\n%s", type(error).__name__, batch[0], trace)
        _fail(channel, batch, DeliveryFailed("Something went wrong on our side."))
        return None
    _succeed(channel, transport, batch)
    return len(batch)


def _usable(channel: Channel, batch: Sequence[Delivery]) -> tuple[Transport, dict[str, str]]:
    """How to send to `channel`; raises `DeliveryFailed` where nothing may be sent there any longer."""
    transport, values = find_transport(channel.kind), values_of(channel)
    if transport is None or values is None:
        raise DeliveryFailed("What was kept of this channel cannot be read any longer.", is_permanent=True)
    fresh = Channel.objects.select_related("user").get(pk=channel.pk)
    is_proven = fresh.verified_at is not None or batch[0].purpose == DeliveryPurpose.VERIFICATION
    if not (is_proven and fresh.is_enabled and fresh.user.is_active):
        raise DeliveryFailed("The channel was switched off.", is_permanent=True)
    if batch[0].attempts > MOST_ATTEMPTS:
        raise DeliveryFailed("Its worker was lost too often.", is_permanent=True)
    return transport, values


def _letter(channel: Channel, transport: Transport, batch: Sequence[Delivery]) -> Letter:
    first = batch[0]
    id = (first.batch or first.pk).hex
    if first.purpose == DeliveryPurpose.VERIFICATION:
        return verification_letter(id, new_code(channel=channel) if not transport.is_proven_by_sending else "")
    if first.notification is None:
        return sample_letter(id)
    if first.in_digest:
        return digest_letter(id, [one.notification for one in batch if one.notification])
    is_answered = transport.reaches_one_person and can_be_answered(first.notification)
    return notification_letter(id, first.notification, answer_url(delivery=first) if is_answered else "")


@transaction.atomic
def _succeed(channel: Channel, transport: Transport, batch: Sequence[Delivery]) -> None:
    state = DeliveryState.DELIVERED if transport.confirms_delivery else DeliveryState.SENT
    now = clock.now()
    sending = Delivery.objects.filter(pk__in=[one.pk for one in batch], state=DeliveryState.SENDING)
    sending.update(state=state, sent_at=now, reason="")
    Channel.objects.filter(pk=channel.pk).update(failures=0, paused_until=None, last_error="", last_sent_at=now)
    if batch[0].purpose == DeliveryPurpose.VERIFICATION and transport.is_proven_by_sending:
        mark_verified(channel=channel)


@transaction.atomic
def _fail(channel: Channel, batch: Sequence[Delivery], failure: DeliveryFailed) -> None:
    """Write down why, and whether and when it is tried again; whoever has lost the channel says nothing."""
    if not _hold(channel):
        return
    sending = Delivery.objects.filter(pk__in=[one.pk for one in batch], state=DeliveryState.SENDING)
    reason = failure.reason[:300]
    Channel.objects.filter(pk=channel.pk).update(last_error=reason)
    if failure.is_permanent:
        sending.update(state=DeliveryState.FAILED, reason=reason)
    elif batch[0].attempts >= MOST_ATTEMPTS:
        sending.update(state=DeliveryState.DEAD, reason=reason)
    else:
        due_at = clock.now() + _wait(batch[0].attempts, failure)
        sending.update(state=DeliveryState.QUEUED, reason=reason, due_at=due_at)
    if failure.is_gone:
        Channel.objects.filter(pk=channel.pk).update(is_enabled=False)
        drop_waiting(channel=channel, reason=reason)
    elif not failure.is_permanent:
        _count_failure(channel, failure)


def _wait(attempts: int, failure: DeliveryFailed) -> timedelta:
    """Twice as long each time and anything up to that, so that those who failed together do not come back together."""
    longest: timedelta = min(LONGEST_RETRY, FIRST_RETRY * 2 ** (attempts - 1))
    return max(longest * random.random(), timedelta(seconds=failure.retry_after or 0))


def _count_failure(channel: Channel, failure: DeliveryFailed) -> None:
    """Leave a channel alone that keeps failing, or that asked for it."""
    failures = Channel.objects.values_list("failures", flat=True).get(pk=channel.pk) + 1
    paused_until = None
    if failures >= FAILURES_TO_PAUSE:
        paused_until = clock.now() + _wait(min(failures - FAILURES_TO_PAUSE + 1, 10), failure)
    elif failure.retry_after:
        paused_until = clock.now() + timedelta(seconds=failure.retry_after)
    Channel.objects.filter(pk=channel.pk).update(failures=failures, paused_until=paused_until)


@transaction.atomic
def _let_go(channel: Channel) -> None:
    """Give the channel back, due when the next of its queue is."""
    if _hold(channel):
        next_due_at = _queue(channel).aggregate(next=Min("due_at"))["next"]
        Channel.objects.filter(pk=channel.pk).update(lease_until=None, next_due_at=next_due_at)


@transaction.atomic
def retry_deliveries(*, delivery_ids: Iterable[uuid.UUID]) -> int:
    """Send again what failed or was given up, with as many tries as at first; how many that was."""
    given_up = Delivery.objects.filter(
        pk__in=list(delivery_ids), state__in=[DeliveryState.FAILED, DeliveryState.DEAD], channel__isnull=False
    )
    channel_ids = list(given_up.values_list("channel_id", flat=True))
    now = clock.now()
    count = given_up.update(state=DeliveryState.QUEUED, attempts=0, due_at=now, reason="")
    Channel.objects.filter(pk__in=channel_ids).update(paused_until=None)
    wake_channels(channel_ids=[pk for pk in channel_ids if pk], due_at=now)
    return count


def forget_old_deliveries() -> int:
    """Delete what was sent long ago, and what failed longer ago still; the number of rows."""
    now = clock.now()
    arrived = Q(state__in=[DeliveryState.SENT, DeliveryState.DELIVERED], created_at__lt=now - KEEP_SENT)
    failed = Q(state__in=[DeliveryState.FAILED, DeliveryState.DEAD], created_at__lt=now - KEEP_FAILED)
    return Delivery.objects.filter(arrived | failed).delete()[0]
