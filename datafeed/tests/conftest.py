"""A small market for the tests of the datafeed."""

import io
from collections.abc import Callable
from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from datafeed.bars import RawBar
from datafeed.models import Instrument, Series
from datafeed.providers.base import InstrumentSpec
from datafeed.services import ensure_series, import_bars, load_history

DAY = 86_400
MONDAY = 1_388_966_400  # 2014-01-06 00:00 UTC


def bar(opened_at: int, close: float = 10.0, *, opened: float | None = None, volume: float = 100.0) -> RawBar:
    """A consistent bar that reaches a little over both of its ends."""
    start, end = Decimal(str(close if opened is None else opened)), Decimal(str(close))
    reach = Decimal("0.5")
    return RawBar(opened_at, start, max(start, end) + reach, min(start, end) - reach, end, Decimal(str(volume)))


def fill_minutes(series: Series, count: int) -> None:
    """Record so many minutes from `MONDAY` on, the n-th closing at 10 + n % 7; much faster than bar by bar."""
    rows = (f"{MONDAY + 60 * n},{c},{c + 0.5},{c - 0.5},{c},100" for n, c in ((n, 10 + n % 7) for n in range(count)))
    table = "\n".join(["time,open,high,low,close,volume", *rows])
    import_bars(series=series, file=io.BytesIO(table.encode()), zone=UTC)


@pytest.fixture
def daily(db: None) -> Series:
    """IBM's daily series of the replay, empty."""
    spec = InstrumentSpec("IBM", "International Business Machines", "NYSE")
    series = ensure_series(spec=spec, resolution="1D", provider="replay")
    assert series is not None
    return series


@pytest.fixture
def minutes(db: None) -> Series:
    """GOOGL's one-minute series of the simulated market, empty."""
    spec = InstrumentSpec("GOOGL", "Alphabet Inc. Class A", "NASDAQ")
    series = ensure_series(spec=spec, resolution="1", provider="synthetic")
    assert series is not None
    return series


@pytest.fixture
def ten_days(daily: Series) -> Series:
    """Two weeks of IBM, Monday to Friday, closing at 10, 11, … 19."""
    days = [MONDAY + day * DAY for day in range(14) if day % 7 < 5]
    load_history(series=daily, bars=[bar(day, 10 + number) for number, day in enumerate(days)])
    return daily


@pytest.fixture
def instrument(db: None) -> Callable[..., Instrument]:
    def make(symbol: str = "TSLA", **fields: object) -> Instrument:
        return Instrument.objects.create(symbol=symbol, **{"name": "Tesla", "exchange": "NASDAQ", **fields})

    return make


@pytest.fixture
def panel(person: Callable[..., Any]) -> Client:
    user = person("root")
    user.role, user.is_staff, user.is_superuser = "admin", True, True
    user.save()
    client = Client()
    client.force_login(user)
    return client
