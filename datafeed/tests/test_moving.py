"""An installation with bars moves to another way of keeping them without losing one, on both databases."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tests.server import ROOT

BEFORE = "0004_accounts_of_providers"
SERIES = """
    INSERT INTO datafeed_instrument (id, created_at, updated_at, symbol, name, exchange, type, currency,
        price_increment, lot_size, session, timezone, is_active)
    VALUES (1, '2026-01-01', '2026-01-01', 'OLD', 'Old', 'NYSE', 'stock', 'USD', 0.01, 1, '0930-1600',
        'America/New_York', true);
    INSERT INTO datafeed_series (id, created_at, resolution, provider, vendor_symbol, edition, revision, instrument_id)
    VALUES (7, '2026-01-01', '1D', 'import', '', 1, 1, 1);
"""
BARS = """
    INSERT INTO datafeed_bar (id, opened_at, open, high, low, close, volume, series_id)
    VALUES ({}, {}, 10, 11.5, 9.00000001, 10.25, 123456789, 7);
"""
STAMPS = [0, 946598400, 946684800, 1767139200, 1767225600, 4102444800]  # of the oldest partition to the last
Run = Callable[[str], list[Any]]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[dict[str, str], Run]]:
    """A database of its own: the environment that names it, and a way to ask it."""
    environment = {**os.environ, "DATA_DIR": str(tmp_path)}
    if connection.vendor == "sqlite":
        environment.pop("DATABASE_URL", None)
        yield environment, lambda sql: _ask_sqlite(tmp_path / "signalbox.sqlite3", sql)
        return
    url, name = settings.ENV.database_url, f"moving_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            address = f"{url.rpartition('/')[0]}/{name}"
            yield {**environment, "DATABASE_URL": address}, lambda sql: _ask_postgresql(address, sql)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _ask_sqlite(path: Path, sql: str) -> list[Any]:
    file = sqlite3.connect(path)
    try:
        found = [] if ";" in sql else file.execute(sql).fetchall()
        file.executescript(sql if ";" in sql else "")
        return found
    finally:
        file.close()


def _ask_postgresql(address: str, sql: str) -> list[Any]:
    with psycopg.connect(address, autocommit=True) as there:
        cursor = there.execute(sql)
        return cursor.fetchall() if cursor.description else []


def migrate(environment: dict[str, str], *target: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "-v0", *target]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)


def test_bars_of_an_older_version_are_all_there_and_guarded(elsewhere: tuple[dict[str, str], Run]) -> None:
    environment, ask = elsewhere
    migrate(environment, "auth")
    migrate(environment, "datafeed", BEFORE)
    ask(SERIES + "".join(BARS.format(number, stamp) for number, stamp in enumerate(STAMPS, 1)))
    columns = "SELECT id, opened_at, open, high, low, close, volume, series_id FROM datafeed_bar ORDER BY id"
    before = ask(columns)
    assert [row[1] for row in before] == STAMPS
    migrate(environment)
    assert ask(columns) == before
    ask(BARS.replace("(id, ", "(").replace("({}, ", "(").format(86_400) + ";")
    assert len(ask("SELECT DISTINCT id FROM datafeed_bar")) == len(STAMPS) + 1
    for wrong in (BARS.format(99, 0), "PRAGMA foreign_keys = ON; DELETE FROM datafeed_series;"):
        with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
            ask(wrong if connection.vendor == "sqlite" else wrong.removeprefix("PRAGMA foreign_keys = ON;"))
