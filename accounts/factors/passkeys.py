"""Passkeys and security keys (WebAuthn Level 2): a challenge, kept for minutes and good once, and its answer."""

import hashlib
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

from allauth.core.context import request_context
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth as webauthn
from cryptography.exceptions import InvalidSignature
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.errors import PasskeyRefused
from accounts.models import User
from kernel import audit, clock

CHALLENGE_LIFETIME = 5 * 60  # seconds
_COUNTER = "sign_count"

Json = dict[str, Any]

# Everything that an answer, which anybody may send, makes the parsers of CBOR, COSE and JSON raise.
_UNREADABLE = (
    ValidationError, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, struct.error,
    InvalidSignature, NotImplementedError,
)  # fmt: skip


def begin_registration(user: User) -> tuple[str, Json]:
    """A challenge token and the options for `navigator.credentials.create`."""
    with _ceremony() as state:
        options = webauthn.begin_registration(user, passwordless=True)
    return _keep("register", user.pk, state), options


def complete_registration(user: User, challenge: str, credential: Json, name: str) -> Authenticator:
    """Keep the passkey that answers `challenge`; raises `PasskeyRefused`."""
    state = _take("register", user.pk, challenge)
    try:
        with _ceremony(state):
            webauthn.parse_registration_response(credential)
            webauthn.complete_registration(credential)
            added: Authenticator = webauthn.WebAuthn.add(user, name, credential).instance
    except _UNREADABLE:
        raise PasskeyRefused from None
    return added


def begin_authentication() -> tuple[str, Json]:
    """A challenge token and the options for `navigator.credentials.get`.

    Any passkey that knows its owner may answer, and must have checked that it is them: that is two factors in one.
    """
    with _ceremony() as state:
        options = webauthn.begin_authentication()
    return _keep("sign-in", None, state), options


def complete_authentication(challenge: str, credential: Json) -> tuple[User, Authenticator]:
    """Whose passkey has answered `challenge`; raises `PasskeyRefused`, also where a copy of it may be about."""
    state = _take("sign-in", None, challenge)
    try:
        with _ceremony(state):
            user = cast(User, webauthn.extract_user_from_response(credential))
            answer = webauthn.parse_authentication_response(credential)
            found = webauthn.complete_authentication(user, credential)
    except _UNREADABLE:
        raise PasskeyRefused from None
    if not _has_risen(found.pk, answer.response.authenticator_data.counter):
        audit.record("mfa.copy_suspected", actor=user, target=f"mfa:{found.pk}")
        raise PasskeyRefused
    return user, found


@transaction.atomic
def _has_risen(pk: int, counter: int) -> bool:
    """Whether the passkey's own count of its uses is beyond the last one seen, which it is from now on.

    One that does not rise was seen twice: there is a copy. Those that do not count say 0 each time (WebAuthn 6.1.1).
    """
    row = Authenticator.objects.select_for_update().get(pk=pk)
    seen = row.data.get(_COUNTER)
    if seen is None:
        seen = row.wrap().authenticator_data.counter
    if counter <= seen and (counter or seen):
        return False
    row.data[_COUNTER] = counter
    row.last_used_at = clock.now()
    row.save(update_fields=["data", "last_used_at"])
    return True


@contextmanager
def _ceremony(state: Json | None = None) -> Iterator[Json]:
    """Stand in for the request whose session allauth keeps a challenge in."""
    session: Json = {webauthn.STATE_SESSION_KEY: state} if state else {}
    with request_context(SimpleNamespace(session=session)):  # type: ignore[arg-type]
        yield session


def _keep(purpose: str, user_id: int | None, session: Json) -> str:
    token = secrets.token_urlsafe(32)
    cache.set(_key(purpose, token), (user_id, session[webauthn.STATE_SESSION_KEY]), CHALLENGE_LIFETIME)
    return token


def _take(purpose: str, user_id: int | None, token: str) -> Json:
    """What was kept under `token` for `user_id`; raises `PasskeyRefused` for another's, an old or a used one."""
    key = _key(purpose, token)
    kept = cache.get(key)
    # Deleting tells which of two answers at once was the first.
    if kept is None or not cache.delete(key) or kept[0] != user_id:
        raise PasskeyRefused
    state: Json = kept[1]
    return state


def _key(purpose: str, token: str) -> str:
    return f"passkey:{purpose}:{hashlib.sha256(token.encode(errors='replace')).hexdigest()}"
