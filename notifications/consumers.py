"""Notifications on sockets: one inbox for each connection, which follows the streams of whoever is signed in."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from kernel.background import on_thread
from kernel.errors import Invalid
from kernel.realtime import Socket, operation
from notifications import services
from notifications.following import Filter, Inbox, inbox_of
from notifications.messages import (
    INBOX_TOPIC,
    AcknowledgedAnswer,
    MarkedAnswer,
    NotificationsAck,
    NotificationsLive,
    NotificationsRead,
    NotificationsSubscribe,
    NotificationsUnsubscribe,
    StreamsAnswer,
)
from notifications.models import PRIORITY_RANKS


@operation("notifications.subscribe", NotificationsSubscribe, answer=StreamsAnswer)
async def subscribe_to_notifications(socket: Socket, request: NotificationsSubscribe) -> dict[str, Any]:
    """Receive what was missed after the positions named, then `notifications.live`, then each notification."""
    inbox = inbox_of(socket)
    async with inbox.lock:
        await inbox.resume(request.streams, _filter_of(request))
        await socket.listen(INBOX_TOPIC.format(socket.user.pk))
        inbox.tells_positions = True
        socket.tell(NotificationsLive(payload=inbox.all_positions()))
        inbox.begin_heads()
        return {"streams": sorted(inbox.positions().streams)}


def _filter_of(request: NotificationsSubscribe) -> Filter | None:
    """The filters of `request` as one question; a stream's positions move on past what they leave out."""
    if request.topics is None and request.types is None and request.min_priority is None:
        return None
    topics = None if request.topics is None else frozenset(request.topics)
    types = None if request.types is None else frozenset(request.types)
    least = PRIORITY_RANKS[request.min_priority or "info"]

    def wanted(payload: dict[str, Any]) -> bool:
        return (
            (topics is None or payload["topic"] in topics)
            and (types is None or payload["type"] in types)
            and PRIORITY_RANKS[payload["priority"]] >= least
        )

    return wanted


@operation("notifications.unsubscribe", NotificationsUnsubscribe)
async def unsubscribe_from_notifications(socket: Socket, request: NotificationsUnsubscribe) -> dict[str, Any]:
    """Receive no more notifications on this connection."""
    inbox = inbox_of(socket)
    async with inbox.lock:
        await inbox.leave()
    await socket.stop_listening(INBOX_TOPIC.format(socket.user.pk))
    return {}


@operation("notifications.read", NotificationsRead, answer=MarkedAnswer, scope="notifications:write")
async def read_notifications(socket: Socket, request: NotificationsRead) -> dict[str, Any]:
    """Mark notifications read; those that are not one's own, or read already, are not counted."""
    count = await on_thread(services.mark_read, user=socket.user, notification_ids=request.ids)
    return {"marked": count}


@operation("notifications.ack", NotificationsAck, answer=AcknowledgedAnswer, scope="notifications:write")
async def acknowledge_notifications(socket: Socket, request: NotificationsAck) -> dict[str, Any]:
    """Say what has arrived: everything of a stream up to a position, or single notifications."""
    if request.ids is not None:
        ids = request.ids
        return {
            "acknowledged": await on_thread(services.acknowledge_notifications, user=socket.user, notification_ids=ids)
        }
    if request.stream is None or request.seq is None:
        raise Invalid.field("ids", "Name a stream and a seq, or ids.")
    user, stream, seq = socket.user, request.stream, request.seq
    return {"acknowledged": int(await on_thread(services.acknowledge, user=user, stream_name=stream, seq=seq))}


async def subscribe_inbox(socket: Socket) -> None:
    """Follow the person's streams live: for the paths whose clients know of no positions."""
    inbox = inbox_of(socket)
    async with inbox.lock:
        await inbox.resume({})


def refresh_inbox(socket: Socket) -> Awaitable[None]:
    """Follow the person into streams they joined and out of those they left; nothing where none are followed.

    From the call on nothing goes out that they have not been looked up for; what comes meanwhile follows after.
    """
    inbox: Inbox | None = socket.settings_of.get("inbox")
    if inbox is None:
        return asyncio.sleep(0)
    inbox.hold()
    return inbox.refresh_soon(is_awaited=True)
