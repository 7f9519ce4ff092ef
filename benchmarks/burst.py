"""Bursts of notifications inside our own server: what happens after each one's commit, and nothing before it."""

import asyncio
import json
import time
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from kernel.realtime import hub as hubs
from kernel.realtime import wake_stream
from kernel.realtime.messages import encoder
from notifications.models import Stream
from notifications.selectors import EVERYBODY

# The log itself is left out, as the peer has none: rows are numbered on from its head.
_told: list[int] = []


@csrf_exempt
def burst(request: HttpRequest) -> JsonResponse:
    """Begin `{count, together, interval, message}`; it goes on after the answer."""
    wanted = json.loads(request.body)
    if not _told:
        _told.append(Stream.objects.filter(name=EVERYBODY).values_list("head", flat=True).first() or 0)
    asyncio.run_coroutine_threadsafe(_burst(**wanted), hubs.loops()[-1])
    return JsonResponse({"status": "started"})


async def _burst(
    count: int, message: dict[str, Any], together: int = 1, interval: float = 0.0, encode_once: bool = False
) -> None:
    due = time.monotonic()
    for number in range(0, count, together):
        for one in range(together):
            _told[0] += 1
            payload = {**message, "seq": number + one, "sent_ns": time.time_ns()}
            said = {"type": "notification", "payload": payload, "stream": EVERYBODY, "seq": _told[0]}
            wake_stream(EVERYBODY, _told[0], encoder.encode(said).decode())
        due += interval
        await asyncio.sleep(max(0.0, due - time.monotonic()))
