"""Tables of bars go in and come out: whole, once, with every bad row named by its line."""

import gzip
import io
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from datafeed import tables
from datafeed.api.tables import ImportView
from datafeed.errors import UnreadableTable
from datafeed.files import LARGEST_FILE
from datafeed.forms import BarsForm
from datafeed.models import Bar, Instrument, Series
from datafeed.services import ImportReport, import_bars
from datafeed.tests.conftest import DAY, MONDAY
from kernel.jobs import run_job
from kernel.models import Job

HEADER = "time,open,high,low,close,volume"


def imported(series: Series, *lines: str, header: str = HEADER, zone: str = "Etc/UTC") -> ImportReport:
    text = "\n".join([header, *lines])
    return import_bars(series=series, file=io.BytesIO(text.encode()), zone=ZoneInfo(zone))


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.read, report.added, report.known, report.bad


def test_importing_twice_changes_nothing(daily: Series) -> None:
    lines = [f"{MONDAY + day * DAY},10,11,9,10.5,100" for day in range(3)]
    assert counts(imported(daily, *lines)) == (3, 3, 0, 0)
    before = list(Bar.objects.values())
    assert counts(imported(daily, *reversed(lines))) == (3, 0, 3, 0)
    assert list(Bar.objects.values()) == before


def test_what_is_recorded_stays_as_it_is(ten_days: Series) -> None:
    assert counts(imported(ten_days, f"{MONDAY},1,1,1,1,1", f"{MONDAY - DAY},2,2,2,2,2")) == (2, 1, 1, 0)
    assert Bar.objects.get(opened_at=MONDAY).close == 10


