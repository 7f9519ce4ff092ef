"""Finding instruments and reading their bars."""

from collections.abc import Callable

import numpy as np
import pytest

from datafeed.errors import ResolutionNotServed, UnknownSymbol
from datafeed.models import Bar, Instrument, Series
from datafeed.providers.base import InstrumentSpec
from datafeed.selectors import (
    bar_closes,
    check_served,
    find_instrument,
    read_bars,
    search_instruments,
    served_resolutions,
)
from datafeed.selectors import bars as bar_reading
from datafeed.services import ensure_series, load_history
from datafeed.tests.conftest import DAY, MONDAY, bar


@pytest.fixture
def month_of_minutes(minutes: Series) -> Instrument:
    """Forty days of minutes, a third of them missing."""
    times = [MONDAY + minute * 60 for minute in range(0, 40 * 1440, 20) if minute % 3]
    load_history(series=minutes, bars=[bar(time, 10 + number % 50) for number, time in enumerate(times)])
    return minutes.instrument


def test_an_instrument_is_found_in_any_case_while_it_is_active(instrument: Callable[..., Instrument]) -> None:
    tesla = instrument("TSLA")
    assert find_instrument(" tsla ") == tesla
    Instrument.objects.update(is_active=False)
    with pytest.raises(UnknownSymbol):
        find_instrument("TSLA")


@pytest.mark.parametrize("symbol", ["", "NOPE", "A\x00B", "'; drop table", "x" * 10_000, "٣", "\ud800"])
def test_an_unknown_symbol_names_the_field(db: None, symbol: str) -> None:
    with pytest.raises(UnknownSymbol) as refusal:
        find_instrument(symbol, field="pair")
    assert list(refusal.value.errors or {}) == ["pair"]
    assert refusal.value.status == 400


def test_each_resolution_comes_from_one_provider(minutes: Series) -> None:
    assert served_resolutions(minutes.instrument) == ["1", "5", "15", "30", "60", "240", "1D", "1W", "1M"]
    spec = InstrumentSpec("GOOGL", "", "")
    ensure_series(spec=spec, resolution="1D", provider="replay")
    found = bar_reading.source_of(minutes.instrument, "1W")[1]
    assert (found.provider, found.resolution) == ("replay", "1D")
    assert bar_reading.source_of(minutes.instrument, "240")[1].provider == "synthetic"


def test_a_resolution_that_is_not_served_is_refused_with_those_that_are(daily: Series) -> None:
    assert check_served(daily.instrument, "D") == "1D"
    for wrong in ("5", "1h", "12M", "", "x" * 500):
        with pytest.raises(ResolutionNotServed) as refusal:
            check_served(daily.instrument, wrong, field="interval")
        (message,) = (refusal.value.errors or {})["interval"]
        assert "1D, 1W, 1M" in message


def test_bars_are_read_from_since_to_before_until(ten_days: Series) -> None:
    found = read_bars(ten_days.instrument, "1D", since=MONDAY + DAY, until=MONDAY + 3 * DAY)
    assert found.time.tolist() == [MONDAY + DAY, MONDAY + 2 * DAY]
    assert found.close.tolist() == [11, 12]
    assert (found.time.dtype, found.close.dtype) == (np.int64, np.float64)


def test_the_newest_bars_are_read_in_ascending_order(ten_days: Series) -> None:
    assert read_bars(ten_days.instrument, "1D", last=3).close.tolist() == [17, 18, 19]
    assert len(read_bars(ten_days.instrument, "1D", last=0)) == 0
    assert len(read_bars(ten_days.instrument, "1D", until=0)) == 0


def test_weeks_are_built_from_days_and_only_closed_ones_are_read(ten_days: Series) -> None:
    weeks = read_bars(ten_days.instrument, "W")
    assert weeks.time.tolist() == [MONDAY, MONDAY + 7 * DAY]
    assert weeks.close.tolist() == [14, 19]
    assert weeks.volume.tolist() == [500, 500]
    Bar.objects.order_by("opened_at").last().delete()
    assert read_bars(ten_days.instrument, "W").time.tolist() == [MONDAY]


@pytest.mark.parametrize("resolution", ["5", "60", "240", "1D", "1W", "1M"])
@pytest.mark.parametrize("chunk", [7, 100, 262_144])
def test_a_part_of_a_history_is_the_same_as_the_whole_cut_down(
    month_of_minutes: Instrument, resolution: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bar_reading, "FIRST_CHUNK", chunk)
    whole = read_bars(month_of_minutes, resolution)
    assert len(whole) > 0
    for since, until, last in [
        (None, None, 5),
        (MONDAY + 5 * DAY + 7 * 3600, None, None),
        (None, MONDAY + 20 * DAY + 90, 4),
        (MONDAY + DAY, MONDAY + 12 * DAY, None),
        (MONDAY + DAY, MONDAY + 12 * DAY, 3),
    ]:
        part = read_bars(month_of_minutes, resolution, since=since, until=until, last=last)
        expected = whole.between(since, until).cut(-last if last else None)
        assert part.rows() == expected.rows()


def test_bars_say_when_they_close(ten_days: Series) -> None:
    instrument = ten_days.instrument
    assert bar_closes(instrument, "1D", [MONDAY]) == [MONDAY + 21 * 3600]
    assert bar_closes(instrument, "1W", [MONDAY]) == [MONDAY + 4 * DAY + 21 * 3600]


def test_search_looks_at_symbols_and_names_in_any_case(instrument: Callable[..., Instrument]) -> None:
    tesla = instrument("TSLA")
    instrument("BTCUSD", name="Bitcoin", exchange="KRAKEN", type="crypto")
    assert list(search_instruments("esl")) == [tesla]
    assert [found.symbol for found in search_instruments("BITC")] == ["BTCUSD"]
    assert len(search_instruments("")) == 2
    assert [found.symbol for found in search_instruments("", kind="CRYPTO", exchange="kraken")] == ["BTCUSD"]
    for odd in ("%", "\x00", "x" * 5_000, "_"):
        assert not search_instruments(odd)
