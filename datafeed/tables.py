"""Bars as text: reading a table of them block by block, every bad row with its line, and writing one.

The first line names the columns: `time, open, high, low, close` and `volume` or not, in any order, with commas,
semicolons or tabs between. Times are epoch seconds or milliseconds, or ISO 8601; one without an offset is in the time
zone given. Packed tables (gzip) are read as they are.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import chain
from typing import BinaryIO

import numpy as np
from django.utils.module_loading import import_string
from numpy.typing import NDArray

from datafeed.bars import BarColumns, Floats, Times
from datafeed.errors import UnreadableTable
from kernel import clock

BLOCK = 2**21
LARGE = 2**16
LONGEST_LINE = 1_000
MOST_UNPACKED = 2 * 2**30
MOST_RATIO = 100
SMALL_FILE = 2**20
MILLISECONDS_FROM = 10**11
COLUMNS = ("time", "open", "high", "low", "close", "volume")
_NAMES = {**{name: name for name in COLUMNS}, "date": "time", "datetime": "time", "timestamp": "time", "vol": "volume"}
_GZIP = b"\x1f\x8b"
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is left out: its line, counted from 1, and why."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a table: their bars as they came, in the order of the table, the line of each, and bad rows."""

    bars: BarColumns
    lines: Times
    faults: list[Fault]

    def joined(self, later: "Block") -> "Block":
        """These rows and then the `later` ones."""
        lines = np.concatenate((self.lines, later.lines))
        return Block(self.bars.joined(later.bars), lines, self.faults + later.faults)


