"""The channel layer over Redis, whose absence costs time and nothing else.

What a process wants to hear is remembered here. Where Redis cannot be told of it, whoever joins goes on all the same
(the streams look at their tables every few seconds), and it is told as soon as it is back.
"""

import asyncio
import logging
from typing import Any, cast

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer, RedisSingleShardConnection
from redis.asyncio import Redis
from redis.exceptions import RedisError

from kernel.fuse import Fuse

logger = logging.getLogger(__name__)

FAULTS = (RedisError, OSError)
AGAIN_EVERY = 1.0  # seconds


class PatientLayer(RedisPubSubChannelLayer):
    """Joining and leaving never fail; a push does, soon, while Redis is away."""

    def _get_layer(self) -> RedisPubSubLoopLayer:
        layer: RedisPubSubLoopLayer = super()._get_layer()
        if not isinstance(layer._shards[0], _PatientShard):
            layer._shards = [_PatientShard(shard.host, layer) for shard in layer._shards]
        return layer


class _PatientShard(RedisSingleShardConnection):
    """One Redis: `_wanted` is what is to be heard, `_subscribed_to` what it has been told of."""

    def __init__(self, host: dict[str, Any], layer: RedisPubSubLoopLayer) -> None:
        super().__init__(host, layer)
        self._wanted: set[str] = set()
        self._mending: asyncio.Task[None] | None = None
        self._fuse = Fuse()

    async def publish(self, channel: str, message: bytes) -> None:
        # Not behind the lock: whoever joins does not wait for a push that waits for Redis.
        self._ensure_redis()
        with self._fuse.guarding():
            await cast(Redis, self._redis).publish(channel, message)

    async def subscribe(self, channel: str) -> None:
        self._wanted.add(channel)
        if self._mending is None:
            try:
                await super().subscribe(channel)
            except FAULTS as error:
                self._mend_later(error)

    async def unsubscribe(self, channel: str) -> None:
        self._wanted.discard(channel)
        if self._mending is None:
            try:
                await super().unsubscribe(channel)
            except FAULTS as error:
                self._mend_later(error)

    async def flush(self) -> None:
        if self._mending:
            self._mending.cancel()
            await asyncio.gather(self._mending, return_exceptions=True)
            self._mending = None
        self._wanted.clear()
        await super().flush()

    def _mend_later(self, error: BaseException) -> None:
        logger.warning("the channel layer is away, pushes between processes wait: %r", error)
        if self._mending is None:
            self._mending = asyncio.create_task(self._mend())

    async def _mend(self) -> None:
        """Try until Redis has been told of all that is wanted, and of no more."""
        while self._wanted != self._subscribed_to:
            await asyncio.sleep(AGAIN_EVERY)
            try:
                for channel in self._wanted - self._subscribed_to:
                    await super().subscribe(channel)
                for channel in self._subscribed_to - self._wanted:
                    await super().unsubscribe(channel)
            except FAULTS:
                continue
            except Exception:  # whatever it is, the next try comes soon
                logger.exception("the channel layer could not be told who listens; trying again")
        # Nothing is awaited between the look and this, so whoever joins from here on tells it themselves.
        self._mending = None
        logger.warning("the channel layer is back")
