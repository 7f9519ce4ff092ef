"""One real server for the tests that only read it, and a maker for those that break it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.server import LiveServer


@pytest.fixture(scope="session")
def live(tmp_path_factory: Any) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("live"))
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def make_server(tmp_path: Any) -> Iterator[Callable[..., LiveServer]]:
    made: list[LiveServer] = []

    def make(**environment: str) -> LiveServer:
        made.append(LiveServer(tmp_path, **environment))
        return made[-1]

    yield make
    for server in made:
        server.close()
