"""A small market for tests: one instrument whose closes the test chooses."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from datafeed.models import Bar, Instrument, Series
from formulas import live

DAY = 86_400
# Monday, 2001-01-01.
FIRST_DAY = 978_307_200

UP_AND_DOWN = [10.0, 10.0, 10.0, 10.0, 12.0, 12.0, 9.0, 9.0, 9.0, 13.0]
CROSSING = "if crossover(close, sma(close, 3)): buy()"


class Market:
    """An instrument with daily bars: `close_bars` adds some, one for each close given."""

    def __init__(self) -> None:
        self.instrument = Instrument.objects.create(
            symbol="ACME", name="Acme", exchange="NYSE", session="24x7", timezone="Etc/UTC"
        )
        self.series = Series.objects.create(instrument=self.instrument, resolution="1D", provider="replay")
        self.days = 0

    def close_bars(self, closes: list[float]) -> list[int]:
        """Store bars that closed at `closes`; their stamps, in epoch seconds."""
        stamps = [FIRST_DAY + (self.days + number) * DAY for number in range(len(closes))]
        for stamp, close in zip(stamps, closes, strict=True):
            price = Decimal(str(close))
            values = {"open": price, "high": price, "low": price, "close": price}
            Bar.objects.create(series=self.series, opened_at=stamp, volume=Decimal(100), **values)
        self.days += len(closes)
        return stamps


@pytest.fixture(autouse=True)
def _no_states_left() -> None:
    live.forget()


@pytest.fixture
def market(db: None) -> Market:
    return Market()


@pytest.fixture
def formula_of(client_of: Any) -> Callable[..., dict[str, Any]]:
    """A maker of formulas over the API: `formula_of(user, code=…)` answers the created one."""

    def make(maker: Any, code: str = CROSSING, **fields: Any) -> dict[str, Any]:
        body = {"name": "Crossing", "formula_code": code, **fields}
        response = client_of(maker).post("/api/v1/formulas", body)
        assert response.status_code == 201, response.content
        return dict(response.json())

    return make
