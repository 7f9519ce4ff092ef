"""The REST surface: a list of paths for each version, which all of its prefixes share."""

import re
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.urls.resolvers import RoutePattern
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView, SpectacularSwaggerView

from accounts.api.urls import urlpatterns as accounts
from control.api.urls import urlpatterns as control
from datafeed.api.urls import urlpatterns as datafeed
from formulas.api.urls import urlpatterns as formulas
from kernel.api.jobs import urlpatterns as jobs
from notifications.api.urls import urlpatterns as notifications
from portfolio.api.urls import urlpatterns as portfolio
from signalbox.views import AsyncApiPage, AsyncApiView, RootView

Patterns = list[URLPattern | URLResolver]

documented: Patterns = [*accounts, *datafeed, *formulas, *portfolio, *notifications, *control, *jobs]

# Each is mounted at `/api/<version>/`; the active one answers on the paths without a version as well.
SURFACES: dict[str, Patterns] = {"v1": documented}


def changed(patterns: Patterns, *changes: URLPattern) -> Patterns:
    """`patterns` of one version for the next: each of `changes` in the place of its route, or added to them."""
    routes = {str(change.pattern) for change in changes}
    return [*changes, *(pattern for pattern in patterns if str(pattern.pattern) not in routes)]


def described(version: str, patterns: Patterns) -> Patterns:
    """`patterns` where the OpenAPI document of `version` lists them: under one prefix."""
    return [path(f"api/{version}/", include((patterns, version), namespace=version))]


def mounted(prefix: str, namespace: str, *, version: str, patterns: Patterns) -> URLResolver:
    """The whole surface of a version under `prefix`, with a namespace of its own."""
    root = [path(prefix.rstrip("/"), RootView.as_view(), name="root")] if prefix else []
    api = [path(prefix, include(by_first_word([*patterns, *_documents(version, patterns)])))]
    return path("", include(([*root, *api], namespace), namespace=namespace))


class FirstWord(RoutePattern):
    """What a path begins with, up to its first slash; nothing is taken off the path."""

    def __init__(self, word: str) -> None:
        super().__init__("", is_endpoint=False)
        self._word, self._followed = word, f"{word}/"

    def match(self, path: str) -> Any:
        return (path, (), {}) if path == self._word or path.startswith(self._followed) else None


def by_first_word(patterns: Patterns) -> Patterns:
    """The same, so that a path is compared with those alone that begin as it does, and not with hundreds of others.

    Patterns of different first words match no path in common, so their order does not matter; those that do not say
    theirs keep their place between the others.
    """
    found: Patterns = []
    groups: dict[str, Patterns] = {}
    for pattern in patterns:
        if match := _WORD.match(str(pattern.pattern)):
            groups.setdefault(match["word"], []).append(pattern)
        else:
            found += [*_grouped(groups), pattern]
            groups = {}
    return [*found, *_grouped(groups)]


# A word as it stands in a route or a regular expression, with the end of it in sight.
_WORD = re.compile(r"\^?(?P<word>[a-z0-9-]+)(?:/|\$|\\Z|\(\?:/|\Z)(?!\?)")


def _grouped(groups: dict[str, Patterns]) -> Patterns:
    return [URLResolver(FirstWord(word), own) for word, own in groups.items()]


def _documents(version: str, patterns: Patterns) -> Patterns:
    if settings.ENV.api_docs == "off":
        return []
    address = f"/api/{version}/openapi.json"
    return [
        path("openapi.json", SpectacularJSONAPIView.as_view(urlconf=described(version, patterns)), name="openapi"),
        path("docs", SpectacularSwaggerView.as_view(url=address), name="docs"),
        path("redoc", SpectacularRedocView.as_view(url=address), name="redoc"),
        path("ws/asyncapi.json", AsyncApiView.as_view(), name="asyncapi"),
        path("ws/asyncapi", AsyncApiPage.as_view(), name="asyncapi-page"),
    ]
