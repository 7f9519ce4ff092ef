"""One real server for the tests that only read it, a maker for those that break it, and what each machine can run."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import Browser

from accounts.tests.mail_server import MailServer
from tests.browser import Visitor, opened
from tests.chaos.backends import missing
from tests.clients.running import build_typescript
from tests.server import LiveServer
from tests.world import World


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`make test` runs on a machine with Python alone: what needs more is left out, except where all must run."""
    if os.environ.get("EVERY_TEST"):
        return
    left_out = [item for item in items if _is_out_of_reach(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_out_of_reach(item: pytest.Item) -> bool:
    if "linux" in item.keywords:
        return not Path("/proc/net/tcp").exists()
    starts_backends = item.path.parent.name == "chaos" and {"redis", "postgres"} & set(
        getattr(item, "fixturenames", ())
    )
    return bool(starts_backends and missing())


@pytest.fixture(scope="session")
def live(tmp_path_factory: Any) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("live"))
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        server.begin()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as browser:
        yield browser


@pytest.fixture(scope="session")
def paced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server at a pace that a reader can follow: at the suite's own, rows wander off while they are aimed at."""
    server = LiveServer(tmp_path_factory.mktemp("live"), REPLAY_INTERVAL="1")
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def visit(browser: Browser, live: LiveServer) -> Iterator[Callable[..., Visitor]]:
    """A maker of visitors to the server that the module's tests share."""
    visitors: list[Visitor] = []

    def make(**options: dict[str, int]) -> Visitor:
        visitors.append(Visitor(browser, live, **options))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.page.context.close()


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """Somebody with a tab of their own on the module's server."""
    return visit()


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
def world(db: None) -> World:
    """People, and things of theirs to aim at."""
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
