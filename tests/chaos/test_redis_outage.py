"""Redis flushed, gone or silent: nobody is cut off, all is written and arrives, and it is as fast again after it."""

import asyncio
from dataclasses import dataclass, replace
from time import monotonic, sleep

import httpx
import pytest
import redis as redis_client
from redis.exceptions import RedisError

from kernel.realtime.layer import PatientLayer
from tests.chaos.backends import PrivateRedis
from tests.chaos.oracle import check_complete
from tests.chaos.population import populate, tables
from tests.chaos.readers import Crowd, until
from tests.chaos.servers import readers
from tests.chaos.writers import Writers
from tests.server import LiveServer

# How long what one process wrote may take to another's sockets while nobody can be woken: it looks every two seconds.
LATE = 10.0
# After Redis is back, until its loss can no longer be felt.
RECOVERED_WITHIN = 20.0
SAMPLE = 3.0
# For whoever finds out that Redis hangs.
TIME_OUT = 1.0
# People who first connect, to each server, while Redis is away: no process listens to their streams yet.
LATECOMERS = 3
# Of what the writers got done before. Without Redis a delivery between processes waits a second in the mean.
LEAST_RATE, MOST_DELAY_MORE = 0.7, 0.5


@dataclass(frozen=True)
class Size:
    sockets: int
    people: int
    per_second: int
    gone: float  # seconds


@dataclass(frozen=True)
class Pace:
    """How many were acknowledged per second, and the seconds in which nine of ten deliveries were made."""

    rate: float
    delay: float

    def is_as_good_as(self, usual: "Pace") -> bool:
        return self.rate >= LEAST_RATE * usual.rate and self.delay <= usual.delay + MOST_DELAY_MORE


SIZES = [
    pytest.param(Size(60, 12, 20, 4), id="small", marks=pytest.mark.live),
    pytest.param(Size(1_000, 60, 60, 60), id="large", marks=pytest.mark.chaos),
]


@pytest.mark.parametrize("how", ["killed", "frozen"])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_lost_while_redis_is_empty_or_gone(
    pair: tuple[LiveServer, LiveServer], redis: PrivateRedis, crowd: Crowd, size: Size, how: str
) -> None:
    one, other = pair
    people = populate(one, size.people)
    early, late = (replace(people, people=part) for part in (people.people[:-LATECOMERS], people.people[-LATECOMERS:]))
    crowd.join(readers(early, size.sockets, [one.port, other.port]), within=60)
    with Writers([one.site, other.site], people, size.per_second) as writers:
        usual = pace(crowd, writers)
        with redis_client.Redis.from_url(redis.url) as client:
            client.flushall()
        sleep(1)
        before = len(writers.acknowledged)
        redis.kill() if how == "killed" else redis.freeze()
        sleep(size.gone)
        crowd.join(readers(late, 2 * LATECOMERS, [one.port, other.port]), within=LATE)
        check_rest(one, people.admin)
        told = _told(crowd)
        until(lambda: _told(crowd) > told, LATE, "nothing arrives without Redis")
        assert len(writers.acknowledged) - before > size.gone, f"too few without Redis; refused {writers.refused}"
        redis.start() if how == "killed" else redis.thaw()
        check_recovered(crowd, writers, usual)
    assert not writers.faults, writers.faults[:5]
    check_complete(crowd, tables(one), writers.acknowledged)
    assert not any(reader.closes for reader in crowd.readers), "somebody was cut off"


def check_rest(server: LiveServer, token: str) -> None:
    """Fails unless what needs no Redis is answered soon, and what does with when to come back."""
    with httpx.Client(base_url=f"{server.site}/api/v1", headers={"Authorization": f"Bearer {token}"}) as client:
        began = monotonic()
        assert {client.get("/notifications/unread/count").status_code for _ in range(10)} == {200}
        # One caller finds out that Redis hangs; the others do not wait for it.
        assert monotonic() - began < 10 * TIME_OUT / 2
        sign_in = {"username": "boss", "password": "correct horse battery"}
        refused = [client.post("/auth/ws-ticket"), client.post("/auth/login", json=sign_in)]
        assert [(answer.status_code, "retry-after" in answer.headers) for answer in refused] == [(503, True)] * 2


async def test_who_joins_and_who_leaves_meanwhile_is_made_known_when_redis_is_back(redis: PrivateRedis) -> None:
    layer = PatientLayer(hosts=[{"address": redis.url, "socket_timeout": TIME_OUT}], prefix="outage")
    channel = await layer.new_channel("hub")
    await layer.group_add("leaves", channel)
    redis.kill()
    await layer.group_add("joins", channel)
    await layer.group_discard("leaves", channel)
    with pytest.raises(RedisError):
        await layer.group_send("joins", {"number": 1})
    redis.start()
    names = [f"outage__group__{name}" for name in ("joins", "leaves")]
    with redis_client.Redis.from_url(redis.url) as client:
        async with asyncio.timeout(LATE):
            while [count for _, count in client.pubsub_numsub(*names)] != [1, 0]:
                await asyncio.sleep(0.05)
    await layer.group_send("joins", {"number": 2})
    assert await asyncio.wait_for(layer.receive(channel), LATE) == {"number": 2}
    await layer.flush()


def check_recovered(crowd: Crowd, writers: Writers, usual: Pace) -> None:
    """Fails unless writing and delivering are soon about as fast as they were."""
    deadline = monotonic() + RECOVERED_WITHIN
    while not (found := pace(crowd, writers)).is_as_good_as(usual):
        assert monotonic() < deadline, f"{found} after Redis came back, {usual} before"


def pace(crowd: Crowd, writers: Writers) -> Pace:
    """How fast all goes for the next seconds."""
    began, done = monotonic(), len(writers.acknowledged)
    sleep(SAMPLE)
    rate = (len(writers.acknowledged) - done) / SAMPLE
    sent = {title: at for title, at in list(writers.sent.items()) if began <= at}
    heard = [told for reader in list(crowd.readers) for rows in list(reader.told.values()) for told in list(rows)]
    delays = sorted(told.at - sent[told.title] for told in heard if told.title in sent)
    assert delays, "nothing was delivered"
    return Pace(rate, delays[int(len(delays) * 0.9)])


def _told(crowd: Crowd) -> int:
    return sum(len(told) for reader in crowd.readers for told in reader.told.values())
