"""`manage.py verify_audit`: walk the audit trail's chain and name the first entry that is not as it was written."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel import audit


def _noted(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,18}:[0-9a-f]{64}", text):
        raise ArgumentTypeError("seq:hash, as an earlier verification has printed it")
    return text


class Command(BaseCommand):
    help = "Verify the audit trail; exit status 1 and the first broken entry where it is not as it was written."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--noted",
            type=_noted,
            metavar="SEQ:HASH",
            help="an end of the chain that was kept elsewhere and must still be in it",
        )

    def handle(self, *args: Any, noted: str | None, **options: Any) -> None:
        verdict = audit.verify(noted or "")
        if verdict.broken_at is not None:
            raise CommandError(f"broken at entry {verdict.broken_at}: {verdict.what}", returncode=1)
        self.stdout.write(f"ok {verdict.entries} entries")
        self.stdout.write(f"the chain ends at {verdict.head}")
