"""What every test may use: people, their clients, and a clean hub and cache."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import register_user
from datafeed.selectors.held import held_series
from kernel.background import close_threads
from kernel.tests.caches import clear_cache

NAMESPACE = f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


def pytest_configure() -> None:
    """Tests that run side by side share one Redis and one folder, and must not hear each other."""
    # Every test client builds the middleware anew; looking for all static files each time takes most of a test.
    settings.WHITENOISE_AUTOREFRESH = True
    if connection.vendor == "sqlite":
        folder = tempfile.mkdtemp(prefix="signalbox-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        settings.DATABASES["default"]["TEST"]["NAME"] = str(Path(folder) / "test.sqlite3")
    if settings.ENV.redis_url:
        settings.CACHES["default"]["KEY_PREFIX"] = NAMESPACE
        settings.CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = NAMESPACE


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    """The real hasher is slow on purpose; tests of it ask for it by name."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _unhurried(settings: Any) -> None:
    """Tests call faster than people; those of the limits set their own."""
    settings.CALLS_PER_MINUTE = settings.WRITES_PER_MINUTE = 10**6
    settings.PUBLIC_CALLS_PER_MINUTE = settings.SIGN_IN_CALLS_PER_MINUTE = 10**6
    settings.BROADCASTS_PER_MINUTE = settings.FORMULA_NOTIFICATIONS_PER_MINUTE = 10**6


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    yield
    clear_cache()
    held_series.clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """A thread that holds a connection would keep the test database from being dropped."""
    yield
    close_threads()


@pytest.fixture
def person(db: None) -> Callable[..., User]:
    """A maker of people: `person("ann", role="operator")`."""

    def make(username: str = "ann", **fields: Any) -> User:
        fields.setdefault("email", f"{username}@example.com")
        fields.setdefault("password", "correct horse battery")
        return register_user(username=username, **fields)

    return make


@pytest.fixture
def client_of() -> Callable[[Any], APIClient]:
    """A maker of API clients: `client_of(user)` is signed in as `user`, `client_of(None)` is a stranger."""

    def make(user: Any = None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.force_authenticate(user)
        return client

    return make
