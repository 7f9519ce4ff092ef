"""Tickets for sockets: what a browser page may put into a URL, because it is good once and for seconds."""

import hashlib
import secrets

from django.core.cache import cache

from accounts import selectors
from accounts.errors import InvalidToken
from accounts.models import Session
from accounts.tokens import AccessToken, Claims, claims_of
from kernel import clock

TICKET_LIFETIME = 30  # seconds


def issue_ticket(*, token: AccessToken) -> str:
    """A ticket that opens one socket as the owner of `token`, for no longer than `token` is good."""
    ticket = secrets.token_urlsafe(32)
    good_until = clock.now().timestamp() + TICKET_LIFETIME
    cache.set(_key(ticket), (claims_of(token), good_until), TICKET_LIFETIME)
    return ticket


def redeem_ticket(*, ticket: str) -> tuple[Session, float]:
    """The live session that `ticket` was made in, and the epoch second until which it counts.

    Raises `InvalidToken` for one that is unknown, old or used, or whose session has ended.
    """
    kept: tuple[Claims, float] | None = cache.get(_key(ticket))
    # Deleting tells which of two redemptions at once was the first.
    if kept is None or not cache.delete(_key(ticket)):
        raise InvalidToken
    claims, good_until = kept
    if good_until < clock.now().timestamp():
        raise InvalidToken
    return selectors.session_of(claims), claims.expires_at


def _key(ticket: str) -> str:
    return f"ws-ticket:{hashlib.sha256(ticket.encode(errors='replace')).hexdigest()}"
