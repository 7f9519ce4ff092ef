"""Where bars come from: one file per source, found by its key in one registry."""

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from datafeed.providers.base import Provider

REGISTRY: dict[str, tuple[str, str]] = {
    "replay": ("Replay of real history", "datafeed.providers.replay.ReplayProvider"),
    "synthetic": ("Simulated market", "datafeed.providers.synthetic.SyntheticProvider"),
}
"""Key → label and dotted path; a provider is loaded on first use."""

_SWITCHES: dict[str, Callable[[], bool]] = {"synthetic": lambda: bool(settings.BAR_BROADCASTER_ENABLED)}


@cache
def find_provider(key: str) -> Provider | None:
    """The provider called `key`; none where no such one is registered any longer."""
    if key not in REGISTRY:
        return None
    provider = import_string(REGISTRY[key][1])()
    assert isinstance(provider, Provider)  # noqa: S101  a wrong registry is a fault of ours
    return provider


def enabled_providers() -> list[Provider]:
    """The providers that are switched on, in the order of the registry."""
    keys = [key for key in REGISTRY if _SWITCHES.get(key, lambda: True)()]
    return [provider for key in keys if (provider := find_provider(key))]


def provider_choices() -> list[tuple[str, str]]:
    """Key and label of every registered provider, for choosing one."""
    return [(key, label) for key, (label, _) in REGISTRY.items()]
