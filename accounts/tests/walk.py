"""Every door there is: path, view and method of a list of URL patterns."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver

# Plain pages for people among them, whose links carry what lets their readers in.
PAGES = {"notification-answer"}


def views(patterns: list[Any], path: str = "") -> Iterator[tuple[str, Any, str]]:
    """Each path with its view and each method it has."""
    for pattern in patterns:
        here = path + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern) and pattern.name not in PAGES:
            callback: Any = pattern.callback
            actions = getattr(callback, "actions", None)
            view = callback.cls(**getattr(callback, "initkwargs", {}))
            methods = actions or {name: name for name in view.http_method_names if hasattr(view, name)}
            for method, action in methods.items():
                if method in {"get", "post", "put", "patch", "delete"}:
                    view.action = action if actions else None
                    yield here, view, method.upper()
