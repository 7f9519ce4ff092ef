"""Columns of bars go into the store exactly, once, beside whoever else writes, and never without their series."""

import io
import threading
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as some

from datafeed.bars import BarColumns
from datafeed.models import Bar, BarRevision, Gap, Series
from datafeed.selectors import read_series
from datafeed.services import import_bars, importing, record_bar
from datafeed.services.inserting import insert_bars
from datafeed.tables import Block
from datafeed.tests.conftest import DAY, MONDAY, bar
from kernel.background import ahead
from kernel.jobs import JobCancelled

HEADER = "time,open,high,low,close,volume\n"
NUMBERS = some.one_of(
    some.floats(-9e15, 9e15, allow_nan=False),
    some.decimals(-100_000, 100_000, places=8).map(float),
    some.integers(-(10**15), 10**15).map(float),
    some.sampled_from(
        [0.0, -0.0, 1e-8, 0.99999999, 9_999.99999999, 10_000.0, 89_999_999.99999999, 9.999999999999998e15]
    ),
)


def columns(numbers: list[float]) -> BarColumns:
    """A flat bar for each of `numbers`, a day apart from `MONDAY` on."""
    flat = np.array(numbers)
    return BarColumns(MONDAY + DAY * np.arange(len(numbers)), flat, flat, flat, flat, np.abs(flat))


@examples(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=some.lists(NUMBERS, min_size=1, max_size=40))
def test_numbers_come_back_as_they_went_in(daily: Series, numbers: list[float]) -> None:
    Bar.objects.filter(series=daily).delete()
    wanted = importing._rounded(columns(numbers))
    assert insert_bars(series=daily, bars=wanted, source="test") == len(numbers)
    found = read_series(daily)
    assert found.time.tolist() == wanted.time.tolist()
    for column, other in zip(found.values, wanted.values, strict=True):
        assert column.tolist() == other.tolist()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="numbers are floats there")
@pytest.mark.parametrize(
    "number",
    [
        "0.00000001",
        "123456789012.125",
        "100000000.7",
        "9007199254740991",
        "10000000.1",
        "12345678.12345678",
        "-0.5",
        "9999",
        "10000",
        "99999999.9",
        "0",
    ],
)
def test_a_number_is_the_decimal_that_was_written(daily: Series, number: str) -> None:
    table = f"{HEADER}{MONDAY},{number},{number},{number},{number},1e9\n"
    import_bars(series=daily, file=io.BytesIO(table.encode()), zone=UTC)
    found = Bar.objects.get()
    assert [found.open, found.volume] == [Decimal(number), Decimal(10**9)]


def test_of_a_block_in_any_order_what_is_new_goes_in_and_what_is_not_stays(ten_days: Series) -> None:
    said = columns([10.0, 99.0, 12.0])
    later = BarColumns(said.time + 14 * DAY, *said.values)
    mixed = later.joined(said).joined(later).at_places(np.array([4, 0, 3, 8, 2, 5, 1, 6, 7]))
    before = dict(Bar.objects.values_list("opened_at", "close"))
    assert insert_bars(series=ten_days, bars=mixed, source="test") == 3
    after = dict(Bar.objects.values_list("opened_at", "close"))
    assert {time: after[time] for time in before} == before
    assert sorted(set(after) - set(before)) == later.time.tolist()
    assert insert_bars(series=ten_days, bars=mixed, source="test") == 0
    assert [(row.opened_at, row.source) for row in BarRevision.objects.order_by("opened_at")] == [
        (MONDAY, "test"), (MONDAY + DAY, "test"), (MONDAY + 2 * DAY, "test"),
    ]  # fmt: skip


def test_who_keeps_bars_in_memory_is_told_of_what_changed_and_of_nothing_else(ten_days: Series) -> None:
    def marks() -> tuple[int, int]:
        return Series.objects.values_list("edition", "revision").get(pk=ten_days.pk)

    first = marks()
    insert_bars(series=ten_days, bars=columns([10.0]), source="test")
    assert marks() == first
    insert_bars(series=ten_days, bars=BarColumns(columns([1.0]).time + 20 * DAY, *columns([1.0]).values), source="test")
    after = marks()
    assert (after[0] == first[0], after[1] == first[1]) == (True, False)
    insert_bars(series=ten_days, bars=BarColumns(columns([1.0]).time - DAY, *columns([1.0]).values), source="test")
    assert marks()[0] != after[0]


def test_a_series_with_bars_cannot_be_deleted_by_any_way(ten_days: Series, minutes: Series) -> None:
    for one in (ten_days, ten_days.instrument):
        with pytest.raises(ProtectedError):
            one.delete()
    with connection.cursor() as cursor:
        for change in (
            "DELETE FROM datafeed_series WHERE id = %s",
            "UPDATE datafeed_series SET id = 999 WHERE id = %s",
        ):
            with pytest.raises(IntegrityError):
                _changed_and_checked(cursor, change, ten_days.pk)
        cursor.execute("DELETE FROM datafeed_series WHERE id = %s", [minutes.pk])
    assert (Bar.objects.count(), list(Series.objects.all())) == (10, [ten_days])


