"""Whether anybody listens, in whatever process: so that nothing is made and sent for nobody."""

from functools import lru_cache

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from kernel.fuse import Fuse
from kernel.realtime import hub as hubs

ANSWERS_WITHIN = 1.0  # seconds
_fuse = Fuse()


def has_listeners(topic: str) -> bool:
    """Whether a socket of any process listens to `topic`; blocking, and yes where the layer cannot say.

    A listener joins before it reads what is there. So whoever asks after writing misses nobody: who joins later reads
    what was written.
    """
    if hubs.is_heard_here(topic) or hubs.is_alone():
        return hubs.is_heard_here(topic)
    try:
        with _fuse.guarding():
            [(_, count)] = redis_client().pubsub_numsub(channel_of(hubs.group_name(topic)))
    except RedisError:
        return True
    return int(count) > 0


def channel_of(group: str) -> str:
    """The channel of Redis to which the layer itself subscribes each process that has joined `group`."""
    return f"{settings.CHANNEL_LAYERS['default']['CONFIG']['prefix']}__group__{group}"


@lru_cache(maxsize=1)
def redis_client() -> Redis:
    return Redis.from_url(settings.ENV.redis_url, socket_timeout=ANSWERS_WITHIN, socket_connect_timeout=ANSWERS_WITHIN)
