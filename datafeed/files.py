"""Files of bars in the formats there are: CSV, plain or gzip, and Parquet."""

from collections.abc import Iterable, Iterator
from datetime import UTC, tzinfo
from typing import BinaryIO

from django.conf import settings
from django.utils.module_loading import import_string

from datafeed.bars import BarColumns
from datafeed.tables import Block, read_table, table_lines

FORMATS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
"""What a file of bars may be, by the ending of its name, with its content type."""

LARGEST_FILE: int = settings.BARS_IMPORT_LIMIT  # that is taken in from elsewhere, bytes
_PARQUET = b"PAR1"


def read_file(file: BinaryIO, *, zone: tzinfo = UTC) -> Iterator[Block]:
    """The rows of `file`, whatever its format; raises `UnreadableTable` for what is no table of bars."""
    start = file.read(len(_PARQUET))
    file.seek(0)
    return _parquet("read_parquet")(file, zone=zone) if start == _PARQUET else read_table(file, zone=zone)


def pieces_of(blocks: Iterable[BarColumns], format: str) -> Iterator[bytes]:
    """`blocks` as a file of one of `FORMATS` that `read_file` reads back, piece by piece."""
    return _parquet("parquet_pieces")(blocks) if format == "parquet" else table_lines(blocks)


def _parquet(name: str):  # type: ignore[no-untyped-def]
    # Loaded at its first use: it takes a third of a second and forty megabytes.
    return import_string(f"datafeed.parquet.{name}")
