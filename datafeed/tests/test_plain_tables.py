"""Large tables are read by machine code: to the same bars, lines and faults as small ones."""

import io
from zoneinfo import ZoneInfo

import pytest

from datafeed import tables
from datafeed.plain_tables import read_plain
from datafeed.tables import Block, read_table
from datafeed.tests.conftest import MONDAY

HEADER = "time,open,high,low,close,volume"
NEW_YORK = ZoneInfo("America/New_York")
GOOD = [
    f"{MONDAY},10,11,9,10.5,100",
    f"{MONDAY}000,0.1,0.30000000049,1e-9,123456789.12345678,1.7976931348623157e308",
    f"{MONDAY},9007199254740993,0.1234567890123456789,5e-324,2.2250738585072011e-308,1e22",
    f"{MONDAY},nan,inf,-inf,10,-0.0",
    "2014-01-06T00:00:00Z,10,11,9,10.5,100",
    "2014-01-06 05:30:00+05:30,10,11,9,10.5,100",
    "2014-01-06,10,11,9,10.5,100",
    "2014-01-06 09:30,10,11,9,10.5,100",
    "2014-11-02 01:30:00,10,11,9,10.5,100",
    "2014-03-09 02:30:00,10,11,9,10.5,100",
]
PECULIAR = [
    f'"{MONDAY}","10",11,9,10.5,100',
    f" {MONDAY} , 10,11 ,9,10.5,100",
    f"+{MONDAY},+10,.5,5.,1E2,100",
    f"{MONDAY}.0,10,11,9,10.5,100",
    "2014-01-06T00:00:00.999Z,10,11,9,10.5,100",
    "20140106,10,11,9,10.5,100",
    f"{hex(MONDAY)},10,11,9,10.5,100",
    f"{MONDAY},0x10,11,9,10.5,100",
    f"{MONDAY},1_0,11,9,10.5,100",
    f"{MONDAY},,11,9,10.5,100",
    f"{MONDAY},ten,11,9,10.5,100",
    f"{MONDAY},10,11,9,10.5",
    f"{MONDAY},10,11,9,10.5,1,2",
    "\uff11,10,11,9,10.5,100",
    "9" * 40 + ",10,11,9,10.5,100",
    "x\x00,10,11,9,10.5,100",
    "",
    "  ",
]


def read(text: str, monkeypatch: pytest.MonkeyPatch, *, large: int) -> list[tuple[object, ...]]:
    monkeypatch.setattr(tables, "LARGE", large)
    blocks = read_table(io.BytesIO(text.encode()), zone=NEW_YORK)
    return [(*_columns(block), block.lines.tolist(), block.faults) for block in blocks]


def _columns(block: Block) -> list[list[bytes]]:
    return [[number.tobytes() for number in column] for column in (block.bars.time, *block.bars.values)]


@pytest.mark.parametrize("line", [*GOOD, *PECULIAR])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_large_table_is_read_as_a_small_one_is(line: str, separator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for lines in ([line], [GOOD[0], line, GOOD[0]], [GOOD[4], line], [line, line, GOOD[6]]):
        text = "\n".join([HEADER, *lines]).replace(",", separator)
        assert read(text, monkeypatch, large=0) == read(text, monkeypatch, large=10**9)


@pytest.mark.parametrize("line", [line for line in GOOD if not line.startswith("2014-03-09")])
def test_a_plain_row_is_read_by_machine_code(line: str) -> None:
    block = "\n".join([line] * 3).encode()
    bars = read_plain(block, separator=",", width=6, places=(0, 1, 2, 3, 4, 5), zone=NEW_YORK)
    assert bars is not None
    assert len(bars) == 3


def test_columns_that_are_not_bars_are_passed_over() -> None:
    bars = read_plain(b"a;2;1;5;3;4\nb;2;1;5;3;4", separator=";", width=6, places=(2, 1, 3, 4, 5, None), zone=NEW_YORK)
    assert bars is not None
    assert bars.at(1) == (1, 2, 5, 3, 4, 0)


def test_bad_rows_of_a_large_table_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGE", 0)
    lines = [GOOD[0]] * 5_000
    for number in (0, 1, 2_500, 4_999):
        lines[number] = "bad"
    [block] = read_table(io.BytesIO(("\n".join([HEADER, *lines]) + "\n").encode()), zone=NEW_YORK)
    assert [fault.line for fault in block.faults] == [2, 3, 2_502, 5_001]
    assert len(block.bars) == 4_996
