"""`manage.py demo_reset`: let the replay begin again."""

from typing import Any

from django.core.management.base import BaseCommand

from signalbox import demo


class Command(BaseCommand):
    help = "Forget what the replay has played and the signals that came of it. Stop the server first."

    def handle(self, *args: Any, **options: Any) -> None:
        demo.reset()
        self.stdout.write("The replay begins again at the next start.")
