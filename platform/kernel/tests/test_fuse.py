"""A service that hangs is waited for by one caller, and tried again after a while."""

import pytest
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisHangs

from kernel import clock, fuse
from kernel.fuse import Fuse


def tried(guard: Fuse, error: Exception) -> bool:
    """Whether somebody who asks gets as far as `error`."""
    try:
        with guard.guarding():
            raise error
    except Exception as found:  # noqa: BLE001  whatever was raised, inside or before
        return found is error


@pytest.mark.parametrize("error", [RedisHangs(), TimeoutError()])
def test_after_it_hung_nobody_tries_for_a_while(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Fuse()
    assert [tried(guard, error) for _ in range(3)] == [True, False, False]
    later = clock.monotonic() + fuse.BLOWN_FOR
    monkeypatch.setattr(clock, "monotonic", lambda: later)
    assert [tried(guard, error) for _ in range(2)] == [True, False]


def test_what_fails_at_once_is_tried_each_time() -> None:
    guard = Fuse()
    assert [tried(guard, error) for error in (RedisAway(), ValueError(), RedisAway())] == [True] * 3
