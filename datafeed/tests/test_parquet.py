"""Parquet goes in and comes out like CSV; what takes long is a job whose file is there for a day."""

import io
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from rest_framework.test import APIClient

from datafeed import tables
from datafeed.bars import BarColumns
from datafeed.errors import UnreadableTable
from datafeed.files import pieces_of, read_file
from datafeed.models import Bar, Instrument, Series
from datafeed.services import ImportReport, forget_old_files, import_bars
from datafeed.tests.conftest import DAY, MONDAY
from kernel import clock
from kernel.jobs import run_job

GOOD = {"open": [10.0, 11.0], "high": [12.0, 12.0], "low": [9.0, 9.0], "close": [10.5, 11.5]}


def table(**columns: Any) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(pa.table({**GOOD, **columns}), file)
    file.seek(0)
    return file


def imported(series: Series, file: io.BytesIO, zone: str = "Etc/UTC") -> ImportReport:
    return import_bars(series=series, file=file, zone=ZoneInfo(zone))


@pytest.fixture
def operator(client_of: Callable[..., APIClient], person: Callable[..., Any]) -> APIClient:
    return client_of(person("otto", role="operator"))


@pytest.mark.parametrize(
    ("times", "zone"),
    [
        ([MONDAY, MONDAY + DAY], "Etc/UTC"),
        ([MONDAY * 1000, (MONDAY + DAY) * 1000], "Asia/Kolkata"),
        (pa.array([date(2014, 1, 6), date(2014, 1, 7)]), "Etc/UTC"),
        (pa.array([datetime(2014, 1, 6, 5, 30), datetime(2014, 1, 7, 5, 30)]), "Asia/Kolkata"),
        (pa.array([datetime(2014, 1, 6, tzinfo=UTC), datetime(2014, 1, 7, tzinfo=UTC)]), "America/New_York"),
        (pa.array([MONDAY * 10**9, (MONDAY + DAY) * 10**9], pa.timestamp("ns", "Asia/Tokyo")), "Etc/UTC"),
        (pa.array([MONDAY, MONDAY + DAY], pa.int32()), "Etc/UTC"),
    ],
)
def test_a_time_is_read_in_each_of_its_forms(daily: Series, times: Any, zone: str) -> None:
    report = imported(daily, table(Timestamp=times, vol=[1, 2]), zone)
    assert (report.read, report.added, report.bad) == (2, 2, 0)
    found = Bar.objects.order_by("opened_at").values_list("opened_at", "close", "volume")
    assert [(row[0], float(row[1]), float(row[2])) for row in found] == [(MONDAY, 10.5, 1.0), (MONDAY + DAY, 11.5, 2.0)]


def test_what_was_exported_is_read_back_to_the_bit() -> None:
    count = 70_000
    random = np.random.default_rng(7)
    times = np.arange(count, dtype=np.int64) * 60
    bars = BarColumns(times, *(random.lognormal(3, 2, count) for _ in range(5)))
    pieces = list(pieces_of((bars.cut(start, start + 20_000) for start in range(0, count, 20_000)), "parquet"))
    assert len(pieces) > 3
    blocks = list(read_file(io.BytesIO(b"".join(pieces))))
    back = blocks[0].bars
    for block in blocks[1:]:
        back = back.joined(block.bars)
    assert all(
        np.array_equal(one, other) for one, other in zip((back.time, *back.values), (times, *bars.values), strict=True)
    )


def test_bad_rows_are_named_by_their_number(daily: Series) -> None:
    report = imported(daily, table(time=[None, MONDAY], high=[12.0, 1.0]))
    assert (report.read, report.added) == (2, 0)
    assert [(fault.line, fault.message.split(" ")[0]) for fault in report.faults] == [(1, "time"), (2, "high")]
    assert not Bar.objects.exists()


