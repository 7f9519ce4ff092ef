"""Bars in memory: pages cut from them are those of the store, whatever was written and however little is kept."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datafeed.bars import BarColumns, FormingBar
from datafeed.errors import UnknownSymbol
from datafeed.held import Held, Page
from datafeed.models import Bar, Instrument, Series
from datafeed.selectors import read_bars
from datafeed.selectors.charts import chart_page
from datafeed.selectors.held import find_served, held_series
from datafeed.services import ensure_import_series, load_history, record_bar
from datafeed.services.editions import note_rewritten
from datafeed.tests.conftest import DAY, MONDAY, bar, fill_minutes
from kernel.api.renderers import encoder

LATE = 2**33


def columns(count: int) -> BarColumns:
    times = np.arange(count, dtype=np.int64) * 60 + MONDAY
    close = 100 + np.sin(np.arange(count)) * 7
    return BarColumns(times, close - 0.125, close + 1, close - 1, close, np.arange(count) * 1e17 / 3)


def held(bars: BarColumns, *, is_whole: bool = True) -> Held:
    return Held.of(bars, edition="first", revision=1, is_whole=is_whole)


def rows_as_told(bars: BarColumns) -> bytes:
    names = ("open", "high", "low", "close", "volume")
    return encoder.encode([{"time": row[0] * 1000, **dict(zip(names, row[1:], strict=True))} for row in bars.rows()])


def columns_as_told(bars: BarColumns) -> list[bytes]:
    return [encoder.encode(column.tolist()) for column in (bars.time, *bars.values)]


@pytest.mark.parametrize(
    ("since", "until", "most"),
    [
        (None, LATE, 1),
        (None, LATE, 999),
        (None, LATE, 1_000),
        (None, LATE, 1_001),
        (None, LATE, 5_000),
        (None, MONDAY + 60 * 1_000, 300),
        (None, MONDAY + 60 * 1_001, 2_000),
        (MONDAY + 60 * 999, MONDAY + 60 * 2_001, 5_000),
        (MONDAY + 60 * 1_000, MONDAY + 60 * 1_001, 5_000),
        (MONDAY + 30, MONDAY + 90, 5_000),
        (MONDAY - DAY, LATE, 5_000),
    ],
)
def test_a_page_is_cut_to_the_byte_as_if_it_had_been_encoded_for_the_occasion(
    since: int | None, until: int, most: int
) -> None:
    bars = columns(2_500)
    wanted = bars.between(since, until).cut(-most)
    page = held(bars).page(since, until, most)
    assert page is not None
    assert (page.rows(), page.columns(), len(page)) == (rows_as_told(wanted), columns_as_told(wanted), len(wanted))
    assert page.times() == wanted.time.tolist()


@pytest.mark.parametrize(("since", "until"), [(MONDAY + 60, MONDAY), (LATE, LATE + 1), (None, MONDAY)])
def test_where_nothing_is_the_page_is_empty(since: int | None, until: int) -> None:
    page = held(columns(5)).page(since, until, 10)
    assert page is not None
    assert (page.rows(), page.columns(), len(page), page.newest) == (b"[]", [b"[]"] * 6, 0, None)


def test_a_forming_bar_comes_last_and_takes_the_place_of_the_oldest() -> None:
    bars, forming = columns(1_200), FormingBar(MONDAY + 60 * 1_200, 1.5, 2.5, 0.5, 2.0, 7.0)
    joined = bars.joined(BarColumns.of([forming]))
    for most in (1, 2, 200, 201, 1_000, 1_200):
        page = held(bars).page(None, LATE, most)
        assert page is not None
        assert page.followed_by(forming, most).rows() == rows_as_told(joined.cut(-most))
    assert Page((), forming).rows() == rows_as_told(BarColumns.of([forming]))


def test_what_is_not_held_is_never_told_as_if_nothing_were_there() -> None:
    newest = held(columns(2_000).cut(1_500), is_whole=False)
    first = newest.first
    assert newest.page(None, LATE, 501) is None
    assert newest.page(None, first or 0, 1) is None
    assert newest.page((first or 0) - 60, LATE, 5_000) is None
    assert newest.page(first, LATE, 5_000) is not None
    assert newest.page(None, LATE, 500) is not None


def test_growing_at_either_end_leaves_no_seam() -> None:
    bars = columns(2_500)
    grown = held(bars.cut(1_100, 1_600), is_whole=False).with_earlier(bars.cut(100, 1_100), is_whole=False)
    grown = (
        grown.with_later(bars.cut(1_600, 1_601), 2)
        .with_later(bars.cut(1_601), 3)
        .with_earlier(bars.cut(0, 100), is_whole=True)
    )
    page = grown.page(None, LATE, 5_000)
    assert page is not None
    assert (page.rows(), grown.count, grown.revision) == (rows_as_told(bars), 2_500, 3)


def shown(series: Series, resolution: str = "1D") -> bytes:
    """The closed bars as a chart gets them."""
    return held_series.page(find_served(series.instrument.symbol, resolution), None, LATE, 5_000).rows()


def stored(series: Series, resolution: str = "1D") -> bytes:
    return rows_as_told(read_bars(series.instrument, resolution))


@pytest.mark.parametrize("resolution", ["1D", "1W", "1M"])
def test_whatever_is_written_the_page_is_the_stores(ten_days: Series, resolution: str) -> None:
    for write in (
        lambda: None,
        lambda: record_bar(series=ten_days, bar=bar(MONDAY + 14 * DAY, 50)),
        lambda: record_bar(series=ten_days, bar=bar(MONDAY + 28 * DAY, 51)),
        lambda: load_history(series=ten_days, bars=[bar(MONDAY + 29 * DAY, 52), bar(MONDAY + 60 * DAY, 53)]),
        lambda: load_history(series=ten_days, bars=[bar(MONDAY - DAY, 5), bar(MONDAY + 15 * DAY, 6)]),
        lambda: load_history(series=ten_days, bars=[bar(MONDAY + 61 * DAY, 54)]),
    ):
        write()
        assert shown(ten_days, resolution) == stored(ten_days, resolution)


def test_a_change_of_hours_is_a_change_of_what_is_built(instrument: Callable[..., Instrument]) -> None:
    series = ensure_import_series(instrument=instrument("TSLA", session="24x7", timezone="Etc/UTC"), resolution="1")
    fill_minutes(series, 3_000)
    before = shown(series, "1D")
    series.instrument.session = "1200-1200"
    series.instrument.save()
    assert shown(series, "1D") == stored(series, "1D") != before


def test_an_answer_from_memory_asks_the_database_for_one_row(ten_days: Series) -> None:
    shown(ten_days)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        shown(ten_days)
    assert len(asked) == 1


def test_paging_back_reads_each_bar_once(minutes: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_minutes(minutes, 2_400)
    monkeypatch.setattr("datafeed.selectors.held.FURTHER_BACK", 500)
    until, seen = LATE, list[int]()
    while page := chart_page(find_served("GOOGL", "1"), since=None, until=until, count=300):
        seen[:0] = page.times()
        until = seen[0]
    assert seen == [MONDAY + 60 * number for number in range(2_400)]


def test_what_lies_far_back_is_read_without_all_that_came_after(minutes: Series) -> None:
    load_history(series=minutes, bars=[bar(MONDAY + 60 * number) for number in range(50)])
    load_history(series=minutes, bars=[bar(MONDAY + 400 * DAY + 60 * number) for number in range(1_500)])
    served = find_served("GOOGL", "1")
    chart_page(served, since=None, until=LATE, count=300)
    page = chart_page(served, since=None, until=MONDAY + 60 * 20, count=5)
    assert page.times() == [MONDAY + 60 * number for number in range(15, 20)]
    assert held_series.size < 3 * 2**20


@pytest.fixture
def one_megabyte(settings: Any) -> Iterator[None]:
    settings.BARS_HELD_MEGABYTES = 1
    yield
    held_series.clear()


@pytest.mark.usefixtures("one_megabyte")
def test_memory_is_bounded_and_the_series_asked_for_longest_ago_goes_first(minutes: Series) -> None:
    fill_minutes(minutes, 6_000)
    for resolution in ("1", "5", "15", "1"):
        shown(minutes, resolution)
    assert held_series.size <= 2 * 2**20
    with CaptureQueriesContext(connection) as asked:
        shown(minutes, "1")
    assert len(asked) == 1


def test_an_instrument_that_was_taken_off_is_not_answered_from_memory(ten_days: Series) -> None:
    shown(ten_days)
    ten_days.instrument.is_active = False
    ten_days.instrument.save()
    with pytest.raises(UnknownSymbol):
        find_served("IBM", "1D")


def test_bars_that_were_taken_back_are_not_shown(ten_days: Series) -> None:
    shown(ten_days)
    Bar.objects.filter(series=ten_days, opened_at__gt=MONDAY).delete()
    note_rewritten(series_id=ten_days.pk)
    assert shown(ten_days) == stored(ten_days)
