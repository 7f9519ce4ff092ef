"""Celery, for installations with Redis: it wakes workers up; what is to be done stands in the job's row."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu import Queue

SHORT, LONG = "celery", "long"  # as kernel.jobs calls its lanes, which cannot be imported before Django is set up

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalbox.settings")

app = Celery("signalbox")
app.set_default()  # or every thread but this one would send to an application without a broker
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    # A worker takes both lanes unless told otherwise (`-Q celery`, `-Q long`): give long work workers of its own.
    task_queues=[Queue(SHORT), Queue(LONG)],
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 5},
)


@setup_logging.connect
def keep_our_logging(**kwargs: Any) -> None:
    """Without a receiver Celery puts handlers of its own in place of ours, which mask what is secret."""


@app.task(name="kernel.run_job")
def run_job(job_id: str) -> None:
    """Run one job; a job that another worker has claimed is left to it."""
    from kernel import jobs

    jobs.run_job(job_id)
