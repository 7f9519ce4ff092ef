"""`manage.py serve`: the whole product in one process."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from signalbox import demo
from signalbox.asgi import application
from signalbox.environment import EXIT_CONFIG, is_loopback
from signalbox.server import Server

# Of a queue that is full the system drops whoever knocks, who tries again a second later: room for a rush.
BACKLOG = 2_048


class Command(BaseCommand):
    help = "Serve HTTP and sockets, the feed and the engine, in one process, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.ENV.host)
        parser.add_argument("--port", type=int, default=settings.ENV.port)
        parser.add_argument("--set-up", action="store_true", help="first migrate, load the market, make the demo")

    def handle(self, *args: Any, host: str, port: int, set_up: bool, **options: Any) -> None:
        if settings.DEBUG and not is_loopback(host):
            self.stderr.write("Signalbox cannot start: DEBUG must be off where others can reach the server")
            sys.exit(EXIT_CONFIG)
        if set_up:
            self._set_up()
            self.stdout.write(demo.welcome(host, port))
        interface = host.replace(":", r"\:")
        endpoint = f"tcp:port={port}:interface={interface}:backlog={BACKLOG}"
        Server(application=application, endpoints=[endpoint]).run()

    def _set_up(self) -> None:
        """One process instead of three commands: a second start takes a second, not three."""
        call_command("migrate", interactive=False, verbosity=0)
        demo.load_market()
        if not demo.refusal():
            demo.make_demo()
