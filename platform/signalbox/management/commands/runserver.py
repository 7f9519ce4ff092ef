"""`manage.py runserver`: Daphne's, with the platform's background tasks."""

from daphne.management.commands.runserver import Command as DaphneRunserver

from signalbox.server import Server


class Command(DaphneRunserver):
    server_cls = Server
