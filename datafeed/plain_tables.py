"""Large tables of plain rows read by machine code; whatever is peculiar in any way is left to `tables`."""

from collections.abc import Sequence
from datetime import tzinfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from datafeed.bars import BarColumns, Floats, Times
from datafeed.tables import MILLISECONDS_FROM

# Times as they may come, told apart by whether all of a block can be read so.
_TIMES = (pa.int64(), pa.timestamp("s", "UTC"), pa.timestamp("s"))
# Quotes, numbers in hexadecimal and with underscores, blank lines: read here otherwise than there, or not counted.
_PECULIAR = (b'"', b"_", b"x", b"X", b"\n\n")


def read_plain(
    block: bytes, *, separator: str, width: int, places: Sequence[int | None], zone: tzinfo
) -> BarColumns | None:
    """The bars in the lines of `block`, one of each; none where that is not sure to be what `tables` would read.

    `places` are those of time, open, high, low, close and volume among the `width` fields of a line.
    """
    is_plain = block.isascii() and not block.startswith(b"\n") and not any(mark in block for mark in _PECULIAR)
    for kind in _TIMES if is_plain else ():
        try:
            table = _read(block, separator, width, places, kind)
            if len(table) == block.count(b"\n") + 1:
                return BarColumns(_times(table, places[0], zone), *(_numbers(table, place) for place in places[1:]))
        except pa.ArrowException:
            continue
    return None


def _read(block: bytes, separator: str, width: int, places: Sequence[int | None], kind: pa.DataType) -> pa.Table:
    time, *others = [str(place) for place in places if place is not None]
    return csv.read_csv(
        pa.BufferReader(block),
        csv.ReadOptions(column_names=list(map(str, range(width))), block_size=len(block) + 1, use_threads=False),
        csv.ParseOptions(delimiter=separator, quote_char=False, escape_char=False),
        csv.ConvertOptions(
            include_columns=[time, *others],
            column_types={time: kind, **dict.fromkeys(others, pa.float64())},
            null_values=[],
            timestamp_parsers=[csv.ISO8601],
        ),
    )


def _numbers(table: pa.Table, place: int | None) -> Floats:
    if place is None:
        return np.zeros(len(table))
    found: Floats = table.column(str(place)).to_numpy()
    return found


def _times(table: pa.Table, place: int | None, zone: tzinfo) -> Times:
    column = table.column(str(place))
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = pc.assume_timezone(column, str(zone), ambiguous="earliest", nonexistent="raise")
    numbers: Times = column.cast(pa.int64()).to_numpy()
    is_counted = pa.types.is_integer(column.type)
    return np.where(np.abs(numbers) > MILLISECONDS_FROM, numbers // 1_000, numbers) if is_counted else numbers
