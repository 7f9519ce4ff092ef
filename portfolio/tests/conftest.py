"""A market whose prices the test chooses, and people who trade on it."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from datafeed.models import Bar, Instrument, Series
from kernel import clock
from portfolio.models import Position
from portfolio.services import add_position

DAY = 86_400
TODAY = datetime(2024, 5, 31, 15, 30, tzinfo=UTC)


@pytest.fixture
def instrument(db: None) -> Callable[..., Instrument]:
    """A maker of instruments with daily bars: `instrument("ACME", {"2024-05-30": 12.5})`."""

    def make(symbol: str = "ACME", closes: dict[str, float] | None = None) -> Instrument:
        made = Instrument.objects.create(
            symbol=symbol, name=symbol, exchange="NYSE", session="24x7", timezone="Etc/UTC"
        )
        if closes is not None:
            series = Series.objects.create(instrument=made, resolution="1D", provider="replay")
            for day, close in closes.items():
                close_bar(series, day, close)
        return made

    return make


def close_bar(series: Series, day: str, close: float) -> None:
    stamp = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    price = Decimal(str(close))
    Bar.objects.create(series=series, opened_at=stamp, open=price, high=price, low=price, close=price)


@pytest.fixture
def clock_at(monkeypatch: Any) -> Callable[[str], None]:
    """Set the clock: `clock_at("2024-05-30T10:00")`."""

    def set_to(moment: str) -> None:
        stopped = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        monkeypatch.setattr(clock, "now", lambda: stopped)

    set_to(TODAY.replace(tzinfo=None).isoformat())
    return set_to


def trade(user: Any, instrument: Instrument, quantity: str, price: str, formula: Any = None) -> Position:
    return add_position(
        user=user, instrument=instrument, quantity=Decimal(quantity), price=Decimal(price), formula=formula
    )
