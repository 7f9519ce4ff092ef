"""What a Celery worker is set up to do."""

import logging

from kernel.logs import LineFormatter
from signalbox.celery import app


def test_a_worker_logs_as_the_server_does() -> None:
    """With handlers of its own it would write what ours mask."""
    ours = logging.StreamHandler()
    ours.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.addHandler(ours)
    before = list(root.handlers)
    try:
        app.log.setup(loglevel="INFO", redirect_stdouts=False)
        assert root.handlers == before
        added = logging.getLogger("celery").handlers
        assert not [handler for handler in added if not isinstance(handler, logging.NullHandler)]
    finally:
        root.removeHandler(ours)


def test_a_worker_takes_json_alone() -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