@pytest.mark.parametrize(
    ("time", "zone"),
    [
        (f"{MONDAY}", "Etc/UTC"),
        (f"{MONDAY}000", "Etc/UTC"),
        ("2014-01-06", "Etc/UTC"),
        ("2014-01-06T00:00:00Z", "America/New_York"),
        ("2014-01-06 05:30:00+05:30", "Etc/UTC"),
        ("2014-01-06 05:30", "Asia/Kolkata"),
        ('"2014-01-06"', "Etc/UTC"),
    ],
)
def test_a_time_is_read_in_each_of_its_forms(daily: Series, time: str, zone: str) -> None:
    assert counts(imported(daily, f"{time},10,11,9,10.5,100", zone=zone)) == (1, 1, 0, 0)
    assert Bar.objects.get().opened_at == MONDAY


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("Date;Open;High;Low;Close;Volume", "2014-01-06;10;11;9;10.5;7"),
        ("volume\tclose\tlow\thigh\topen\ttimestamp", f"7\t10.5\t9\t11\t10\t{MONDAY}"),
        ("name,time,open,high,low,close,vol,note", f"x,{MONDAY},10,11,9,10.5,7,=cmd()"),
        ("\ufefftime,open,high,low,close,volume\r", f"{MONDAY},10,11,9,10.5,7\r"),
    ],
)
def test_columns_come_in_any_order_with_any_separator(daily: Series, header: str, line: str) -> None:
    assert imported(daily, line, "", header=header).added == 1
    found = Bar.objects.values_list("opened_at", "open", "high", "low", "close", "volume").get()
    assert list(map(float, found)) == [MONDAY, 10, 11, 9, 10.5, 7]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{MONDAY},NaN,11,9,10,1", "open must be finite"),
        (f"{MONDAY},10,inf,9,10,1", "high must be finite"),
        (f"{MONDAY},10,11,9,10,1e300", "volume must be finite"),
        (f"{MONDAY},10,9,11,10,1", "high"),
        (f"{MONDAY},10,11,10.5,10,1", "low"),
        (f"{MONDAY},10,11,9,10,-1", "volume"),
        (f"{MONDAY},10,11,9,10", "fields"),
        (f"{MONDAY},10,11,9,10,1,2", "fields"),
        (f"{MONDAY},ten,11,9,10,1", "open 'ten' is no number"),
        (f"{MONDAY},10,11,9,,1", "close '' is no number"),
        (f"{MONDAY},1_0,11,9,10,1", "read"),
        (f"{MONDAY},\uff110,11,9,10,1", "read"),
        ("yesterday,10,11,9,10,1", "yesterday"),
        (f"{MONDAY + 1},10,11,9,10,1", "00:00 UTC"),
        ("2014-01-06T00:00:00-05:00,10,11,9,10,1", "00:00 UTC"),
        ("-86400,10,11,9,10,1", "1970"),
        ("99999999900,10,11,9,10,1", "1970"),
        ("9" * 40 + ",10,11,9,10,1", ""),
        ("\x00,10,11,9,10,1", ""),
        ('"' + f"{MONDAY},10,11,9", "fields"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_the_others_go_in(daily: Series, line: str, said: str) -> None:
    good = [f"{MONDAY + day * DAY},10,11,9,10.5,100" for day in (1, 2)]
    report = imported(daily, good[0], "", line, good[1])
    assert counts(report) == (3, 2, 0, 1)
    [fault] = report.faults
    assert fault.line == 4
    assert said in fault.message


def test_a_minute_is_a_whole_one_and_the_future_is_refused(minutes: Series) -> None:
    report = imported(minutes, f"{MONDAY + 30},1,1,1,1,1", f"{MONDAY + 60},1,1,1,1,1", "4000000020,1,1,1,1,1")
    assert (report.added, [fault.line for fault in report.faults]) == (1, [2, 4])


def test_numbers_are_kept_to_eight_places(daily: Series) -> None:
    imported(daily, f"{MONDAY},0.1,0.30000000049,0.1,0.12345678,123456789012.5")
    bar = Bar.objects.get()
    assert [float(value) for value in (bar.open, bar.high, bar.close, bar.volume)] == [
        0.1, 0.3, 0.12345678, 123456789012.5,
    ]  # fmt: skip


def test_only_the_first_hundred_faults_are_named_and_all_are_counted(daily: Series) -> None:
    report = imported(daily, *["x"] * 250)
    assert (report.bad, len(report.faults), report.faults[-1].line) == (250, 100, 101)


def test_lines_are_counted_across_blocks(daily: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BLOCK", 64)
    lines = [f"{MONDAY + day * DAY},10,11,9,10.5,100" for day in range(50)]
    lines[37] = "bad"
    report = imported(daily, *lines)
    assert (report.added, [fault.line for fault in report.faults]) == (49, [39])


@pytest.mark.parametrize("header", ["", "time,open,high,low", "a,b", "time,time,open,high,low,close", "\x00", "1,2,3"])
def test_what_is_no_table_of_bars_is_refused(daily: Series, header: str) -> None:
    with pytest.raises(UnreadableTable):
        imported(daily, header=header)


def test_an_endless_line_is_refused(daily: Series) -> None:
    with pytest.raises(UnreadableTable):
        imported(daily, "x" * 5_000_000)


def packed(text: bytes) -> io.BytesIO:
    return io.BytesIO(gzip.compress(text))


def test_a_packed_table_is_read_and_a_bomb_is_refused(daily: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    table = f"{HEADER}\n{MONDAY},10,11,9,10.5,100\n".encode()
    assert import_bars(series=daily, file=packed(table), zone=UTC).added == 1
    monkeypatch.setattr(tables, "BLOCK", 4_096)
    monkeypatch.setattr(tables, "SMALL_FILE", 4_096)
    with pytest.raises(UnreadableTable, match="unpacks"):
        import_bars(series=daily, file=packed(table + b"\n" * 2_000_000), zone=UTC)
    for broken in (packed(table).getvalue()[:-9], b"\x1f\x8b" + b"x" * 50):
        with pytest.raises(UnreadableTable, match="unpacked"):
            import_bars(series=daily, file=io.BytesIO(broken), zone=UTC)


@pytest.fixture
def operator(client_of: Callable[..., APIClient], person: Callable[..., Any]) -> APIClient:
    return client_of(person("otto", role="operator"))


def test_an_operator_imports_a_file_by_a_job_and_exports_the_same(
    operator: APIClient, ten_days: Series, instrument: Callable[..., Instrument]
) -> None:
    out = operator.get("/api/v1/datafeed/export", {"symbol": "IBM", "resolution": "1D"})
    assert out["Content-Type"].startswith("text/csv")
    assert 'filename="IBM-1D.csv"' in out["Content-Disposition"]
    table = out.getvalue()
    assert table.split(b"\r\n")[:2] == [HEADER.encode(), b"2014-01-06T00:00:00Z,10,10.5,9.5,10,100"]

    instrument("COPY")
    form = {"symbol": "copy", "resolution": "D", "file": io.BytesIO(table)}
    answer = operator.post("/api/v1/datafeed/import", form, format="multipart")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert run_job(answer.json()["id"])
    result = operator.get(answer["Location"]).json()["result"]
    assert result == {"read": 10, "added": 10, "known": 0, "bad": 0, "faults": []}
    assert default_storage.listdir("imports")[1] == []

    again = operator.get("/api/v1/datafeed/export", {"symbol": "COPY", "resolution": "1D"})
    assert again.getvalue() == table


def test_an_export_has_the_bars_of_its_window_in_any_resolution(operator: APIClient, ten_days: Series) -> None:
    window = {"symbol": "IBM", "from": MONDAY + DAY, "to": MONDAY + 3 * DAY}
    days = operator.get("/api/v1/datafeed/export", {**window, "resolution": "1D"}).getvalue()
    assert [line[:10] for line in days.splitlines()[1:]] == [b"2014-01-07", b"2014-01-08"]
    weeks = operator.get("/api/v1/datafeed/export", {"symbol": "IBM", "resolution": "W"}).getvalue()
    assert [line[:10] for line in weeks.splitlines()[1:]] == [b"2014-01-06", b"2014-01-13"]


def test_no_field_of_an_export_begins_a_formula(operator: APIClient, daily: Series) -> None:
    imported(daily, f"{MONDAY},10,11,9,10.5,100")
    lines = operator.get("/api/v1/datafeed/export", {"symbol": "IBM", "resolution": "1D"}).getvalue().splitlines()
    assert not [field for line in lines for field in line.split(b",") if field[:1] in b"=+-@\t\r"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"symbol": "NOPE"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"resolution": "1h"}, "resolution"),
        ({"resolution": "7"}, "resolution"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"file": "text"}, "file"),
    ],
)
def test_a_wrong_field_of_an_import_is_named(
    operator: APIClient, daily: Series, change: dict[str, Any], field: str
) -> None:
    form = {"symbol": "IBM", "resolution": "1D", "file": io.BytesIO(b"x"), **change}
    answer = operator.post("/api/v1/datafeed/import", form, format="multipart")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not Job.objects.exists()


