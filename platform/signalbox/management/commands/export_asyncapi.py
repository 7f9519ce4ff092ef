"""`manage.py export_asyncapi FILE`: the sockets' document as a file."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from kernel.realtime.asyncapi import document
from signalbox import __version__, sockets


class Command(BaseCommand):
    help = f"Write the AsyncAPI document made from the message types of {sockets.__name__}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        file.write_text(json.dumps(document(version=__version__), indent=2, sort_keys=True) + "\n", encoding="utf-8")
