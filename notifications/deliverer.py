"""The worker that brings notifications to channels, for as long as the server lives."""

import asyncio
import logging
import threading

from kernel.background import Thread, on_thread, report
from notifications.services.deliveries import claim_channels, work_on
from notifications.services.fan_out import AT_ONCE, expand_fan_outs

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.5
SENDERS = 8
_senders = [Thread(f"delivery-{number}") for number in range(SENDERS)]


async def run_deliveries() -> None:
    """Share out and send: a few channels at a time, each on a thread of its own, so that a slow one holds up no other.

    Any number of processes may do so at once; every claim is a conditional update.
    """
    free = list(_senders)
    running: dict[asyncio.Task[int], Thread] = {}
    ends = threading.Event()
    try:
        while True:
            free += _finished(running)
            shared_out = await on_thread(expand_fan_outs)
            for channel_id in await on_thread(claim_channels, len(free)) if free else []:
                sender = free.pop()
                running[asyncio.create_task(sender.call(work_on, channel_id, ends.is_set))] = sender
            await on_thread(report, "deliveries", "ok", f"sending to {len(running)} channels")
            await _pause(running, shared_out)
    finally:
        ends.set()


async def _pause(running: dict[asyncio.Task[int], Thread], shared_out: int) -> None:
    """Until a sender is free, or for a moment; not at all while much waits to be shared out."""
    if running:
        await asyncio.wait(running, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
    elif shared_out < AT_ONCE:
        await asyncio.sleep(LOOK_EVERY)


def _finished(running: dict[asyncio.Task[int], Thread]) -> list[Thread]:
    """The threads that are free again."""
    done = [task for task in running if task.done()]
    for task in done:
        if error := task.exception():
            logger.error("a channel could not be worked on", exc_info=error)
    return [running.pop(task) for task in done]