def read_table(file: BinaryIO, *, zone: tzinfo = UTC) -> Iterator[Block]:
    """The rows of `file`; raises `UnreadableTable` for what is no table of bars or unpacks to too much."""
    blocks = _line_blocks(file)
    header, newline, rest = next(blocks, b"").partition(b"\n")
    layout, line = Layout.of(_text(header), zone), 2
    for block in chain([rest] if newline else [], blocks):
        yield layout.read(block, line)
        line += block.count(b"\n") + 1


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a table are laid out: what stands between fields, where each column is, whose time it is."""

    separator: str
    width: int
    places: tuple[int | None, ...]
    zone: tzinfo

    @classmethod
    def of(cls, header: str, zone: tzinfo) -> "Layout":
        header = header.removeprefix("\ufeff")
        separator = next((mark for mark in ",;\t" if mark in header), ",")
        names = header.split(separator)
        return cls(separator, len(names), column_places(names), zone)

    def read(self, block: bytes, first: int) -> Block:
        """The bars in the lines of `block`, of which the first has the number `first`."""
        if len(block) >= LARGE and (bars := self._at_once(block)) is not None:
            return Block(bars, np.arange(first, first + len(bars)), [])
        return self._read(
            [(number, line) for number, line in enumerate(_text(block).split("\n"), first) if line.strip()]
        )

    def _at_once(self, block: bytes) -> BarColumns | None:
        # Loaded at its first use: it takes a third of a second and forty megabytes.
        read_plain = import_string("datafeed.plain_tables.read_plain")
        found: BarColumns | None = read_plain(
            block, separator=self.separator, width=self.width, places=self.places, zone=self.zone
        )
        return found

    def _read(self, rows: Sequence[tuple[int, str]]) -> Block:
        """The bars of numbered lines; where some line is at fault it is looked for half by half."""
        try:
            bars = self._columns([line for _, line in rows])
            return Block(bars, np.array([number for number, _ in rows], dtype=np.int64), [])
        except (ValueError, OverflowError) as error:
            if len(rows) == 1:
                return Block(BarColumns.empty(), np.empty(0, dtype=np.int64), [Fault(rows[0][0], str(error)[:200])])
        middle = len(rows) // 2
        return self._read(rows[:middle]).joined(self._read(rows[middle:]))

    def _columns(self, lines: Sequence[str]) -> BarColumns:
        if not lines:
            return BarColumns.empty()
        text = "\n".join(lines)
        # What Python reads as a number and nobody writes as one in a table.
        if not text.isascii() or "_" in text:
            raise ValueError("a number or a time cannot be read")
        text = text.replace('"', "")
        if any(line.count(self.separator) != self.width - 1 for line in lines):
            raise ValueError(f"{self.width} fields are expected")
        # One flat list: a list for each row would cost more than reading the numbers.
        fields = text.replace("\n", self.separator).split(self.separator)
        picked = [fields[place :: self.width] if place is not None else None for place in self.places]
        numbers = [
            self._numbers(name, column, len(lines)) for name, column in zip(COLUMNS[1:], picked[1:], strict=True)
        ]
        return BarColumns(self._times(picked[0] or ()), *numbers)

    @staticmethod
    def _numbers(name: str, column: Sequence[str] | None, count: int) -> Floats:
        if column is None:
            return np.zeros(count)
        try:
            return np.array(list(map(float, column)))
        except ValueError:
            raise ValueError(f"{name} {column[0][:40]!r} is no number") from None

    def _times(self, column: Sequence[str]) -> Times:
        try:
            numbers = np.array(list(map(int, column)), dtype=np.int64)
        except ValueError:
            return np.array([self._instant(text.strip()) for text in column], dtype=np.int64)
        return np.where(np.abs(numbers) > MILLISECONDS_FROM, numbers // 1_000, numbers)

    def _instant(self, text: str) -> int:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"time {text[:40]!r} is no time") from None
        return int((moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).timestamp())


def column_places(names: Sequence[str]) -> tuple[int | None, ...]:
    """Where each of `COLUMNS` is among `names`; raises `UnreadableTable` where one is missing or there twice."""
    known = [_NAMES.get(_bare(name).lower(), "") for name in names]
    missing = [name for name in COLUMNS[:-1] if known.count(name) != 1]
    if missing or known.count("volume") > 1:
        wanted = ", ".join(missing or ["volume"])
        raise UnreadableTable(f"The table names each column once; look at: {wanted}.")
    return tuple(known.index(name) if name in known else None for name in COLUMNS)


def check_unpacked(unpacked: int, packed: int) -> None:
    """Raise `UnreadableTable` where `packed` bytes of a file are `unpacked` to more than is taken."""
    if unpacked > MOST_UNPACKED or unpacked > MOST_RATIO * max(packed, SMALL_FILE):
        raise UnreadableTable("The file unpacks to more than is taken.")


def _bare(text: str) -> str:
    return text.strip().strip('"<>').strip()


def _line_blocks(file: BinaryIO) -> Iterator[bytes]:
    """The lines of `file` in blocks of about `BLOCK` bytes, without the line break at the end of each block."""
    rest = b""
    for piece in _pieces(file):
        whole, newline, tail = (rest + piece).rpartition(b"\n")
        rest = tail
        if newline:
            yield whole.replace(b"\r", b"")
        if len(rest) > LONGEST_LINE:
            raise UnreadableTable(f"A line has more than {LONGEST_LINE} characters.")
    if rest:
        yield rest.replace(b"\r", b"")


def _text(block: bytes) -> str:
    return block.decode("utf-8", "replace")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    start = file.read(2)
    file.seek(0)
    if start != _GZIP:
        while piece := file.read(BLOCK):
            yield piece
        return
    unpacked = 0
    try:
        with gzip.open(file, "rb") as plain:
            while piece := plain.read(BLOCK):
                unpacked += len(piece)
                check_unpacked(unpacked, file.tell())
                yield piece
    except (OSError, EOFError, zlib.error):
        raise UnreadableTable("The file cannot be unpacked.") from None


def table_lines(blocks: Iterable[BarColumns]) -> Iterator[bytes]:
    """Bars as a table that `read_table` reads back, piece by piece: times in ISO 8601, numbers and nothing else.

    No field can begin a formula of a spreadsheet: the only text is a time of our own writing.
    """
    yield f"{','.join(COLUMNS)}\r\n".encode()
    for bars in blocks:
        rows = (
            f"{clock.isoformat(clock.from_epoch(row[0]))},{','.join(map(_number, row[1:]))}\r\n" for row in bars.rows()
        )
        yield "".join(rows).encode()


def _number(value: float) -> str:
    return f"{value:.8f}".rstrip("0").rstrip(".")
