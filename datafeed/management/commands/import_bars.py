"""`manage.py import_bars`: record the bars of a CSV or Parquet file, and name the line of each row that is left out."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError

from datafeed import services
from datafeed.resolutions import LADDER, canonical
from datafeed.schedules import ALWAYS
from datafeed.selectors import find_instrument
from datafeed.sessions import Hours
from kernel import clock
from kernel.errors import DomainError


class Command(BaseCommand):
    help = "Import bars from CSV (plain or gzip) or Parquet: time, open, high, low, close and, if there is one, volume."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("symbol")
        parser.add_argument("resolution", help=f"one of {', '.join(LADDER)}")
        parser.add_argument("file", type=Path)
        parser.add_argument("--timezone", default="Etc/UTC", help="of times that have no offset of their own")

    def handle(self, *args: Any, symbol: str, resolution: str, file: Path, timezone: str, **options: Any) -> None:
        began = clock.monotonic()
        try:
            report = _import(symbol, resolution, file, timezone)
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from None
        except DomainError as error:
            raise CommandError(f"{error.message} {error.errors or ''}".strip()) from None
        for fault in report.faults:
            self.stderr.write(f"line {fault.line}: {fault.message}")
        if report.bad > len(report.faults):
            self.stderr.write(f"and {report.bad - len(report.faults)} more")
        speed = report.read / max(0.001, clock.monotonic() - began)
        self.stdout.write(
            f"{report.read} rows: {report.added} added, {report.known} known, {report.bad} bad; {speed:,.0f} rows/s"
        )


def _import(symbol: str, resolution: str, path: Path, timezone: str) -> services.ImportReport:
    Hours(ALWAYS, timezone).check()
    name = canonical(resolution)
    if name not in LADDER:
        raise CommandError(f"{resolution!r} is not one of {', '.join(LADDER)}")
    instrument = find_instrument(symbol)
    with path.open("rb") as file:
        series = services.ensure_import_series(instrument=instrument, resolution=name)
        return services.import_bars(series=series, file=file, zone=ZoneInfo(timezone))
