"""A crowd of readers, a server for those tests that leave it running, and backends that may be killed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.backends import PrivatePostgres, PrivateRedis, missing
from tests.chaos.population import populate
from tests.chaos.readers import Crowd
from tests.chaos.servers import EMBEDDED, Site
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


def _need_backends() -> None:
    """`make test` runs on a machine with Python alone and leaves these out; where all must run they fail."""
    if lacking := missing():
        if os.environ.get("EVERY_TEST"):
            pytest.fail(lacking)
        pytest.skip(lacking)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    _need_backends()
    server = PrivateRedis(tmp_path)
    yield server.start()
    server.kill()


@pytest.fixture
def postgres() -> Iterator[PrivatePostgres]:
    _need_backends()
    cluster = PrivatePostgres()
    yield cluster.start()
    cluster.close()
