"""The providers of this installation as they are to be asked: with their account's values and their series."""

import logging

import msgspec

from datafeed.models import ProviderAccount, Series
from datafeed.providers import BUILT_IN, REGISTRY, enabled_providers, find_provider, kind_of, new_provider
from datafeed.providers.base import Listing, Provider, SeriesKey, Setup
from datafeed.selectors.instruments import instrument_hours
from kernel.crypto import NotReadable, open_sealed

logger = logging.getLogger(__name__)


def provider_of(key: str) -> Provider | None:
    """The provider that series name as `key`, ready to be asked; none where it is unknown, or its account is off."""
    if key in BUILT_IN:
        return find_provider(key)
    kind, _, name = key.partition(":")
    account = ProviderAccount.objects.filter(kind=kind, name=name, is_enabled=True).first()
    return _with_account(account) if account else None


def active_providers() -> list[Provider]:
    """Every provider that the feed follows: those without accounts, and those of accounts that are switched on."""
    accounts = ProviderAccount.objects.filter(is_enabled=True)
    return [*enabled_providers(), *(provider for account in accounts if (provider := _with_account(account)))]


def account_values(account: ProviderAccount) -> dict[str, str]:
    """What the account was told, secret values among it; nothing where it cannot be read any more."""
    if not account.sealed:
        return {}
    try:
        return msgspec.json.decode(open_sealed(account.sealed, context=account.context), type=dict[str, str])
    except (NotReadable, msgspec.DecodeError) as error:
        logger.warning("the account %s cannot be read: %s", account.key, error)
        return {}


def _with_account(account: ProviderAccount) -> Provider | None:
    """The provider of `account`; none where it has not been told all that it must know."""
    if kind_of(account.key) not in REGISTRY:
        return None
    values = account_values(account)
    provider = new_provider(Setup(account.key, values, _listings(account.key)))
    return None if any(field.fault(values.get(field.name, "")) for field in provider.fields) else provider


def _listings(key: str) -> dict[SeriesKey, Listing]:
    found: dict[SeriesKey, Listing] = {}
    for series in Series.objects.filter(provider=key, instrument__is_active=True).select_related("instrument"):
        symbol = series.instrument.symbol
        listing = Listing(series.vendor_symbol or symbol, instrument_hours(series.instrument))
        found[SeriesKey(symbol, series.resolution)] = listing
    return found
