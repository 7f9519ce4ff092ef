"""Counting failed sign-ins in the shared cache, by account and by address."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache

from accounts.errors import TooManyAttempts
from accounts.models import User
from kernel import clock

WINDOW = 15 * 60
FAILURES_PER_ACCOUNT = 10
FAILURES_PER_ADDRESS = 100


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to prove a password: for which account, known or not, and from where."""

    account: str
    address: str | None

    def check(self) -> None:
        """Raise `TooManyAttempts` while the account or the address has used up its failures."""
        for key, limit in self._counters():
            if cache.get(key, 0) >= limit:
                since = cache.get(f"{key}:since", clock.now().timestamp())
                wait = since + WINDOW - clock.now().timestamp()
                raise TooManyAttempts(Retry_After=str(max(1, int(wait) + 1)))

    def failed(self) -> None:
        """Count a failure; the window begins with the first."""
        for key, _ in self._counters():
            cache.add(f"{key}:since", clock.now().timestamp(), WINDOW)
            cache.add(key, 0, WINDOW)
            try:
                cache.incr(key)
            except ValueError:  # the window ended between the two calls
                cache.set(key, 1, WINDOW)

    def succeeded(self) -> None:
        """Forget the account's failures; the address may be trying others, so its own stay."""
        cache.delete_many([_key("account", self.account), _key("account", self.account) + ":since"])

    def _counters(self) -> Iterator[tuple[str, int]]:
        yield _key("account", self.account), _limit("LOGIN_FAILURES_PER_ACCOUNT", FAILURES_PER_ACCOUNT)
        if self.address:
            yield _key("address", self.address), _limit("LOGIN_FAILURES_PER_ADDRESS", FAILURES_PER_ADDRESS)


def attempt(login: str, user: User | None, address: str | None) -> Attempt:
    """The attempt to sign in as `login`; both names of one account share its count, unknown ones have their own."""
    return Attempt(account=f"user:{user.pk}" if user else f"login:{login.strip().lower()}", address=address)


def _key(kind: str, value: str) -> str:
    # A hash, because caches refuse long keys and spaces.
    return f"login-failures:{kind}:{hashlib.sha256(value.encode()).hexdigest()}"


def _limit(name: str, default: int) -> int:
    return int(getattr(settings, name, default))
