"""Ways to reach a person outside of the platform: one file for each, found by its key in one registry."""

from functools import cache

from django.utils.module_loading import import_string

from notifications.channels.base import DeliveryFailed, Field, Letter, Transport, Values

REGISTRY: dict[str, tuple[str, str]] = {
    "email": ("E-mail", "notifications.channels.email.Email"),
    "webhook": ("Webhook", "notifications.channels.webhook.Webhook"),
    "webpush": ("Browser push", "notifications.channels.webpush.WebPush"),
    "telegram": ("Telegram", "notifications.channels.telegram.Telegram"),
    "slack": ("Slack", "notifications.channels.slack.Slack"),
    "discord": ("Discord", "notifications.channels.discord.Discord"),
    "ntfy": ("ntfy", "notifications.channels.ntfy.Ntfy"),
    "apprise": ("Another service", "notifications.channels.apprise.Apprise"),
}
"""Key → label and dotted path; a transport is loaded on first use."""

IN_APP, SOCKET = "in_app", "socket"
OWN_WAYS = (IN_APP, SOCKET)
"""The ways that need no address: the inbox, and the sockets that are open."""

__all__ = [
    "IN_APP",
    "OWN_WAYS",
    "REGISTRY",
    "SOCKET",
    "DeliveryFailed",
    "Field",
    "Letter",
    "Transport",
    "Values",
    "find_transport",
    "kind_choices",
    "ways",
]


@cache
def find_transport(key: str) -> Transport | None:
    """The transport called `key`; none where no such one is registered."""
    if key not in REGISTRY:
        return None
    transport = import_string(REGISTRY[key][1])()
    assert isinstance(transport, Transport)  # noqa: S101  a wrong registry is a fault of ours
    return transport


def kind_choices() -> list[tuple[str, str]]:
    """Key and label of every transport, for choosing one."""
    return [(key, label) for key, (label, _) in REGISTRY.items()]


def ways() -> list[str]:
    """Every way a notification can take: those of our own, then the kinds of channels."""
    return [*OWN_WAYS, *REGISTRY]
