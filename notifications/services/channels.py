"""People's channels: made, proven, changed, tried out and deleted by their owner."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from accounts.models import User
from kernel import audit, clock
from kernel.crypto import seal
from notifications.channels import Transport, Values, find_transport
from notifications.channels.base import HIDDEN
from notifications.channels.webhook import new_secret
from notifications.delivery import values_of
from notifications.errors import (
    ChannelExists,
    ChannelHasNoSecret,
    ChannelUnreadable,
    ChannelUnverified,
    CodeNotValid,
    TooManyChannels,
    TooManyMessages,
)
from notifications.models import Channel, Delivery, DeliveryPurpose, DeliveryState

MOST_CHANNELS = 20
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH, CODE_TRIES, CODE_LIFETIME = 8, 5, timedelta(minutes=15)
OLD_SECRET_LIFETIME = timedelta(hours=24)
# By one person, whatever they do with their channels meanwhile.
AN_HOUR = {DeliveryPurpose.VERIFICATION: 10, DeliveryPurpose.TEST: 30}


def create_channel(*, user: User, kind: str, config: Mapping[str, Any], name: str = "") -> tuple[Channel, Values]:
    """A new channel and the secrets made up for it, which are shown this once; a code is on its way to it.

    Raises `Invalid` naming what is wrong with `config`, `ChannelExists`, `TooManyChannels` and `TooManyMessages`.
    """
    transport = _transport(kind)
    # Before the transaction: looking up a name takes its time.
    values = transport.clean(config)
    made = transport.new_secrets()
    with transaction.atomic():
        _check_number(user)
        channel = Channel(user=user, kind=kind, name=name)
        _tell(channel, transport, values | made)
        audit.record("channel.created", actor=user, target=f"channel:{channel.pk}", detail={"kind": kind})
        _prove(channel)
    return channel, made


def change_channel(
    *,
    channel: Channel,
    name: str | None = None,
    is_enabled: bool | None = None,
    config: Mapping[str, Any] | None = None,
) -> Channel:
    """Change what is named. Another address has to be proven anew, and nothing that waits is sent there.

    Raises `Invalid`, `ChannelExists` and `TooManyMessages`.
    """
    transport = _transport(channel.kind)
    old = values_of(channel) or {}
    values = transport.clean(_merged(transport, old, config)) if config is not None else None
    with transaction.atomic():
        channel = Channel.objects.select_for_update().select_related("user").get(pk=channel.pk)
        if name is not None:
            channel.name = name
        if is_enabled is not None:
            _switch(channel, is_enabled)
        channel.save()
        if values is not None and any(values[key] != old.get(key, "") for key in values):
            _move(channel, transport, old | values)
    return channel


def _merged(transport: Transport, old: Values, config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` over what is known; a secret that comes back as its asterisks stays as it is."""
    known = {one.name: old[one.name] for one in transport.fields if one.name in old}
    return {**known, **{name: value for name, value in config.items() if value != HIDDEN}}


def _switch(channel: Channel, is_enabled: bool) -> None:
    if is_enabled and not channel.is_enabled:
        channel.failures, channel.paused_until, channel.last_error = 0, None, ""
    channel.is_enabled = is_enabled


def _move(channel: Channel, transport: Transport, values: Values) -> None:
    """Point the channel to another address."""
    drop_waiting(channel=channel, reason="The address was changed.")
    channel.verified_at, channel.code_hash = None, ""
    channel.failures, channel.paused_until, channel.last_error = 0, None, ""
    _tell(channel, transport, values)
    audit.record("channel.changed", actor=channel.user, target=f"channel:{channel.pk}", detail={"kind": channel.kind})
    _prove(channel)


@transaction.atomic
def delete_channel(*, channel: Channel) -> None:
    """Forget the address and everything about it; what was sent stays on record."""
    drop_waiting(channel=channel, reason="The channel was deleted.")
    audit.record("channel.deleted", actor=channel.user, target=f"channel:{channel.pk}", detail={"kind": channel.kind})
    channel.delete()


def drop_waiting(*, channel: Channel, reason: str) -> int:
    """Give up what is still to be sent to `channel`; how many that was."""
    waiting = Delivery.objects.filter(channel=channel).open()
    return waiting.update(state=DeliveryState.FAILED, reason=reason)


def verify_channel(*, channel: Channel, code: str) -> Channel:
    """Take the code that was sent there as proof; raises `CodeNotValid`, and after five tries it stays invalid."""
    if channel.verified_at is not None:
        return channel
    good = Channel.objects.filter(pk=channel.pk, code_tries__lt=CODE_TRIES, code_expires_at__gt=clock.now())
    # Counted before it is looked at, and for good: tries at once cannot outrun the count.
    has_try = good.exclude(code_hash="").update(code_tries=F("code_tries") + 1)
    channel.refresh_from_db()
    if not has_try or not hmac.compare_digest(channel.code_hash, hash_of_code(code)):
        raise CodeNotValid
    mark_verified(channel=channel)
    channel.refresh_from_db()
    return channel


