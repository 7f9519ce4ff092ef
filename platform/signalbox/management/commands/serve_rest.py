"""`manage.py serve_rest`: REST and pages alone, by a WSGI server, beside the processes that have the sockets."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings

from signalbox.environment import EXIT_CONFIG, is_loopback

STOP_WITHIN = 20


class Command(BaseCommand):
    help = "Serve REST and pages without sockets and background tasks, for as much of it as there are workers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.ENV.host)
        parser.add_argument("--port", type=int, default=settings.ENV.port)
        parser.add_argument("--workers", type=int, default=1)

    def handle(self, *args: Any, host: str, port: int, workers: int, **options: Any) -> None:
        if settings.DEBUG and not is_loopback(host):
            self.stderr.write("Signalbox cannot start: DEBUG must be off where others can reach the server")
            sys.exit(EXIT_CONFIG)
        if not settings.ENV.redis_url:
            self.stderr.write("Without REDIS_URL nothing that is done here is heard on a socket.")
        Granian(
            "signalbox.rest:begin",
            factory=True,
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            blocking_threads=settings.HTTP_THREADS,
            websockets=False,
            http1_settings=HTTP1Settings(header_read_timeout=int(1000 * settings.HEADER_SECONDS)),
            workers_kill_timeout=STOP_WITHIN,
            log_enabled=False,
        ).serve()
