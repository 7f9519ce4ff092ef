"""Where bars come from: one file per source, found by its key in one registry."""

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from datafeed.providers.base import Provider, Setup

REGISTRY: dict[str, tuple[str, str]] = {
    "replay": ("Replay of real history", "datafeed.providers.replay.ReplayProvider"),
    "synthetic": ("Simulated market", "datafeed.providers.synthetic.SyntheticProvider"),
    "alpaca": ("Alpaca", "datafeed.providers.alpaca.AlpacaProvider"),
    "ccxt": ("Crypto exchange (ccxt)", "datafeed.providers.ccxt.CcxtProvider"),
    "kite": ("Kite Connect", "datafeed.providers.kite.KiteProvider"),
    "yfinance": ("Yahoo Finance", "datafeed.providers.yfinance.YahooProvider"),
}
"""Key → label and dotted path; a provider is loaded on first use."""

BUILT_IN = ("replay", "synthetic")
"""Those that need no account: they bring their own instruments."""

_SWITCHES: dict[str, Callable[[], bool]] = {"synthetic": lambda: bool(settings.BAR_BROADCASTER_ENABLED)}


def kind_of(key: str) -> str:
    """The provider's kind: accounts of one kind are told apart as `ccxt:kraken` and `ccxt:binance`."""
    return key.partition(":")[0]


@cache
def find_provider(key: str) -> Provider | None:
    """The provider called `key`, without any account; none where no such one is registered any longer."""
    kind = kind_of(key)
    if kind not in REGISTRY or (kind in BUILT_IN and kind != key):
        return None
    return _load(kind)() if kind in BUILT_IN else new_provider(Setup(key))


def new_provider(setup: Setup) -> Provider:
    """The provider of an account, ready to be asked; raises `KeyError` for a kind that is not registered."""
    return _load(kind_of(setup.key))(setup)


def _load(kind: str) -> Callable[..., Provider]:
    found = import_string(REGISTRY[kind][1])
    assert issubclass(found, Provider)  # noqa: S101  a wrong registry is a fault of ours
    return found  # type: ignore[no-any-return]


def enabled_providers() -> list[Provider]:
    """The providers without accounts that are switched on, in the order of the registry."""
    keys = [key for key in BUILT_IN if _SWITCHES.get(key, lambda: True)()]
    return [provider for key in keys if (provider := find_provider(key))]


def provider_choices() -> list[tuple[str, str]]:
    """Key and label of every registered provider, for choosing one."""
    return [(key, label) for key, (label, _) in REGISTRY.items()]


def account_choices() -> list[tuple[str, str]]:
    """Kind and label of every provider that is used by way of an account."""
    return [(key, label) for key, label in provider_choices() if key not in BUILT_IN]
