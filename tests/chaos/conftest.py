"""A crowd of readers, a server for those tests that leave it running, and backends that may be killed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.backends import PrivatePostgres, PrivateRedis
from tests.chaos.population import populate
from tests.chaos.readers import Crowd
from tests.chaos.servers import EMBEDDED, Site, on_backends
from tests.server import LiveServer

PEOPLE = 60


@pytest.fixture(scope="session")
def kept(tmp_path_factory: Any) -> Iterator[Site]:
    server = LiveServer(tmp_path_factory.mktemp("chaos"), **EMBEDDED)
    try:
        yield Site(server.start(), populate(server, PEOPLE))
    finally:
        server.close()


@pytest.fixture
def site(kept: Site) -> Site:
    """One process with all in it, running; a test may kill it."""
    assert kept.server.process
    if kept.server.process.poll() is not None:
        kept.server.start()
    return kept


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    with Crowd() as readers:
        yield readers


@pytest.fixture
def pair(
    make_server: Callable[..., LiveServer], postgres: PrivatePostgres, redis: PrivateRedis
) -> Iterator[tuple[LiveServer, LiveServer]]:
    """Two processes on one PostgreSQL and one Redis."""
    one = make_server(**on_backends(postgres, redis)).start()
    other = one.beside().start()
    yield one, other
    other.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    server = PrivateRedis(tmp_path)
    yield server.start()
    server.kill()


@pytest.fixture
def postgres() -> Iterator[PrivatePostgres]:
    cluster = PrivatePostgres()
    yield cluster.start()
    cluster.close()
