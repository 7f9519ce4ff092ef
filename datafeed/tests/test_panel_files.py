"""Files go in and out by the control panel: bars and instruments, by jobs, with every fault at its place."""

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from datafeed.models import Bar, Instrument, Series
from datafeed.tests.conftest import DAY, MONDAY
from kernel.jobs import run_job
from kernel.models import Job

BARS, INSTRUMENTS = "/admin/datafeed/series/import/", "/admin/datafeed/instrument/import/"
TABLE = f"time,open,high,low,close\n{MONDAY},10,11,9,10.5\n{MONDAY + DAY},10,9,11,10\n{MONDAY + 2 * DAY},10,11,9,x\n"


def upload(text: str | bytes, name: str = "table.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode())


def result_of(answer: Any) -> dict[str, Any]:
    """What the job has to say whose page the panel went on to."""
    job = Job.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/kernel/job/{job.pk}/change/")
    assert run_job(job.pk)
    job.refresh_from_db()
    assert default_storage.listdir("imports")[1] == []
    return dict(job.result or {"error": job.error})


def fields_at_fault(answer: Any) -> dict[str, list[str]]:
    assert (answer.status_code, Job.objects.exists()) == (200, False)
    return {name: list(messages) for name, messages in answer.context["form"].errors.items()}


def test_bars_are_imported_and_each_fault_names_its_line_and_field(panel: Client, daily: Series) -> None:
    assert b'type="file"' in panel.get(BARS).content
    assert BARS.encode() in panel.get("/admin/datafeed/series/").content
    form = {"symbol": "ibm", "resolution": "1D", "timezone": "Etc/UTC", "file": upload(TABLE)}
    result = result_of(panel.post(BARS, form))
    assert (result["added"], result["bad"]) == (1, 2)
    assert [(fault["line"], fault["message"]) for fault in result["faults"]] == [
        (3, "high must not be below open, low or close"),
        (4, "close 'x' is no number"),
    ]
    assert Bar.objects.get().series == daily
    assert b"is no number" in panel.get(f"/admin/kernel/job/{Job.objects.get().pk}/change/").content


def test_parquet_is_imported_and_an_empty_field_is_named(panel: Client, daily: Series) -> None:
    file = io.BytesIO()
    columns = {name: [10.0, None] if name == "low" else [10.0, 10.0] for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"time": [MONDAY, MONDAY + DAY], **columns}), file)
    form = {"symbol": "IBM", "resolution": "1D", "timezone": "Etc/UTC", "file": upload(file.getvalue(), "x.parquet")}
    result = result_of(panel.post(BARS, form))
    assert (result["added"], result["faults"]) == (1, [{"line": 2, "message": "low is empty"}])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"symbol": "NOPE"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"resolution": "7"}, "resolution"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"file": ""}, "file"),
    ],
)
def test_a_wrong_field_of_the_form_is_named(panel: Client, daily: Series, change: dict[str, Any], field: str) -> None:
    form = {"symbol": "IBM", "resolution": "1D", "timezone": "Etc/UTC", "file": upload(TABLE), **change}
    assert list(fields_at_fault(panel.post(BARS, form))) == [field]


def test_instruments_are_made_and_changed_and_each_fault_names_its_line_and_field(
    panel: Client, instrument: Callable[..., Instrument]
) -> None:
    instrument("TSLA", lot_size=5)
    table = (
        "symbol,name,exchange,price_increment,session,is_active\n"
        "tsla,Tesla Motors,,0.05,,false\n"
        "\n"
        "BTC/USD,Bitcoin,KRAKEN,0.1,24x7,\n"
        "BAD,Bad,NYSE,cheap,?,perhaps\n"
        ",Nobody,NYSE,,,\n"
        "NEW,,,,,\n"
        'ODD,"a\x07b",NYSE,,,\n'
    )
    result = result_of(panel.post(INSTRUMENTS, {"file": upload(table)}))
    assert (result["read"], result["created"], result["changed"], result["bad"]) == (6, 1, 1, 4)
    assert {(fault["line"], fault["field"]) for fault in result["faults"]} == {
        (5, "price_increment"), (5, "is_active"), (5, "session"), (6, "symbol"), (7, "name"), (7, "exchange"),
        (8, "name"),
    }  # fmt: skip
    changed, made = Instrument.objects.get(symbol="TSLA"), Instrument.objects.get(symbol="BTC/USD")
    assert (changed.name, changed.exchange, float(changed.price_increment)) == ("Tesla Motors", "NASDAQ", 0.05)
    assert (changed.is_active, float(changed.lot_size), made.session) == (False, 5, "24x7")
    assert Instrument.objects.count() == 2


def test_hours_that_cannot_be_read_are_named_by_their_line(panel: Client, db: None) -> None:
    table = "symbol,name,exchange,session,timezone\nA,A,X,?,\nB,B,X,,Mars/Base\n"
    result = result_of(panel.post(INSTRUMENTS, {"file": upload(table)}))
    assert [(fault["line"], fault["field"]) for fault in result["faults"]] == [(2, "session"), (3, "timezone")]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "names the columns"),
        ("name,exchange\nA,B\n", "symbol among them"),
        ("symbol,colour\nA,red\n", "'colour'"),
        ("symbol,symbol\nA,A\n", "'symbol'"),
        ("symbol,name\nA,B,C\n", "Line 2"),
        ('symbol,name\nA,"B\n', "cannot be read"),
        (b"symbol,name\nA,\xff\n", "UTF-8"),
    ],
)
def test_what_is_no_table_of_instruments_fails_with_the_reason(
    panel: Client, db: None, table: str | bytes, said: str
) -> None:
    # A form refuses an empty file by itself.
    answer = panel.post(INSTRUMENTS, {"file": upload(table or "\n")})
    assert said in result_of(answer)["error"]
    assert not Instrument.objects.exists()


def test_exported_instruments_are_read_back_and_none_begins_a_formula(
    panel: Client, instrument: Callable[..., Instrument]
) -> None:
    first = instrument("TSLA", name="=cmd()", lot_size="0.00000001", session="0930-1600,1700-2000")
    second = instrument("BTC/USD", name='Bit "coin", é', is_active=False, price_increment="100")
    before = list(Instrument.objects.values())
    answer = panel.post("/admin/datafeed/instrument/", {"action": "export", "_selected_action": [first.pk, second.pk]})
    table = b"".join(answer.streaming_content)
    assert b",'=cmd()," in table
    Instrument.objects.update(name="x", lot_size=1, session="24x7", price_increment=1, is_active=True)
    assert result_of(panel.post(INSTRUMENTS, {"file": upload(table)}))["changed"] == 2
    after = list(Instrument.objects.values())
    assert [{**row, "updated_at": None} for row in after] == [{**row, "updated_at": None} for row in before]


@pytest.mark.parametrize("page", [BARS, INSTRUMENTS])
def test_only_operators_import_by_the_panel(page: str, person: Callable[..., Any], db: None) -> None:
    for role, status in (("user", 403), ("reviewer", 403), ("operator", 200)):
        user = person(role, role=role)
        user.is_staff = True
        user.save()
        client = Client()
        client.force_login(user)
        assert client.get(page).status_code == status
    assert Client().get(page).status_code == 302
