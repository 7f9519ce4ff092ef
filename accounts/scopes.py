"""What an API key may be allowed to do: one list of scopes, and the scope that each call needs."""

from collections.abc import Mapping
from typing import Any

from rest_framework.permissions import SAFE_METHODS

READ = "read"

SCOPES: dict[str, str] = {
    READ: "read over REST and sockets whatever its owner may read",
    "notifications:write": "send, answer, mark and delete notifications",
    "channels:write": "where notifications go: channels and preferences",
    "formulas:write": "formulas, deployments, subscriptions and reviews",
    "portfolio:write": "positions and their synchronisation",
    "trade": "orders and broker connections",
    "datafeed:write": "instruments and bars",
    "control:write": "the system's state, mode, configuration and models",
    "jobs:write": "cancel jobs",
}

# By the app that a view belongs to. No key manages accounts: a stolen one must not become a sign-in.
_RESOURCES = {"kernel": "jobs"}
_CLOSED = frozenset({"accounts"})


def required_scope(view: Any, method: str) -> str | None:
    """The scope a key needs to call `method` of `view`; none where no key may.

    Reading needs `read` and writing `<app>:write`, unless the view says otherwise in `required_scope`: a scope, or a
    table of scopes by action or method.
    """
    declared = getattr(view, "required_scope", None)
    if isinstance(declared, str):
        return declared
    if isinstance(declared, Mapping):
        found = declared.get(getattr(view, "action", None)) or declared.get(method)
        if found:
            return str(found)
    app = type(view).__module__.partition(".")[0]
    if app in _CLOSED:
        return None
    return READ if method in SAFE_METHODS else f"{_RESOURCES.get(app, app)}:write"