@transaction.atomic
def mark_verified(*, channel: Channel) -> None:
    """Let notifications go to `channel` from now on."""
    unproven = Channel.objects.filter(pk=channel.pk, verified_at__isnull=True)
    if unproven.update(verified_at=clock.now(), code_hash="", code_expires_at=None):
        detail = {"kind": channel.kind}
        audit.record("channel.verified", actor=channel.user, target=f"channel:{channel.pk}", detail=detail)


def new_code(*, channel: Channel) -> str:
    """A code that proves the channel for a quarter of an hour; an earlier one counts no more."""
    code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
    expires_at = clock.now() + CODE_LIFETIME
    Channel.objects.filter(pk=channel.pk).update(code_hash=hash_of_code(code), code_expires_at=expires_at, code_tries=0)
    return code


def hash_of_code(code: str) -> str:
    return hashlib.sha256(code.strip().upper().encode(errors="replace")).hexdigest()


@transaction.atomic
def send_code(*, channel: Channel) -> Delivery | None:
    """Send a new code; none where the channel is proven already. Raises `TooManyMessages`."""
    if channel.verified_at is not None:
        return None
    earlier = Delivery.objects.filter(channel=channel, purpose=DeliveryPurpose.VERIFICATION).open()
    earlier.update(state=DeliveryState.FAILED, reason="Another code was asked for.")
    return _queue(channel, DeliveryPurpose.VERIFICATION)


@transaction.atomic
def send_test(*, channel: Channel) -> Delivery:
    """Send something to look at; raises `ChannelUnverified` and `TooManyMessages`."""
    if channel.verified_at is None:
        raise ChannelUnverified
    return _queue(channel, DeliveryPurpose.TEST)


@transaction.atomic
def rotate_secret(*, channel: Channel) -> str:
    """A new secret, shown this once; the old one signs beside it for a day. Raises `ChannelHasNoSecret`."""
    channel = Channel.objects.select_for_update().select_related("user").get(pk=channel.pk)
    values = values_of(channel)
    if values is None:
        raise ChannelUnreadable
    if "secret" not in values:
        raise ChannelHasNoSecret
    until = clock.isoformat(clock.now() + OLD_SECRET_LIFETIME)
    changed = {"secret": new_secret(), "old_secret": values["secret"], "old_secret_until": until}
    _seal(channel, values | changed)
    channel.save(update_fields=["sealed"])
    audit.record("channel.secret_rotated", actor=channel.user, target=f"channel:{channel.pk}")
    return changed["secret"]


def _queue(channel: Channel, purpose: DeliveryPurpose) -> Delivery:
    """Put a message of our own into the channel's queue, ahead of any pause: somebody waits for it."""
    since = clock.now() - timedelta(hours=1)
    recent = Delivery.objects.filter(recipient=channel.user, purpose=purpose, created_at__gt=since)
    if recent.count() >= AN_HOUR[purpose]:
        raise TooManyMessages(Retry_After="3600")
    delivery = Delivery.objects.create(channel=channel, recipient=channel.user, kind=channel.kind, purpose=purpose)
    Channel.objects.filter(pk=channel.pk).update(next_due_at=delivery.due_at, paused_until=None)
    return delivery


def _transport(kind: str) -> Transport:
    transport = find_transport(kind)
    if transport is None:
        raise ChannelUnreadable
    return transport


def _check_number(user: User) -> None:
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    if Channel.objects.filter(user=user).count() >= MOST_CHANNELS:
        raise TooManyChannels


def _tell(channel: Channel, transport: Transport, values: Values) -> None:
    """Write down the address; raises `ChannelExists`."""
    known = f"{channel.kind}\n{transport.identity(values)}"
    channel.fingerprint = salted_hmac("notifications.channel", known, algorithm="sha256").hexdigest()
    channel.address = transport.address(values)[:300]
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError:
        raise ChannelExists from None
    # Sealed for its row, which has an id only now.
    _seal(channel, values)
    channel.save(update_fields=["sealed"])


def _seal(channel: Channel, values: Values) -> None:
    channel.sealed = seal(msgspec.json.encode(values), context=channel.context)


def _prove(channel: Channel) -> None:
    """Send a code, unless it is the account's own address, which was confirmed long ago."""
    user = channel.user
    if channel.kind == "email" and user.email_confirmed_at and channel.address.lower() == user.email.lower():
        mark_verified(channel=channel)
        channel.refresh_from_db()
    else:
        send_code(channel=channel)
