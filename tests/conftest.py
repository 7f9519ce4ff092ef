"""One real server for the tests that only read it, and a maker for those that break it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.clients.running import build_typescript
from tests.server import LiveServer
from tests.world import World


@pytest.fixture(scope="session")
def live(tmp_path_factory: Any) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("live"))
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: Any) -> Path:
    """The folder in which the TypeScript client is built, beside the `ws` that an older Node needs."""
    return build_typescript(tmp_path_factory.mktemp("typescript"))


@pytest.fixture
def make_server(tmp_path: Any) -> Iterator[Callable[..., LiveServer]]:
    made: list[LiveServer] = []

    def make(**environment: str) -> LiveServer:
        made.append(LiveServer(tmp_path, **environment))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def world(db: None, settings: Any) -> World:
    """People, and things of theirs to aim at; nobody is told to come back later."""
    for name in ("SIGN_IN_CALLS_PER_MINUTE", "PUBLIC_CALLS_PER_MINUTE", "CALLS_PER_MINUTE", "WRITES_PER_MINUTE"):
        setattr(settings, name, 10**9)
    return World()


@pytest.fixture
def undo() -> Callable[[], AbstractContextManager[None]]:
    """`with undo():` takes back what is written inside."""

    @contextmanager
    def scope() -> Iterator[None]:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)

    return scope
