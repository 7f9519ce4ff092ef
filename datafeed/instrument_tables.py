"""Instruments as text: reading a table of them row by row, each fault with its line and field, and writing one."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from datafeed.errors import UnreadableTable
from datafeed.models import Instrument

COLUMNS = (
    "symbol",
    "name",
    "exchange",
    "type",
    "currency",
    "price_increment",
    "lot_size",
    "session",
    "timezone",
    "is_active",
)
LARGEST_TABLE = 8 * 2**20
# What a spreadsheet takes for a formula; such a field has an apostrophe before it in a table.
_FORMULA = ("=", "+", "-", "@")


def read_instruments(file: BinaryIO) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV table whose first line names some of `COLUMNS`, each with its line, counted from 1.

    A field that is empty is left out of its row. Raises `UnreadableTable` for what is no such table.
    """
    content = file.read(LARGEST_TABLE + 1)
    if len(content) > LARGEST_TABLE:
        raise UnreadableTable(f"A table of instruments may have {LARGEST_TABLE // 2**20} MiB.")
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names = _names(next(rows, []))
        for row in rows:
            if len(row) > len(names):
                raise UnreadableTable(f"Line {rows.line_num} has more fields than the first line names.")
            fields = {name: _plain(text) for name, text in zip(names, row, strict=False) if text.strip()}
            if fields:
                yield rows.line_num, fields
    except UnicodeDecodeError:
        raise UnreadableTable("The table is not UTF-8.") from None
    except csv.Error as error:
        raise UnreadableTable(f"The table cannot be read: {error}.") from None


def _names(header: list[str]) -> list[str]:
    names = [name.strip().lower() for name in header]
    if "symbol" not in names:
        raise UnreadableTable("The first line names the columns, and symbol among them.")
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            raise UnreadableTable(f"There is no place for a column {name[:40]!r}; there are {', '.join(COLUMNS)}.")
    return names


def _plain(text: str) -> str:
    text = text.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def instrument_lines(instruments: Iterable[Instrument]) -> Iterator[bytes]:
    """Instruments as a table that `read_instruments` reads back, piece by piece."""
    yield _line({name: name for name in COLUMNS})
    for instrument in instruments:
        yield _line({name: _text(getattr(instrument, name)) for name in COLUMNS})


def _text(value: Any) -> str:
    text = f"{value.normalize():f}" if hasattr(value, "normalize") else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(fields: Mapping[str, str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow([fields[name] for name in COLUMNS])
    return line.getvalue().encode()
