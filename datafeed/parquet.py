"""Bars in Parquet files: reading them batch by batch, every bad row with its number, and writing them."""

import io
from collections.abc import Iterable, Iterator
from datetime import UTC, tzinfo
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datafeed.bars import BarColumns, Floats, Times
from datafeed.errors import UnreadableTable
from datafeed.tables import COLUMNS, MILLISECONDS_FROM, Block, Fault, check_unpacked, column_places

ROWS = 65_536
_SCHEMA = pa.schema([("time", pa.timestamp("ms", "UTC")), *((name, pa.float64()) for name in COLUMNS[1:])])


def read_parquet(file: BinaryIO, *, zone: tzinfo = UTC) -> Iterator[Block]:
    """The rows of `file`, whose lines are counted from 1; raises `UnreadableTable` for what is no table of bars.

    The column of time holds timestamps, days or whole numbers, epoch seconds or milliseconds; a timestamp without a
    time zone is in `zone`.
    """
    try:
        yield from _blocks(file, zone)
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        raise UnreadableTable("The file is not a Parquet table of bars.") from None


def _blocks(file: BinaryIO, zone: tzinfo) -> Iterator[Block]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    table = pq.ParquetFile(file)
    names = table.schema_arrow.names
    places = column_places(names)
    groups = (table.metadata.row_group(number) for number in range(table.metadata.num_row_groups))
    check_unpacked(sum(group.total_byte_size for group in groups), size)
    wanted = [names[place] for place in places if place is not None]
    line, unpacked = 1, 0
    for batch in table.iter_batches(batch_size=ROWS, columns=wanted):
        unpacked += batch.nbytes
        check_unpacked(unpacked, size)
        columns = [None if place is None else batch.column(wanted.index(names[place])) for place in places]
        yield _block(columns, line, len(batch), zone)
        line += len(batch)


def _block(columns: list[Any], line: int, count: int, zone: tzinfo) -> Block:
    lines: Times = np.arange(line, line + count, dtype=np.int64)
    is_whole, faults = np.ones(count, dtype=bool), []
    for name, column in zip(COLUMNS, columns, strict=True):
        if column is not None and column.null_count:
            is_valid = column.is_valid().to_numpy(zero_copy_only=False)
            faults += [Fault(int(number), f"{name} is empty") for number in lines[is_whole & ~is_valid]]
            is_whole &= is_valid
    mask = pa.array(is_whole)
    kept = [None if column is None else column.filter(mask) for column in columns]
    values = [_numbers(column, int(is_whole.sum())) for column in kept[1:]]
    return Block(BarColumns(_times(kept[0], zone), *values), lines[is_whole], faults)


def _numbers(column: Any, count: int) -> Floats:
    if column is None:
        return np.zeros(count)
    found: Floats = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found


def _times(column: Any, zone: tzinfo) -> Times:
    if pa.types.is_integer(column.type):
        numbers = column.cast(pa.int64()).to_numpy()
        in_seconds: Times = np.where(np.abs(numbers) > MILLISECONDS_FROM, numbers // 1_000, numbers)
        return in_seconds
    if pa.types.is_date(column.type) or (pa.types.is_timestamp(column.type) and column.type.tz is None):
        naive = column.cast(pa.timestamp("us"))
        column = pc.assume_timezone(naive, str(zone), ambiguous="earliest", nonexistent="earliest")
    found: Times = column.cast(pa.timestamp("s", "UTC"), safe=False).cast(pa.int64()).to_numpy()
    return found


def parquet_pieces(blocks: Iterable[BarColumns]) -> Iterator[bytes]:
    """Bars as a Parquet file that `read_parquet` reads back, piece by piece; times are timestamps in UTC."""
    sink = _Pieces()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), _SCHEMA, compression="zstd") as writer:
        for bars in blocks:
            time = pa.array(bars.time * 1_000).cast(_SCHEMA.field("time").type)
            writer.write_batch(pa.record_batch([time, *map(pa.array, bars.values)], schema=_SCHEMA))
            yield sink.take()
    yield sink.take()


class _Pieces(io.RawIOBase):
    """What is written, until it is taken; it knows how much there was in all."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting, self._written = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._waiting += piece
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        taken, self._waiting = bytes(self._waiting), bytearray()
        return taken
