"""Databases with all tables and nothing in them, to copy: to make one takes longer than a server's whole start.

Each is made once for all processes that share a run of the suite.
"""

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.conf import settings

ROOT = Path(__file__).resolve().parents[1]
SHARED = "TESTS_SHARE"  # the variable that tells workers of the folder


def shared_folder() -> Path:
    """Where processes that share a run keep what is made once; gone with the one that asked first."""
    if SHARED not in os.environ:
        os.environ[SHARED] = tempfile.mkdtemp(prefix="signalbox-tests-")
        atexit.register(_forget, Path(os.environ[SHARED]))
    return Path(os.environ[SHARED])


def empty_database() -> Path:
    """In a file of SQLite."""
    folder = shared_folder()
    _once("sqlite", lambda: _migrate(DATABASE_URL=""))
    return folder / "signalbox.sqlite3"


def empty_postgres() -> str:
    """On the PostgreSQL of this run: the name of a database that others are copied from."""
    name = _template(shared_folder())

    def make() -> None:
        in_postgres(f'CREATE DATABASE "{name}"')
        _migrate(DATABASE_URL=address_of(name))

    _once("postgres", make)
    return name


def address_of(database: str) -> str:
    """The URL of another database of the PostgreSQL of this run."""
    return urlsplit(settings.ENV.database_url)._replace(path=f"/{database}").geturl()


def in_postgres(statement: str) -> None:
    with psycopg.connect(settings.ENV.database_url, autocommit=True) as connection:
        connection.execute(statement)


def _once(what: str, make: Callable[[], None]) -> None:
    made = shared_folder() / f"{what}.made"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make()
            made.touch()


def _migrate(**environment: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    usual = {**os.environ, "ENV_FILE": "", "REDIS_URL": "", "DATA_DIR": str(shared_folder())}
    subprocess.run(command, cwd=ROOT, env=usual | environment, check=True)


def _template(folder: Path) -> str:
    return folder.name.replace("-", "_").lower()


def _forget(folder: Path) -> None:
    if (folder / "postgres.made").exists():
        in_postgres(f'DROP DATABASE IF EXISTS "{_template(folder)}" WITH (FORCE)')
    shutil.rmtree(folder, ignore_errors=True)
