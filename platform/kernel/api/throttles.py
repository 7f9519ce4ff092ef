"""How often somebody may call the API: counters by the minute in the shared cache."""

import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.core.cache import cache
from redis import Redis
from redis.exceptions import RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from kernel import clock
from kernel.errors import Unavailable
from kernel.fuse import Fuse

logger = logging.getLogger(__name__)

MINUTE = 60
_fuse = Fuse()
SIGN_IN, MARKET_DATA, BROADCAST = "sign-in", "market-data", "broadcast"


class CallThrottle(BaseThrottle):
    """So many calls a minute by each person, fewer of them that change something; strangers count by address.

    A view may say `throttle_group`: `market-data` has a limit of its own that charts can live with, `broadcast` a
    further one, and `sign-in` the strictest, always by address. While the cache is gone everything goes on uncounted
    but `sign-in`, which is 503.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        minute = int(clock.now().timestamp()) // MINUTE
        try:
            counters = [(f"{key}:{minute}", limit) for key, limit in _counters(request, view)]
            counts = _counted([key for key, _ in counters])
            return all(count <= limit for count, (_, limit) in zip(counts, counters, strict=True))
        except RedisError:
            if _group(view) == SIGN_IN:
                raise Unavailable(Retry_After="5") from None
            logger.warning("the cache is gone: calls are not counted")
            return True

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return MINUTE - clock.now().timestamp() % MINUTE


def _group(view: Any) -> str:
    return getattr(view, "throttle_group", "")


def _counters(request: Request, view: Any) -> Iterator[tuple[str, int]]:
    address = f"address:{request.META.get('REMOTE_ADDR') or ''}"
    group = _group(view)
    if group == SIGN_IN:
        yield f"calls:{SIGN_IN}:{address}", settings.SIGN_IN_CALLS_PER_MINUTE
        return
    is_known = request.user.is_authenticated
    caller = f"user:{request.user.pk}" if is_known else address
    if group == MARKET_DATA or not is_known:
        yield f"calls:{MARKET_DATA}:{caller}", settings.PUBLIC_CALLS_PER_MINUTE
        return
    yield f"calls:{caller}", settings.CALLS_PER_MINUTE
    if request.method not in SAFE_METHODS:
        yield f"writes:{caller}", settings.WRITES_PER_MINUTE
    if group == BROADCAST:
        yield f"calls:{BROADCAST}:{caller}", settings.BROADCASTS_PER_MINUTE


def _counted(keys: list[str]) -> list[int]:
    """One more for each of `keys`: how many there are now. Through Redis it is one question, whatever their number."""
    if not settings.ENV.redis_url:
        return [_count(key) for key in keys]
    with _fuse.guarding(), _redis().pipeline(transaction=False) as asked:
        for key in keys:
            name = f"{settings.CACHES['default']['KEY_PREFIX']}:{key}"
            asked.incr(name)
            asked.expire(name, 2 * MINUTE)
        return cast(list[int], asked.execute()[::2])


def _count(key: str) -> int:
    try:
        return cache.incr(key)
    except ValueError:
        # Of several that find no counter one makes it, and all count.
        return 1 if cache.add(key, 1, 2 * MINUTE) else _count(key)


@lru_cache(maxsize=1)
def _redis() -> Redis:
    return Redis.from_url(settings.ENV.redis_url, **settings.CACHES["default"]["OPTIONS"])
