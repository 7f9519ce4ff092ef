"""What is recorded, what is refused, and who is told."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from datafeed.bars import RawBar
from datafeed.errors import BadBar
from datafeed.events import BarClosed
from datafeed.models import Bar, Series
from datafeed.selectors import find_instrument, newest_time, read_bars
from datafeed.services import load_history, record_bar
from datafeed.tests.conftest import DAY, MONDAY, bar
from kernel import events

Committed = Callable[..., Any]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BarClosed]]:
    """What a listener to closed bars has been told."""
    told: list[BarClosed] = []

    def listen(event: BarClosed) -> None:
        told.append(event)

    monkeypatch.setitem(events._handlers, BarClosed, [listen])
    return told


def test_a_recorded_bar_is_told_with_its_instant_of_closing(
    daily: Series, heard: list[BarClosed], django_capture_on_commit_callbacks: Committed
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert record_bar(series=daily, bar=bar(MONDAY, 12.5))
    (event,) = heard
    assert (event.symbol, event.resolution, event.provider, event.close) == ("IBM", "1D", "replay", Decimal("12.5"))
    assert event.opened_at == MONDAY
    assert event.closed_at == MONDAY + 21 * 3600  # 16:00 in New York
    assert (event.series_id, event.instrument_id) == (daily.pk, daily.instrument_id)


def test_the_same_bar_again_changes_nothing_and_tells_nobody(
    daily: Series, heard: list[BarClosed], django_capture_on_commit_callbacks: Committed
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert record_bar(series=daily, bar=bar(MONDAY))
        assert not record_bar(series=daily, bar=bar(MONDAY))
    assert (Bar.objects.count(), len(heard)) == (1, 1)


def test_another_bar_for_a_closed_time_is_refused_and_logged(daily: Series, caplog: pytest.LogCaptureFixture) -> None:
    record_bar(series=daily, bar=bar(MONDAY, 10))
    assert not record_bar(series=daily, bar=bar(MONDAY, 11))
    assert Bar.objects.get().close == 10
    assert "never changes" in caplog.text


def test_a_bar_that_comes_too_late_is_refused_and_logged(daily: Series, caplog: pytest.LogCaptureFixture) -> None:
    record_bar(series=daily, bar=bar(MONDAY + DAY))
    assert not record_bar(series=daily, bar=bar(MONDAY))
    assert Bar.objects.count() == 1
    assert "too late" in caplog.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"close": Decimal("NaN")}, "close"),
        ({"open": Decimal("Infinity")}, "open"),
        ({"high": Decimal("1E+30")}, "high"),
        ({"high": Decimal(9)}, "high"),
        ({"low": Decimal("10.2")}, "low"),
        ({"volume": Decimal(-1)}, "volume"),
        ({"opened_at": MONDAY * 1000}, "opened_at"),
        ({"opened_at": MONDAY + 60}, "opened_at"),
        ({"opened_at": -DAY}, "opened_at"),
    ],
)
def test_a_bar_that_contradicts_itself_is_refused_by_the_name_of_its_column(
    daily: Series, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadBar) as refusal:
        record_bar(series=daily, bar=bar(MONDAY)._replace(**change))
    assert field in (refusal.value.errors or {})
    assert not Bar.objects.exists()


def test_the_database_itself_refuses_an_inconsistent_bar(daily: Series) -> None:
    values = bar(MONDAY)._replace(high=Decimal(1))
    with pytest.raises(IntegrityError), transaction.atomic():
        Bar.objects.create(series=daily, **values._asdict())


def test_higher_bars_close_with_the_base_bar_that_completes_them(
    minutes: Series, heard: list[BarClosed], django_capture_on_commit_callbacks: Committed
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for minute in range(60):
            record_bar(series=minutes, bar=bar(MONDAY + minute * 60, 10 + minute, volume=1))
    closed = [(event.resolution, (event.opened_at - MONDAY) // 60) for event in heard[-5:]]
    assert closed == [("1", 59), ("5", 55), ("15", 45), ("30", 30), ("60", 0)]
    hour = heard[-1]
    assert (hour.open, hour.close, hour.volume) == (10, 69, 60)
    assert hour.closed_at == MONDAY + 3600
    assert [event.resolution for event in heard].count("5") == 12


def test_a_higher_bar_with_a_hole_at_its_end_is_told_before_the_bar_that_shows_it(
    minutes: Series, heard: list[BarClosed], django_capture_on_commit_callbacks: Committed
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        record_bar(series=minutes, bar=bar(MONDAY + 60, 10))
        record_bar(series=minutes, bar=bar(MONDAY + 9 * 60, 20))
    told = [(event.resolution, event.opened_at - MONDAY) for event in heard]
    assert told == [("1", 60), ("5", 0), ("1", 540), ("5", 300)]
    assert heard[1].closed_at == MONDAY + 300


def test_what_was_told_live_is_what_history_says(
    minutes: Series, heard: list[BarClosed], django_capture_on_commit_callbacks: Committed
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for minute in [*range(50), *range(70, 130, 3)]:
            shaky = RawBar(
                MONDAY + minute * 60, *map(Decimal, ("10.1", "10.9", "9.7", f"10.{minute % 90:02d}", f"{minute}.1"))
            )
            record_bar(series=minutes, bar=shaky)
    for resolution in ("1", "5", "15", "30", "60"):
        stored = read_bars(find_instrument("GOOGL"), resolution)
        live = [event for event in heard if event.resolution == resolution]
        assert stored.time.tolist() == [event.opened_at for event in live]
        for name in ("open", "high", "low", "close", "volume"):
            assert getattr(stored, name).tolist() == [float(getattr(event, name)) for event in live], name


def test_stored_prices_read_back_as_the_floats_they_are(daily: Series) -> None:
    generator = np.random.default_rng(7)
    closes = [Decimal(int(number)).scaleb(-8) for number in generator.integers(1, 10**14, 400)]
    bars = [RawBar(MONDAY + day * DAY, close, close, close, close, close) for day, close in enumerate(closes)]
    load_history(series=daily, bars=bars)
    assert read_bars(daily.instrument, "1D").close.tolist() == [float(close) for close in closes]


def test_loading_a_history_twice_adds_nothing(daily: Series) -> None:
    bars = [bar(MONDAY + day * DAY, 10 + day) for day in range(30)]
    told: list[int] = []
    assert load_history(series=daily, bars=bars, progress=told.append) == 30
    assert load_history(series=daily, bars=[*bars, bar(MONDAY + 30 * DAY)]) == 1
    assert (Bar.objects.count(), told) == (31, [30])


def test_a_history_keeps_what_was_said_first_and_leaves_out_what_is_wrong(daily: Series) -> None:
    record_bar(series=daily, bar=bar(MONDAY, 10))
    wrong = bar(MONDAY + 2 * DAY)._replace(close=Decimal("NaN"))
    assert load_history(series=daily, bars=[bar(MONDAY, 99), bar(MONDAY + DAY), wrong]) == 1
    assert read_bars(daily.instrument, "1D").close.tolist() == [10, 10]
    assert newest_time(daily) == MONDAY + DAY
