"""`manage.py export_bars`: the bars of a symbol as CSV."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datafeed.selectors import bar_blocks, find_instrument
from datafeed.tables import table_lines
from kernel.errors import DomainError


class Command(BaseCommand):
    help = "Export closed bars as CSV that import_bars reads back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("symbol")
        parser.add_argument("resolution")
        parser.add_argument("file", type=Path, nargs="?", help="standard output where unsaid")

    def handle(self, *args: Any, symbol: str, resolution: str, file: Path | None, **options: Any) -> None:
        try:
            pieces = table_lines(bar_blocks(find_instrument(symbol), resolution))
        except DomainError as error:
            raise CommandError(f"{error.message} {error.errors or ''}".strip()) from None
        if file is None:
            sys.stdout.buffer.writelines(pieces)
            return
        with file.open("wb") as out:
            out.writelines(pieces)