@pytest.mark.parametrize(
    "file",
    [
        lambda: io.BytesIO(b"PAR1" + bytes(200)),
        lambda: io.BytesIO(table(time=[1, 2]).getvalue()[:-30]),
        lambda: table(when=[1, 2]),
        lambda: table(time=["soon", "later"]),
        lambda: table(time=[1, 2], volume=["much", "little"]),
    ],
)
def test_what_is_no_table_of_bars_is_refused(daily: Series, file: Callable[[], io.BytesIO]) -> None:
    with pytest.raises(UnreadableTable):
        imported(daily, file())
    assert not Bar.objects.exists()


def test_a_file_that_unpacks_to_too_much_is_refused(daily: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SMALL_FILE", 2**14)
    count = 200_000
    file = io.BytesIO()
    same = np.zeros(count)
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), same)
    pq.write_table(
        pa.table({"time": np.zeros(count, dtype=np.int64), **columns}), file, compression="gzip", use_dictionary=False
    )
    file.seek(0)
    with pytest.raises(UnreadableTable, match="unpacks"):
        imported(daily, file)


def test_the_commands_take_parquet_by_its_name(
    ten_days: Series, instrument: Callable[..., Instrument], tmp_path: Path
) -> None:
    instrument("COPY")
    file = tmp_path / "bars.parquet"
    call_command("export_bars", "IBM", "1D", str(file))
    assert file.read_bytes()[:4] == b"PAR1"
    call_command("import_bars", "COPY", "1D", str(file))
    assert Bar.objects.filter(series__instrument__symbol="COPY").count() == 10


@pytest.mark.parametrize(("format", "start"), [("csv", b"time,"), ("parquet", b"PAR1")])
def test_an_export_that_takes_long_is_a_job_with_a_file(
    operator: APIClient, client_of: Callable[..., APIClient], person: Callable[..., Any], ten_days: Series, format: str,
    start: bytes,
) -> None:  # fmt: skip
    asked = {"symbol": "ibm", "resolution": "W", "format": format}
    job = operator.post("/api/v1/datafeed/export", asked)
    assert job.status_code == 202
    address = f"/api/v1/datafeed/exports/{job.json()['id']}"
    assert operator.get(address).status_code == 404
    run_job(job.json()["id"])
    told = operator.get(f"/api/v1/jobs/{job.json()['id']}").json()
    assert (told["status"], told["result"]["bars"], told["progress"]) == ("succeeded", 2, 1.0)
    answer = operator.get(address)
    assert f'filename="IBM-1W.{format}"' in answer["Content-Disposition"]
    assert answer.getvalue().startswith(start)
    assert client_of(person("ann")).get(address).status_code == 403


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"symbol": "NOPE"}, "symbol"),
        ({"resolution": "7"}, "resolution"),
        ({"format": "xlsx"}, "format"),
        ({"since": -1}, "since"),
    ],
)
def test_a_wrong_field_of_an_export_is_named(
    operator: APIClient, ten_days: Series, change: dict[str, Any], field: str
) -> None:
    answer = operator.post("/api/v1/datafeed/export", {"symbol": "IBM", "resolution": "1D", **change})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_an_export_at_once_may_be_parquet(operator: APIClient, ten_days: Series) -> None:
    asked = {"symbol": "IBM", "resolution": "1D", "format": "parquet"}
    answer = operator.get("/api/v1/datafeed/export", asked)
    assert pq.read_table(io.BytesIO(answer.getvalue())).num_rows == 10
    assert operator.get("/api/v1/datafeed/export", {**asked, "format": "xlsx"}).status_code == 400


def test_files_that_nobody_asked_for_in_time_are_swept_away() -> None:
    names = [default_storage.save(f"{folder}/test-{folder}", ContentFile(b"x")) for folder in ("imports", "exports")]
    forget_old_files()
    assert all(map(default_storage.exists, names))
    long_ago = clock.now().timestamp() - 2 * DAY
    for name in names:
        os.utime(default_storage.path(name), (long_ago, long_ago))
    forget_old_files()
    assert [default_storage.exists(name) for name in names] == [True, False]
    default_storage.delete(names[0])
