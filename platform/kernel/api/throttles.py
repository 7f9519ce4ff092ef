"""How often somebody may call the API: counters by the minute in the shared cache."""

import logging
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from kernel import clock
from kernel.errors import Unavailable

logger = logging.getLogger(__name__)

MINUTE = 60
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
            return all(_count(f"{key}:{minute}") <= limit for key, limit in _counters(request, view))
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


def _count(key: str) -> int:
    """One more for `key`: how many there are now."""
    try:
        return cache.incr(key)
    except ValueError:
        # Of several that find no counter one makes it, and all count.
        return 1 if cache.add(key, 1, 2 * MINUTE) else _count(key)