@transaction.atomic
def _changed_and_checked(cursor: Any, change: str, series_id: int) -> None:
    cursor.execute(change, [series_id])
    connection.check_constraints()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time there")
@pytest.mark.django_db(transaction=True)
def test_a_series_that_goes_while_bars_come_takes_none_with_it(daily: Series) -> None:
    """Whoever is first wins: the bars, and the series stays; or the deletion, and no bar is left without a series."""
    locked, ended, faults = threading.Event(), threading.Event(), []

    def delete() -> None:
        locked.wait(10)
        try:
            with connection.cursor() as cursor:
                ended.set()  # it is about to wait for the lock of the one below
                cursor.execute("DELETE FROM datafeed_series WHERE id = %s", [daily.pk])
        except IntegrityError as error:
            faults.append(error)
        finally:
            connection.close()

    other = threading.Thread(target=delete)
    other.start()
    with transaction.atomic():
        insert_bars(series=daily, bars=columns([1.0, 2.0]), source="test")
        locked.set()
        ended.wait(10)
    other.join(10)
    assert (len(faults), Bar.objects.count(), Series.objects.count()) == (1, 2, 1)
    Bar.objects.all().delete()
    Series.objects.filter(pk=daily.pk).delete()
    with pytest.raises(Series.DoesNotExist):
        insert_bars(series=daily, bars=columns([1.0]), source="test")
    assert not Bar.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_bars_that_arrive_live_during_an_import_are_neither_lost_nor_changed(daily: Series, monkeypatch: Any) -> None:
    """A live bar comes after the second of many blocks; what the file says of that day later is put on record."""
    monkeypatch.setattr("datafeed.tables.BLOCK", 512)
    live = MONDAY + 400 * DAY
    lines = [f"{MONDAY + day * DAY},10,11,9,10.5,100" for day in range(500)]
    blocks: list[int] = []

    def arrive(report: Any) -> None:
        blocks.append(report.read)
        if len(blocks) == 2:
            thread = threading.Thread(target=record)
            thread.start()
            thread.join(30)

    def record() -> None:
        assert record_bar(series=daily, bar=bar(live, 50))
        assert not record_bar(series=daily, bar=bar(MONDAY + 300 * DAY, 50))  # older than the newest: refused
        connection.close()

    table = HEADER + "\n".join(lines)
    report = import_bars(series=daily, file=io.BytesIO(table.encode()), zone=UTC, progress=arrive)
    assert (report.read, report.added, report.known, len(blocks) > 10) == (500, 499, 1, True)
    found = dict(Bar.objects.values_list("opened_at", "close"))
    assert (len(found), found.pop(live)) == (500, 50)
    assert set(found.values()) == {Decimal("10.5")}
    assert [row.opened_at for row in BarRevision.objects.all()] == [live]
    [gap] = Gap.objects.all()
    assert gap.until == live


@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_cancelled_leaves_whole_blocks_that_the_next_one_knows(
    daily: Series, monkeypatch: Any
) -> None:
    monkeypatch.setattr("datafeed.tables.BLOCK", 512)
    table = (HEADER + "\n".join(f"{MONDAY + day * DAY},10,11,9,10.5,100" for day in range(500))).encode()
    told: list[int] = []

    def cancel(report: Any) -> None:
        told.append(report.added)
        if len(told) == 3:
            raise JobCancelled

    with pytest.raises(JobCancelled):
        import_bars(series=daily, file=io.BytesIO(table), zone=UTC, progress=cancel)
    assert Bar.objects.count() == told[-1] > 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
    report = import_bars(series=daily, file=io.BytesIO(table), zone=UTC)
    assert (report.added, report.known, Bar.objects.count()) == (500 - told[-1], told[-1], 500)


def test_the_next_piece_is_made_while_one_is_used() -> None:
    made = threading.Event()

    def pieces() -> Iterator[int]:
        yield 0
        made.set()
        yield 1
        raise ValueError("at the end")

    coming = ahead(pieces())
    assert next(coming) == 0
    assert made.wait(10)
    assert next(coming) == 1
    with pytest.raises(ValueError, match="at the end"):
        next(coming)
    assert list(ahead(iter([None, 0, ""]))) == [None, 0, ""]


def test_a_block_without_a_good_row_writes_nothing(daily: Series, monkeypatch: Any) -> None:
    monkeypatch.setattr(importing, "insert_bars", lambda **said: pytest.fail("nothing is to be written"))
    report = import_bars(series=daily, file=io.BytesIO(f"{HEADER}bad\n".encode()), zone=UTC)
    assert (report.read, report.bad) == (1, 1)
    assert isinstance(importing._sifted(Block(BarColumns.empty(), np.empty(0, np.int64), []), "1D"), Block)
