"""Notifications in a burst while servers and Redis die: everybody has each of theirs once, in order."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep

import pytest

from tests.chaos.backends import PrivateRedis
from tests.chaos.oracle import check_complete
from tests.chaos.population import TELL, Population, populate, tables
from tests.chaos.readers import Crowd, until
from tests.chaos.servers import Site, readers
from tests.chaos.writers import Writers
from tests.server import ROOT, LiveServer

# A second, on a machine that is busy with other things.
LEAST = 5


@dataclass(frozen=True)
class Size:
    """`per_second` is what REST's writers offer; a process beside the servers writes a fifth of it in addition."""

    sockets: int
    people: int
    per_second: int
    seconds: float


SIZES = [
    pytest.param(Size(100, 20, 60, 4), id="small", marks=pytest.mark.live),
    pytest.param(Size(1_000, 60, 80, 20), id="large", marks=pytest.mark.chaos),
]


@pytest.mark.parametrize("size", SIZES)
def test_a_burst_survives_the_deaths_of_a_server_and_of_redis(
    pair: tuple[LiveServer, LiveServer], redis: PrivateRedis, crowd: Crowd, size: Size
) -> None:
    one, other = pair
    people = populate(one, size.people)
    crowd.join(readers(people, size.sockets, [one.port, other.port]), within=60)
    of_the_other = [reader for reader in crowd.readers if reader.port == other.port]
    with beside(one, people, size) as told, Writers([one.site, other.site], people, size.per_second) as writers:
        ends = monotonic() + size.seconds
        sleep(size.seconds / 5)
        one.kill()
        with crowd.restless():
            sleep(size.seconds / 5)
            redis.kill()
            sleep(size.seconds / 10)
            redis.start()
            one.start()
            sleep(max(0.0, ends - monotonic()))
        until(lambda: all(reader.is_live for reader in crowd.readers), 30, "some readers did not come back")
        # The last of all is told while nobody can be woken.
        redis.kill()
        sleep(1)
    check(one, crowd, writers, told, size)
    assert any(reader.acknowledged for reader in crowd.readers)
    assert not any(reader.closes for reader in of_the_other), "sockets of the server that lived were cut"
    assert all(reader.closes for reader in crowd.readers if reader not in of_the_other)


@pytest.mark.parametrize("size", SIZES)
def test_a_burst_survives_the_death_of_the_one_server(site: Site, crowd: Crowd, size: Size) -> None:
    server = site.server
    crowd.join(site.readers(size.sockets), within=60)
    with beside(server, site.people, size) as told, Writers([server.site], site.people, size.per_second / 2) as writers:
        sleep(size.seconds / 2)
        server.kill()
        server.start()
        with crowd.restless():
            sleep(size.seconds / 2)
    check(server, crowd, writers, told, size)
    assert all(reader.closes for reader in crowd.readers)


@contextmanager
def beside(server: LiveServer, people: Population, size: Size) -> Iterator[list[str]]:
    """A process that writes to a formula's followers meanwhile; what it has committed is there in the end."""
    count, committed = int(size.per_second / 5 * size.seconds), list[str]()
    code = TELL % {"count": count, "formula": people.formula, "pause": 5 / size.per_second}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    with subprocess.Popen(command, cwd=ROOT, env=server.environment, stdout=subprocess.PIPE, text=True) as process:
        yield committed
        committed += process.communicate(timeout=60)[0].split("\n")[:-1]
    assert len(committed) == count


def check(server: LiveServer, crowd: Crowd, writers: Writers, told: list[str], size: Size) -> None:
    assert not writers.faults, writers.faults[:5]
    assert len(writers.acknowledged) > LEAST * size.seconds, f"too few to mean anything; refused {writers.refused}"
    assert writers.acknowledged == set(writers.sent)
    check_complete(crowd, tables(server), writers.acknowledged | set(told))
