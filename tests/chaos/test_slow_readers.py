"""Readers that do not read: they harm nobody, keep nothing busy, and have everything once they read again."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from tests.chaos.oracle import check_complete
from tests.chaos.population import tables
from tests.chaos.readers import Crowd, Reader, until
from tests.chaos.servers import Site
from tests.chaos.writers import Writers
from tests.frames import CLOSE, Wire
from tests.raw import open_files
from tests.server import ROOT, LiveServer

EVENTS, FILLER = 300, "x" * 3_000
MOST_DELAY = 1.0
# All that is sent is 1 MB; what is held for one who does not read must not be all of it many times over.
MOST_MEGABYTES = 30
# A ping each 20 s, and 20 s for its answer.
GONE_WITHIN = 45.0
ESTABLISHED = "01"


@dataclass(frozen=True)
class Size:
    sockets: int
    per_second: int


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(60, 60), id="small", marks=pytest.mark.live),
        pytest.param(Size(500, 30), id="large", marks=pytest.mark.chaos),
    ],
)
def test_who_does_not_read_harms_nobody_and_has_everything_later(site: Site, crowd: Crowd, size: Size) -> None:
    slow, *others = site.readers(size.sockets)
    slow.is_narrow = True
    crowd.join([slow, *others], within=60)
    before, own_port = site.megabytes(), slow.own_port()
    crowd.do(slow.stop_reading)
    with Writers([site.server.site], site.people, size.per_second, only="all", filler=FILLER) as writers:
        until(lambda: len(writers.acknowledged) >= EVENTS, 120, "they could not be written")
    # Its connection ended while it was not looking; only now does it read on.
    until(lambda: not is_connected(own_port), 10, "who does not read was kept")
    told = tables(site.server).told["all"]
    until(lambda: all(reader.positions["all"]["seq"] == len(told) for reader in others), 10, "others waited")
    assert site.megabytes() - before < MOST_MEGABYTES
    assert late_of(others, writers) < MOST_DELAY
    assert not any(reader.closes for reader in others)
    crowd.do(slow.read_on)
    check_complete(crowd, tables(site.server), writers.acknowledged)


def is_connected(port: int) -> bool:
    """Whether this machine has an open connection from `port`."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(int(columns[1].partition(":")[2], 16) == port and columns[3] == ESTABLISHED for columns in lines)


def late_of(readers: Sequence[Reader], writers: Writers) -> float:
    """Of all that were told, the seconds from before it was posted that 95 of a hundred took at most."""
    delays = sorted(
        told.at - writers.sent[told.title]
        for reader in readers
        for told in reader.told["all"]
        if told.title in writers.sent
    )
    return delays[int(len(delays) * 0.95)]


@pytest.mark.chaos
def test_a_client_that_stands_still_is_gone_within_40_seconds(site: Site) -> None:
    token, most = site.people.people[0][1], 20
    before = len(open_files(site.server))
    with frozen(site.server, token, most):
        began = monotonic()
        assert len(open_files(site.server)) >= before + most
        with Wire(site.server, token) as wire:
            assert wire.close_code() == 4429
        until(lambda: len(open_files(site.server)) <= before, GONE_WITHIN, "connections nobody is on were kept")
        assert monotonic() - began < GONE_WITHIN
    # Whoever is gone no longer counts.
    wires = [Wire(site.server, token) for _ in range(most)]
    assert all(wire.say("ping").receive()[0] != CLOSE for wire in wires)
    for wire in wires:
        wire.__exit__(None, None, None)


@contextmanager
def frozen(server: LiveServer, token: str, count: int) -> Iterator[None]:
    """A process with so many sockets that is stopped in the middle of all: its system goes on acknowledging bytes."""
    command = [sys.executable, "-m", "tests.chaos.frozen", str(server.port), str(count)]
    with subprocess.Popen(command, cwd=ROOT, env={"TOKEN": token}, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"open\n"
        try:
            yield
        finally:
            process.kill()


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(3, id="small", marks=pytest.mark.live),
        pytest.param(20, id="large", marks=pytest.mark.chaos),
    ],
)
def test_connections_leave_no_descriptor_behind(site: Site, rounds: int) -> None:
    come_and_go(site)
    before = len(open_files(site.server))
    for _ in range(rounds):
        come_and_go(site)
    until(lambda: len(open_files(site.server)) <= before, 30, lambda: f"{len(open_files(site.server))} for {before}")


def come_and_go(site: Site) -> None:
    """A hundred at once."""
    with Crowd() as crowd:
        crowd.join(site.readers(100))
