"""What `serve_rest` runs: the WSGI application, and beside it what must not wait for a server with sockets."""

import logging
import threading
import time

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from signalbox.wsgi import application

logger = logging.getLogger(__name__)

# They import models, which exist only once the application has set Django up.
from django.db import DatabaseError, close_old_connections  # noqa: E402

from notifications.services import mark_waiting_published  # noqa: E402
from notifications.tasks import MARK_EVERY  # noqa: E402


def mark_pushed() -> None:
    """Mark what this process has pushed, so that no sweep pushes it once more."""
    try:
        mark_waiting_published()
    except DatabaseError:
        # The sweep finds them.
        logger.exception("what was pushed could not be marked")
        close_old_connections()


def _keep_marking() -> None:
    while True:
        time.sleep(MARK_EVERY)
        mark_pushed()


def begin() -> WSGIHandler:
    """The application, with what runs beside it; each process of the server asks for it once."""
    # Without Redis nothing is heard of what is pushed here, and the server with the sockets finds it by its sweep.
    if settings.ENV.redis_url:
        threading.Thread(target=_keep_marking, name="published", daemon=True).start()
    return application
