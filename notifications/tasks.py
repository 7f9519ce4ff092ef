"""Work on notifications that no request waits for."""

import asyncio
from datetime import timedelta

from kernel import clock
from kernel.background import on_thread
from kernel.realtime import wake_stream
from notifications.models import Notification
from notifications.services import has_waiting, mark_published, mark_waiting_published

OVERDUE = timedelta(seconds=1)
MOST_AT_ONCE = 500
MARK_EVERY = 0.2  # seconds: well before the sweep would take them for left behind


def sweep_unpublished() -> int:
    """Push what a crash left between commit and push; the number of notifications."""
    overdue = Notification.objects.filter(published_at__isnull=True, created_at__lt=clock.now() - OVERDUE)
    rows = list(overdue.order_by("created_at").values_list("pk", "stream__name")[:MOST_AT_ONCE])
    for stream in {name for _, name in rows}:
        wake_stream(stream)
    mark_published(notification_ids=[pk for pk, _ in rows])
    return len(rows)


async def keep_marking_published() -> None:
    """Mark what this process has pushed, many rows in one statement."""
    while True:
        await asyncio.sleep(MARK_EVERY)
        if has_waiting():
            await on_thread(mark_waiting_published)
