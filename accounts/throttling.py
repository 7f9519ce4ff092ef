"""The lock-out: failed tries by account and by address, in django-axes' table, which staff see and can clear.

Whatever Django's own forms report to axes is not counted again: their backend proves passwords as the API does.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from accounts.errors import TooManyAttempts
from accounts.models import User
from kernel import clock

WINDOW = timedelta(minutes=15)
FAILURES_PER_ACCOUNT = 10
FAILURES_PER_ADDRESS = 100

Failures = tuple[str | None, str | None, datetime, int]  # account, address, since, how many


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to prove a password or a code: for which account, known or not, and from where.

    It counts as failed from `begin` on, so that tries made at once cannot outrun the count.
    """

    account: str
    address: str | None
    user_id: int | None = None

    def begin(self) -> None:
        """Count a failure until proven otherwise; raise `TooManyAttempts` where they are used up, and count none."""
        self._refuse_beyond(0)
        with transaction.atomic():
            # One try at a time for each account, from however many addresses.
            User.objects.select_for_update(no_key=True).filter(pk=self.user_id).first()
            self._count()
            self._refuse_beyond(1)

    def withdraw(self) -> None:
        """Take the try back: it was neither a failure nor the end of the matter."""
        rows = self._rows()
        if not rows.filter(failures_since_start__gt=1).update(failures_since_start=F("failures_since_start") - 1):
            rows.delete()

    def succeeded(self) -> None:
        """Forget what failed for this account from this address; tries from elsewhere may be another's and stay."""
        self._rows().delete()

    def _rows(self) -> QuerySet[AccessAttempt]:
        return AccessAttempt.objects.filter(username=self.account, ip_address=self.address, user_agent="")

    def _count(self) -> None:
        rows, started = self._rows(), clock.now() - WINDOW
        one_more = {"failures_since_start": F("failures_since_start") + 1}
        if rows.filter(attempt_time__gt=started).update(**one_more):
            return
        # Not simply all: another first failure may have been counted this moment.
        rows.filter(attempt_time__lte=started).delete()
        try:
            with transaction.atomic():
                AccessAttempt.objects.create(
                    username=self.account, ip_address=self.address, user_agent="", failures_since_start=1
                )
        except IntegrityError:  # it has
            rows.update(**one_more)

    def _refuse_beyond(self, own: int) -> None:
        who = Q(username=self.account)
        if self.address:
            who |= Q(ip_address=self.address)
        recent: list[Failures] = list(
            AccessAttempt.objects.filter(who, attempt_time__gt=clock.now() - WINDOW)
            .order_by("attempt_time")
            .values_list("username", "ip_address", "attempt_time", "failures_since_start")
        )
        of_account = [failures for failures in recent if failures[0] == self.account]
        _refuse(of_account, _limit("LOGIN_FAILURES_PER_ACCOUNT", FAILURES_PER_ACCOUNT) + own)
        of_address = [failures for failures in recent if self.address and failures[1] == self.address]
        _refuse(of_address, _limit("LOGIN_FAILURES_PER_ADDRESS", FAILURES_PER_ADDRESS) + own)


def _refuse(failures: list[Failures], limit: int) -> None:
    """Raise `TooManyAttempts` with the time at which fewer than `limit` of `failures`, oldest first, still count."""
    left = sum(how_many for *_, how_many in failures)
    if left < limit:
        return
    for _, _, since, how_many in failures:
        left -= how_many
        if left < limit:
            wait = (since + WINDOW - clock.now()).total_seconds()
            raise TooManyAttempts(Retry_After=str(max(1, int(wait) + 1)))


def attempt(login: str, user: User | None, address: str | None) -> Attempt:
    """The attempt to sign in as `login`; both names of one account share its count, unknown ones have their own."""
    if user is None:
        return Attempt(account=_disguised(login), address=address or None)
    return Attempt(account=user.username, address=address or None, user_id=user.pk)


def _disguised(login: str) -> str:
    # People type passwords into the name's field: what belongs to nobody is not kept in clear.
    return f"unknown:{hashlib.sha256(login.strip().lower().encode(errors='replace')).hexdigest()[:24]}"


def _limit(name: str, default: int) -> int:
    return int(getattr(settings, name, default))


def forget_old_failures() -> int:
    """Delete what no longer counts; the number of rows."""
    return AccessAttempt.objects.filter(attempt_time__lte=clock.now() - WINDOW).delete()[0]


class CountedByAttempts(AxesDatabaseHandler):
    """What axes' commands use (`axes_reset_username` and the like); Django's signals are left alone."""

    def user_login_failed(self, *args: Any, **kwargs: Any) -> None:
        """An `Attempt` has counted it."""

    def user_logged_in(self, *args: Any, **kwargs: Any) -> None:
        """An `Attempt` has forgiven it."""

    def user_logged_out(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to count."""
