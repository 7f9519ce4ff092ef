"""`manage.py export_bars`: the bars of a symbol as CSV or Parquet."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datafeed.files import pieces_of
from datafeed.selectors import bar_blocks, find_instrument
from kernel.errors import DomainError


class Command(BaseCommand):
    help = "Export closed bars as a file that import_bars reads back: Parquet where its name says so, else CSV."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("symbol")
        parser.add_argument("resolution")
        parser.add_argument("file", type=Path, nargs="?", help="standard output where unsaid")

    def handle(self, *args: Any, symbol: str, resolution: str, file: Path | None, **options: Any) -> None:
        try:
            ending = "parquet" if file is not None and file.suffix == ".parquet" else "csv"
            pieces = pieces_of(bar_blocks(find_instrument(symbol), resolution), ending)
        except DomainError as error:
            raise CommandError(f"{error.message} {error.errors or ''}".strip()) from None
        if file is None:
            sys.stdout.buffer.writelines(pieces)
            return
        with file.open("wb") as out:
            out.writelines(pieces)
