"""`manage.py rotate_keys`: seal everything with the first of `FIELD_KEYS`, so that older keys can be taken away."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel.crypto import NotReadable, ring
from kernel.rotation import rotate, sealed_columns


class Command(BaseCommand):
    help = "Seal every secret and every file's key with the first of FIELD_KEYS. Safe to stop and to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        for column in sealed_columns():
            try:
                moved = rotate(column)
            except NotReadable as error:
                raise CommandError(f"{column}: a value cannot be read: {error}") from None
            self.stdout.write(f"{column}: {moved} now sealed with {ring().newest}")
