"""How the system is: its parts, each asked or heard from."""

from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db import DatabaseError, connection
from redis.exceptions import RedisError

from kernel import background, clock

HEARD_FROM = ["engine", "feed", "jobs"]


def health() -> dict[str, Any]:
    """`{status, components: [{name, status, latency_ms, detail}]}`; `down` where the database does not answer."""
    components = [_asked("database", _database), _asked("cache", _cache)]
    if components[1]["status"] == "ok":
        components += [_heard(name, word) for name, word in background.reported(HEARD_FROM).items()]
    return {"status": _overall(components), "components": components}


def _asked(name: str, probe: Callable[[], object]) -> dict[str, Any]:
    started = clock.monotonic()
    try:
        probe()
    except (DatabaseError, RedisError, OSError) as error:
        return {"name": name, "status": "down", "latency_ms": None, "detail": type(error).__name__}
    return {
        "name": name,
        "status": "ok",
        "latency_ms": round((clock.monotonic() - started) * 1000, 2),
        "detail": "",
    }


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _cache() -> None:
    cache.set("health", 1, 5)
    cache.get("health")


def _heard(name: str, word: background.Component | None) -> dict[str, Any]:
    if word is None:
        return {"name": name, "status": "silent", "latency_ms": None, "detail": "no word for a minute"}
    return {"name": name, "status": word.status, "latency_ms": None, "detail": word.detail}


def _overall(components: list[dict[str, Any]]) -> str:
    if any(component["status"] == "down" for component in components):
        return "down"
    return "ok" if all(component["status"] == "ok" for component in components) else "degraded"
