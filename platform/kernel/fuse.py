"""A fuse in front of a service that may hang: after one caller has waited for it in vain, nobody does for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisHangs

from kernel import clock

BLOWN_FOR = 2.0  # seconds


class Fuse:
    """One for each use of Redis in a process. One that refuses at once keeps nobody waiting, and blows nothing."""

    def __init__(self) -> None:
        self._until = 0.0

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Raises `RedisError` at once where Redis hung a moment ago, else whatever the block raises."""
        if clock.monotonic() < self._until:
            raise RedisAway("Redis did not answer a moment ago.")
        try:
            yield
        except (RedisHangs, TimeoutError):
            self._until = clock.monotonic() + BLOWN_FOR
            raise
