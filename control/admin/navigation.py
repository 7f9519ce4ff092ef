"""The way through the control panel's lists: what people look for first, then what stands behind it."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# Title, then `app.model`, an icon, and words where the model's own are not what people call it.
GROUPS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Trading",
        (
            ("formulas.formula", "function", ""),
            ("formulas.deployment", "play_circle", ""),
            ("formulas.signal", "swap_vert", ""),
            ("formulas.subscription", "bookmark", ""),
            ("formulas.review", "star", ""),
            ("formulas.publication", "workspace_premium", ""),
            ("portfolio.position", "account_balance_wallet", ""),
            ("portfolio.fill", "receipt_long", ""),
        ),
    ),
    (
        "Market data",
        (
            ("datafeed.instrument", "category", ""),
            ("datafeed.series", "stacked_line_chart", ""),
            ("datafeed.bar", "candlestick_chart", ""),
            ("datafeed.gap", "space_bar", ""),
            ("datafeed.barrevision", "edit_note", ""),
            ("datafeed.provideraccount", "vpn_key", ""),
        ),
    ),
    (
        "Notifications",
        (
            ("notifications.notification", "notifications", ""),
            ("notifications.delivery", "outgoing_mail", ""),
            ("notifications.channel", "alternate_email", ""),
            ("notifications.preferences", "tune", ""),
        ),
    ),
    (
        "People",
        (
            ("accounts.user", "person", ""),
            ("accounts.company", "apartment", ""),
            ("accounts.kycsubmission", "badge", ""),
            ("accounts.invitation", "person_add", ""),
            ("accounts.session", "devices", ""),
            ("accounts.apikey", "key", "API keys"),
            ("mfa.authenticator", "phonelink_lock", "Second factors"),
            ("axes.accessattempt", "lock", ""),
        ),
    ),
    (
        "System",
        (
            ("kernel.job", "manufacturing", ""),
            ("kernel.pendingevent", "pending_actions", ""),
            ("kernel.auditentry", "policy", ""),
            ("kernel.lease", "gavel", ""),
        ),
    ),
)
BEHIND = {
    "accounts.kycdocument": "Identity documents",
    "auth.group": "Roles",
    "notifications.fanout": "Fan-outs",
    "notifications.heldback": "Held back",
    "notifications.kind": "Kinds of notifications",
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links for the side bar; only what this person may see."""
    known = _models(request)
    first = {"items": [{"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}]}
    shown = [_group(title, [_item(known, *one) for one in items if one[0] in known]) for title, items in GROUPS]
    named = {name for _, items in GROUPS for name, _, _ in items}
    rest = [_item(known, name, "", BEHIND.get(name, "")) for name in sorted(known) if name not in named]
    rest.sort(key=lambda item: str(item["title"]))
    return [first, *filter(None, shown), *filter(None, [_group("Behind it", rest, collapsible=True)])]


def _models(request: HttpRequest) -> dict[str, dict[str, Any]]:
    return dict(_named(request))


def _named(request: HttpRequest) -> Iterator[tuple[str, dict[str, Any]]]:
    for app in admin.site.get_app_list(request):
        for model in app["models"]:
            if model["admin_url"]:
                yield model["model"]._meta.label_lower, model


def _item(known: dict[str, dict[str, Any]], name: str, icon: str, title: str) -> dict[str, Any]:
    return {"title": title or known[name]["name"], "icon": icon, "link": known[name]["admin_url"]}


def _group(title: str, items: list[dict[str, Any]], *, collapsible: bool = False) -> dict[str, Any] | None:
    return {"title": title, "items": items, "collapsible": collapsible} if items else None
