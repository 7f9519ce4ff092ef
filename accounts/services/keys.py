"""API keys: made once, shown once, and revoked."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import models, transaction

from accounts import selectors
from accounts.errors import TooManyApiKeys
from accounts.events import ApiKeyRevoked
from accounts.models import ApiKey, User
from accounts.scopes import SCOPES
from kernel import audit, clock
from kernel.errors import Invalid
from kernel.events import publish

MOST_KEYS = 50
SECRET_BYTES = 32
NOTE_USE_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_api_key(
    *, user: User, name: str, scopes: Collection[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key of `user` and the text that its machine sends, which cannot be found out again.

    Raises `Invalid` for unknown scopes, none at all, or an end that has passed, and `TooManyApiKeys`.
    """
    _check(scopes, expires_at)
    # One at a time for each person, so that the limit holds.
    User.objects.select_for_update().get(pk=user.pk)
    if ApiKey.objects.filter(user=user).live().count() >= MOST_KEYS:
        raise TooManyApiKeys
    secret = secrets.token_urlsafe(SECRET_BYTES)
    key = ApiKey.objects.create(
        user=user,
        name=name,
        prefix=secrets.token_hex(6),
        secret_hash=selectors.hash_of_secret(secret),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    audit.record("api_key.created", actor=user, target=_target(key), detail={"name": name, "scopes": key.scopes})
    return key, f"{selectors.KEY_LABEL}_{key.prefix}_{secret}"


def _check(scopes: Collection[str], expires_at: datetime | None) -> None:
    if not scopes:
        raise Invalid.field("scopes", "Name at least one scope.")
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise Invalid.field("scopes", f"There is no scope {', '.join(unknown)}.")
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid.field("expires_at", "This moment has passed.")


@transaction.atomic
def revoke_api_key(*, key: ApiKey, reason: str = "asked for") -> None:
    """End `key`: it is refused from now on and its sockets close. Twice is harmless."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=clock.now()):
        publish(ApiKeyRevoked(api_key_id=key.pk, user_id=key.user_id))
        audit.record("api_key.revoked", target=_target(key), detail={"name": key.name, "reason": reason})


@transaction.atomic
def revoke_api_keys(*, user: User, reason: str) -> int:
    """End every live key of `user`; how many."""
    keys = list(ApiKey.objects.filter(user=user).live())
    for key in keys:
        revoke_api_key(key=key, reason=reason)
    return len(keys)


def note_use(*, key: ApiKey) -> None:
    """Remember that `key` has just been used, to the minute: a busy machine's requests must not each write."""
    now = clock.now()
    if key.last_used_at is None or key.last_used_at <= now - NOTE_USE_EVERY:
        unnoted = models.Q(last_used_at__isnull=True) | models.Q(last_used_at__lte=now - NOTE_USE_EVERY)
        ApiKey.objects.filter(unnoted, pk=key.pk).update(last_used_at=now)


def _target(key: ApiKey) -> str:
    return f"api_key:{key.pk}"
