"""Redis flushed, then gone for a while: nobody is cut off, writing goes on, and everything arrives meanwhile."""

from dataclasses import dataclass
from time import monotonic, sleep

import pytest
import redis as redis_client

from tests.chaos.backends import PrivateRedis
from tests.chaos.oracle import check_complete
from tests.chaos.population import populate, tables
from tests.chaos.readers import Crowd, until
from tests.chaos.servers import readers
from tests.chaos.writers import Writers
from tests.server import LiveServer

# How long what one process wrote may take to another's sockets while nobody can be woken: it looks every two seconds.
LATE = 10.0


@dataclass(frozen=True)
class Size:
    sockets: int
    people: int
    per_second: int
    gone: float  # seconds


SIZES = [
    pytest.param(Size(60, 12, 20, 4), id="small", marks=pytest.mark.live),
    pytest.param(Size(1_000, 60, 60, 60), id="large", marks=pytest.mark.chaos),
]


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_lost_while_redis_is_empty_or_gone(
    pair: tuple[LiveServer, LiveServer], redis: PrivateRedis, crowd: Crowd, size: Size
) -> None:
    one, other = pair
    people = populate(one, size.people)
    crowd.join(readers(people, size.sockets, [one.port, other.port]), within=60)
    with Writers([one.site, other.site], people, size.per_second) as writers:
        sleep(1)
        with redis_client.Redis.from_url(redis.url) as client:
            client.flushall()
        sleep(1)
        redis.kill()
        sleep(size.gone)
        before, told = len(writers.acknowledged), _told(crowd)
        until(lambda: _told(crowd) > told, LATE, "nothing arrives without Redis")
        redis.start()
        back = monotonic()
        until(lambda: len(writers.acknowledged) > before, LATE, "nothing is written after Redis came back")
        sleep(max(0.0, 1 - (monotonic() - back)))
    assert not writers.faults, writers.faults[:5]
    assert before > size.gone, f"too few while Redis was gone; refused {writers.refused}"
    check_complete(crowd, tables(one), writers.acknowledged)
    assert not any(reader.closes for reader in crowd.readers), "somebody was cut off"


def _told(crowd: Crowd) -> int:
    return sum(len(told) for reader in crowd.readers for told in reader.told.values())