def test_a_file_that_is_no_table_fails_its_job_with_the_reason(operator: APIClient, daily: Series) -> None:
    form = {"symbol": "IBM", "resolution": "1D", "file": io.BytesIO(b"\x89PNG")}
    job = operator.post("/api/v1/datafeed/import", form, format="multipart").json()
    run_job(job["id"])
    told = operator.get(f"/api/v1/jobs/{job['id']}").json()
    assert told["status"] == "failed"
    assert "names each column" in told["error"]
    assert default_storage.listdir("imports")[1] == []


@pytest.mark.parametrize(("method", "path"), [("post", "import"), ("get", "export?symbol=IBM&resolution=1D")])
def test_only_operators_move_tables(
    client_of: Callable[..., APIClient], person: Callable[..., Any], ten_days: Series, method: str, path: str
) -> None:
    def ask(user: Any) -> int:
        return int(getattr(client_of(user), method)(f"/api/v1/datafeed/{path}").status_code)

    assert ask(None) == 401
    assert [ask(person(role, role=role)) for role in ("user", "reviewer", "company_admin")] == [403, 403, 403]
    assert ask(person("otto", role="operator")) in {200, 400, 415}


def test_the_commands_export_and_import(
    ten_days: Series, instrument: Callable[..., Instrument], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instrument("COPY")
    file = tmp_path / "bars.csv"
    call_command("export_bars", "IBM", "1D", str(file))
    with file.open("ab") as table:
        table.write(b"bad\r\n")
    call_command("import_bars", "COPY", "1D", str(file))
    said = capsys.readouterr()
    assert said.out.startswith("11 rows: 10 added, 0 known, 1 bad")
    assert said.err.startswith("line 12: ")
    assert Bar.objects.filter(series__instrument__symbol="COPY", series__provider="import").count() == 10


@pytest.mark.parametrize(
    "arguments",
    [
        ["NOPE", "1D", "x"],
        ["IBM", "1h", "x"],
        ["IBM", "7", "x"],
        ["IBM", "1D", "missing"],
        ["IBM", "1D", "x", "--timezone", "No/Where"],
    ],
)
def test_the_command_refuses_what_it_cannot_import(daily: Series, tmp_path: Path, arguments: list[str]) -> None:
    symbol, resolution, name, *more = arguments
    with pytest.raises(CommandError):
        call_command("import_bars", symbol, resolution, str(tmp_path / name), *more)


def test_the_panel_exports_one_series(ten_days: Series, person: Callable[..., Any]) -> None:
    user = person("root")
    user.role, user.is_staff, user.is_superuser = "admin", True, True
    user.save()
    panel = Client()
    panel.force_login(user)
    answer = panel.post("/admin/datafeed/series/", {"action": "export", "_selected_action": [ten_days.pk]})
    assert b"2014-01-06T00:00:00Z" in b"".join(answer.streaming_content)


def test_a_file_at_the_limit_is_taken_and_one_above_is_not(
    operator: APIClient, panel: Client, daily: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LARGEST_FILE == ImportView.file_limit == BarsForm.most == 50 * 2**20
    table = f"{HEADER}\n{MONDAY},10,11,9,10.5,100\n".encode()
    monkeypatch.setattr(ImportView, "file_limit", len(table))
    monkeypatch.setattr(BarsForm, "most", len(table))

    def answers(file: bytes) -> tuple[int, int]:
        form = {"symbol": "IBM", "resolution": "1D", "timezone": "Etc/UTC"}
        by_rest = operator.post("/api/v1/datafeed/import", {**form, "file": io.BytesIO(file)}, format="multipart")
        by_panel = panel.post("/admin/datafeed/series/import/", {**form, "file": io.BytesIO(file)})
        return by_rest.status_code, by_panel.status_code

    assert (answers(table), Job.objects.count()) == ((202, 302), 2)
    assert (answers(table + b"\n"), Job.objects.count()) == ((413, 200), 2)
    for job in Job.objects.all():  # or the files would lie about
        run_job(job.pk)
