"""Accounts at providers, the instruments that are followed through them, and their history up to now."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from django.db import transaction

from datafeed.models import ProviderAccount, Series
from datafeed.providers import BUILT_IN, find_provider
from datafeed.providers.base import Provider, ProviderFailed, SignInExpired
from datafeed.providers.vendor import Vendor
from datafeed.resolutions import canonical, seconds
from datafeed.selectors import newest_time
from datafeed.selectors.providers import account_values, provider_of
from datafeed.services.history import load_history
from datafeed.services.market import ensure_series
from kernel import audit, clock
from kernel.crypto import seal
from kernel.errors import Invalid

logger = logging.getLogger(__name__)

HIDDEN = "********"
BULK_FROM = 400
"""So many bars behind, or more, is history that nobody acts on any longer; less is told as if it were live."""


@transaction.atomic
def save_account(
    *, account: ProviderAccount | None = None, kind: str = "", values: Mapping[str, str], **changed: Any
) -> ProviderAccount:
    """Make an account at a provider or change one; `changed` may hold `name` and `is_enabled`.

    A value that is not given, or comes back as its asterisks, stays as it was. An account may be made without any and
    be told them later; until then it is not used. Raises `Invalid` naming each field that is wrong. A feed that runs
    takes the change up within seconds.
    """
    account = account or ProviderAccount(kind=kind)
    known = account_values(account)
    told = known | {name: value.strip() for name, value in values.items() if value != HIDDEN}
    checked = _checked_values(account.kind, told)
    for name in ("name", "is_enabled"):
        setattr(account, name, changed.get(name, getattr(account, name)))
    account.full_clean(exclude=["sealed"])
    account.save()
    account.sealed = seal(msgspec.json.encode(checked), context=account.context)
    account.save(update_fields=["sealed", "updated_at"])
    names = sorted(name for name in checked if checked[name] != known.get(name, ""))
    audit.record("provider.changed", target=f"provider:{account.key}", detail={"fields": names})
    return account


@transaction.atomic
def remove_account(*, account: ProviderAccount) -> None:
    """Forget an account and its secrets; its series and their bars stay, and stand still."""
    audit.record("provider.removed", target=f"provider:{account.key}")
    account.delete()


def _checked_values(kind: str, values: Mapping[str, str]) -> dict[str, str]:
    provider = find_provider(kind) if kind not in BUILT_IN else None
    if provider is None:
        raise Invalid.field("kind", "There is no such provider.")
    faults = {field.name: field.fault(values.get(field.name, "")) for field in provider.fields if values}
    if found := {name: [fault] for name, fault in faults.items() if fault}:
        raise Invalid(errors=found)
    return {field.name: value for field in provider.fields if (value := values.get(field.name, ""))}


def follow_symbol(*, provider: str, vendor_symbol: str, resolution: str) -> Series:
    """The series of an instrument at `provider`, made with the instrument as the vendor describes it.

    Blocking: the vendor is asked. Raises `Invalid` where the provider or the resolution will not do or the series
    belongs to another, and `ProviderFailed`.
    """
    found = provider_of(provider)
    if not isinstance(found, Vendor):
        raise Invalid.field("provider", "There is no account of this name.")
    try:
        name = canonical(resolution)
    except ValueError:
        name = ""
    if name not in found.capabilities.resolutions:
        choice = ", ".join(found.capabilities.resolutions)
        raise Invalid.field("resolution", f"{found.label} gives {choice}.")
    described = found.describe(vendor_symbol)
    series = ensure_series(
        spec=described.spec, resolution=name, provider=provider, vendor_symbol=described.vendor_symbol
    )
    if series is None:
        raise Invalid.field("resolution", "Another provider gives these bars already.")
    return series


def catch_up(*, provider: Provider) -> int:
    """Load the history of every series of `provider` that is far behind; the number of bars that were new.

    Blocking: the vendor is asked. Where one series cannot be had the others are loaded. Raises `SignInExpired`.
    """
    added = 0
    for key in provider.series():
        series = Series.objects.filter(
            instrument__symbol=key.symbol, resolution=key.resolution, provider=provider.key
        ).first()
        if series is None or not _is_far_behind(series):
            continue
        try:
            added += load_history(series=series, bars=provider.history(key, newest_time(series)))
        except SignInExpired:
            raise
        except ProviderFailed as failure:
            logger.warning("%s: its history could not be read: %s", series, failure)
    return added


def _is_far_behind(series: Series) -> bool:
    newest = newest_time(series)
    return newest is None or clock.now().timestamp() - newest > BULK_FROM * seconds(series.resolution)
