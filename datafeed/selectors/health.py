"""How the feed goes: what it has, what it sends, and what each provider says."""

from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Max

from datafeed.models import Bar, Gap, Instrument, Series
from datafeed.selectors.providers import active_providers
from kernel import clock
from kernel.background import reported

STANDING_KEY = "datafeed:standing"
COUNT_FOR = 10
MOST_COUNTED = 1_000_000
GAPS_SHOWN = 10
COMPONENT = "feed"


def feed_health() -> dict[str, Any]:
    """The datafeed's health: `ok`, or `degraded` where the feed is silent or says so itself."""
    component = reported([COMPONENT])[COMPONENT]
    said: dict[str, Any] = cache.get(STANDING_KEY) or {}
    is_ok = component is not None and component.status == "ok"
    return {
        "status": "ok" if is_ok else "degraded",
        "message": component.detail if component else "the feed does not run in reach of this process",
        "symbols_loaded": Instrument.objects.filter(is_active=True).count(),
        "bars_count": _bars_count(),
        "timestamp": clock.isoformat(clock.now()),
        "broadcaster": _broadcaster(said, is_running=component is not None and settings.BAR_BROADCASTER_ENABLED),
        "providers": _providers(said),
        "gaps": _gaps(),
    }


def _broadcaster(said: dict[str, Any], *, is_running: bool) -> dict[str, Any]:
    counters = {"broadcasts_sent": 0, "broadcasts_skipped": 0, "errors": 0, **said.get("counters", {})}
    return {
        "is_running": is_running,
        "interval": settings.BAR_BROADCASTER_INTERVAL,
        "symbols": list(settings.BAR_BROADCASTER_SYMBOLS),
        "resolutions": list(settings.BAR_BROADCASTER_RESOLUTIONS),
        **counters,
    }


def _providers(said: dict[str, Any]) -> list[dict[str, Any]]:
    providers, states = active_providers(), said.get("states", {})
    stored = Series.objects.filter(provider__in=[provider.key for provider in providers])
    owned = list(stored.values_list("provider", flat=True))
    return [
        {
            "key": provider.key,
            "label": provider.label,
            "attribution": provider.attribution,
            "is_simulated": provider.is_simulated,
            "series": owned.count(provider.key),
            **_state(states.get(provider.key, {})),
        }
        for provider in providers
    ]


def _state(state: dict[str, Any]) -> dict[str, Any]:
    fault = state.get("fault", "")
    return {
        "status": "error" if fault else "ok",
        "detail": fault or state.get("standing", ""),
        "restarts": state.get("restarts", 0),
        "put_aside": state.get("put_aside", 0),
    }


def _gaps() -> dict[str, Any]:
    open_gaps = Gap.objects.open()
    newest = open_gaps.select_related("series__instrument")[:GAPS_SHOWN]
    return {
        "open": open_gaps.count(),
        "filled": Gap.objects.exclude(filled_at=None).count(),
        "newest": [
            {
                "symbol": gap.series.instrument.symbol,
                "resolution": gap.series.resolution,
                "since": gap.since,
                "until": gap.until,
                "reason": gap.reason,
            }
            for gap in newest
        ],
    }


def _bars_count() -> int:
    count = cache.get_or_set("datafeed:bars_count", _count, COUNT_FOR)
    return int(count or 0)


def _count() -> int:
    """How many bars there are; beyond `MOST_COUNTED` about how many.

    Counting is a walk over the table, which may have a hundred million rows, and this answer is open to anybody.
    """
    counted = Bar.objects.all()[:MOST_COUNTED].count()
    return counted if counted < MOST_COUNTED else max(counted, _estimated())


def _estimated() -> int:
    """What PostgreSQL keeps of the size of each partition; elsewhere the number of the newest bar."""
    if connection.vendor != "postgresql":
        return int(Bar.objects.aggregate(newest=Max("pk"))["newest"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(greatest(reltuples, 0)), 0) FROM pg_inherits JOIN pg_class ON oid = inhrelid "
            "WHERE inhparent = to_regclass(%s)",
            [Bar._meta.db_table],
        )
        return int(cursor.fetchone()[0])
