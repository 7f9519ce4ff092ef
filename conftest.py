"""What every test may use: people, their clients, and a clean hub and cache."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.people import register
from datafeed.selectors.held import held_series
from kernel.background import close_threads
from kernel.tests.caches import clear_cache
from kernel.tests.tables import empty_tables, filled_by_migrations
from tests.empty import shared_folder

LIMITS = (
    "CALLS_PER_MINUTE",
    "WRITES_PER_MINUTE",
    "PUBLIC_CALLS_PER_MINUTE",
    "SIGN_IN_CALLS_PER_MINUTE",
    "BROADCASTS_PER_MINUTE",
    "FORMULA_NOTIFICATIONS_PER_MINUTE",
)
MOST_WORKERS = 6  # each and its servers have connections to PostgreSQL, which gives out a hundred
NAMESPACE = f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


def pytest_configure() -> None:
    """Tests that run side by side share one Redis and one folder, and must not hear each other."""
    # Every test client builds the middleware anew; looking for all static files each time takes most of a test.
    settings.WHITENOISE_AUTOREFRESH = True
    # The real hasher is slow on purpose, and tests call faster than people; tests of either set their own.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for name in LIMITS:
        setattr(settings, name, 10**6)
    folder = shared_folder()  # before workers start: they are to find it
    if connection.vendor == "sqlite":
        settings.DATABASES["default"]["TEST"]["NAME"] = str(folder / f"{NAMESPACE}.sqlite3")
    if settings.ENV.redis_url:
        settings.CACHES["default"]["KEY_PREFIX"] = NAMESPACE
        settings.CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = NAMESPACE


def pytest_xdist_auto_num_workers() -> int:
    """Tests wait for servers half of their time, so two of them share a core."""
    return min(2 * (os.cpu_count() or 1), MOST_WORKERS)


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    yield
    clear_cache()
    held_series.clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database with all tables; a thread that holds a connection would keep it from being dropped."""
    with django_db_blocker.unblock():
        filled_by_migrations()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty_tables())
        yield
    close_threads()


@pytest.fixture(scope="module")
def shared_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """For fixtures of a module whose rows many tests only read: what a test itself writes is taken back as ever.

    Not for modules with transactional tests, which would take these rows back as well.
    """
    kept = transaction.atomic()
    kept._from_testcase = True  # what claims to be outermost is so for all that it can tell
    with django_db_blocker.unblock():
        kept.__enter__()
    yield
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        kept.__exit__(None, None, None)


@pytest.fixture
def person(db: None) -> Callable[..., User]:
    """A maker of people: `person("ann", role="operator")`."""
    return register


@pytest.fixture
def client_of() -> Callable[[Any], APIClient]:
    """A maker of API clients: `client_of(user)` is signed in as `user`, `client_of(None)` is a stranger."""

    def make(user: Any = None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.force_authenticate(user)
        return client

    return make
