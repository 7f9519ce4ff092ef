"""Notifications on sockets: each one once and in order, whatever was missed, and none of anybody else's."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from kernel import clock
from kernel.background import on_thread
from kernel.errors import Invalid
from kernel.realtime import Identity, Socket, streams
from kernel.realtime.dialects import Canonical, Flat, Typed
from kernel.realtime.outlets import PlainOutlet
from notifications import consumers, following, handlers, services, tasks
from notifications.consumers import subscribe_inbox
from notifications.errors import StreamForbidden
from notifications.messages import (
    NotificationsAck,
    NotificationsRead,
    NotificationsUnsubscribe,
)
from notifications.models import Notification, Receipt, Stream
from notifications.tests.far_end import Client, connected

pytestmark = pytest.mark.django_db(transaction=True)

Member = Callable[..., User]
Tell = Callable[..., Notification]


async def test_what_is_told_while_i_listen_arrives_in_order(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    async with connected(ann) as client:
        assert [m["type"] for m in await client.subscribe()] == ["notifications.live"]
        for number in range(5):
            await on_thread(tell, f"user:{ann.pk}", f"n{number}")
        await client.until(lambda: len(client.titles()) == 5)
    assert client.titles() == [f"n{number}" for number in range(5)]
    assert client.seqs(f"user:{ann.pk}") == [1, 2, 3, 4, 5]


async def test_the_past_is_not_sent_to_who_names_no_position(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    await on_thread(tell, "all", "before")
    async with connected(ann) as client:
        await client.subscribe()
        await client.quiet()
        assert client.titles() == []
        assert client.live()["all"][1] == 1


async def test_what_was_missed_comes_in_order_before_what_is_live(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    async with connected(ann) as client:
        await client.subscribe()
        positions = client.live()
    for number in range(3):
        await on_thread(tell, "all", f"missed {number}")
    async with connected(ann) as client:
        messages = await client.subscribe(positions=positions)
        await on_thread(tell, "all", "live")
        await client.until(lambda: "live" in client.titles())
    assert [m["type"] for m in messages] == ["notification"] * 3 + ["notifications.live"]
    assert client.titles() == ["missed 0", "missed 1", "missed 2", "live"]


async def test_readers_who_resume_while_many_write_have_each_one_once(member: Member, tell: Tell) -> None:
    """Reconnecting again and again in the middle of a burst, each time from the last position seen."""
    ann = await on_thread(member, "ann")
    count, writers = 40, 3

    def write(writer: int) -> None:
        for number in range(count):
            tell("all", f"{writer}.{number}")
        connection.close()

    async with connected(ann) as client:
        await client.subscribe()
        positions = client.live()
    threads = [threading.Thread(target=write, args=[writer]) for writer in range(writers)]
    for thread in threads:
        thread.start()
    epoch, seen = positions["all"][0], []
    while len(seen) < count * writers:
        async with connected(ann) as client:
            await client.subscribe(positions={**positions, "all": (epoch, seen[-1] if seen else 0)})
            goal = min(count * writers - len(seen), 15)
            await client.until(lambda client=client, goal=goal: len(client.seqs("all")) >= goal)
        seen += client.seqs("all")
    await client.quiet()
    for thread in threads:
        thread.join()
    assert seen == list(range(1, count * writers + 1))


async def test_many_sockets_share_a_stream_and_each_has_all_of_it(member: Member, tell: Tell) -> None:
    people = [await on_thread(member, name) for name in ("ann", "ben", "cid")]
    writing = threading.Thread(target=lambda: ([tell("all", f"n{n}") for n in range(60)], connection.close()))
    writing.start()
    clients = []
    for user in people * 2:
        client = Client()
        client.socket = Socket(PlainOutlet(client.send), Canonical())
        await client.socket.sign_in(Identity(user, (), None))
        clients.append(client)
        await client.subscribe(positions={"all": ((await on_thread(Stream.objects.get, name="all")).epoch, 0)})
        await asyncio.sleep(0.02)
    for client in clients:
        await client.until(lambda client=client: len(client.titles()) == 60)
        assert client.seqs("all") == list(range(1, 61))
        await client.socket.forget()
    writing.join()


async def test_a_long_past_of_large_messages_does_not_overflow_the_queue(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    text = "x" * 9_000
    await on_thread(lambda: [tell("all", f"n{number}", message=text) for number in range(150)])
    epoch = (await on_thread(Stream.objects.get, name="all")).epoch
    async with connected(ann) as client:
        await client.subscribe(positions={"all": (epoch, 0)})
        assert len(client.seqs("all")) == 150
        assert not client.socket.is_closing


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"topics": ["releases"]}, ["loud release"]),
    ({"types": ["order"]}, ["order"]),
    ({"min_priority": "error"}, ["loud release", "high"]),
    ({"topics": ["releases"], "min_priority": "critical"}, []),
    ({"types": []}, []),
]


async def test_a_filter_leaves_out_what_does_not_fit_but_not_its_place(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    async with AsyncExitStack() as open_sockets:
        clients = []
        for fields, titles in FILTERS:
            client = await open_sockets.enter_async_context(connected(ann))
            await client.subscribe(**fields)
            clients.append((client, titles))
        await on_thread(tell, "all", "loud release", topic="releases", priority="error")
        await on_thread(tell, "all", "order", type="order", priority="low")
        await on_thread(tell, "all", "high", priority="high")
        await on_thread(tell, "all", "plain")
        for client, titles in clients:
            while client.socket.position("all") != 4:
                await client.quiet(0.01)
            await client.subscribe()
            assert client.titles() == titles
            assert client.live()["all"][1] == 4, "a new filter goes on where the old one was"


async def test_nothing_arrives_after_unsubscribing(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    async with connected(ann) as client:
        await client.subscribe()
        await consumers.unsubscribe_from_notifications(client.socket, NotificationsUnsubscribe())
        await on_thread(tell, "all")
        await on_thread(services.join_stream, user_id=ann.pk, stream_name="formula:1")
        await client.quiet()
        assert client.types() == ["notifications.live"]


async def test_the_heads_are_told_again_and_again(member: Member, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "HEADS_EVERY", 0.02)
    ann = await on_thread(member, "ann")
    async with connected(ann) as client:
        await client.subscribe()
        await on_thread(tell, "all")
        await client.until(lambda: "notification" in client.types())
        start = len(client.sent)
        await client.until(lambda: "notifications.heads" in client.types()[start:])
        heads = client.sent[-1]["payload"]["streams"]
        assert heads["all"]["seq"] == 1
        assert {name: place["epoch"] for name, place in heads.items()} == {
            name: epoch for name, (epoch, _) in client.live().items()
        }


async def test_a_wake_up_that_was_lost_delays_and_loses_nothing(
    member: Member, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "wake_stream", lambda stream, *row: None)
    monkeypatch.setattr(streams, "LOOK_EVERY", 0.05)
    ann = await on_thread(member, "ann")
    async with connected(ann) as client:
        await client.subscribe()
        await on_thread(tell, "all", "unheard")
        await client.until(lambda: client.titles() == ["unheard"])


async def test_a_crash_between_commit_and_push_is_made_good_by_the_sweep(
    member: Member, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_EVERY", 60)
    ann = await on_thread(member, "ann")
    async with connected(ann) as client:
        await client.subscribe()
        with monkeypatch.context() as crash:
            crash.setattr(services.log, "publish_many", lambda events: None)
            await on_thread(tell, "all", "committed")
        await client.quiet()
        assert client.titles() == []
        later = clock.now() + 2 * tasks.OVERDUE
        with monkeypatch.context() as waited:
            waited.setattr(clock, "now", lambda: later)
            assert await on_thread(tasks.sweep_unpublished) == 1
        await client.until(lambda: client.titles() == ["committed"])


async def test_reading_on_the_socket_marks_only_what_is_mine(member: Member, tell: Tell) -> None:
    ann, ben = await on_thread(member, "ann"), await on_thread(member, "ben")
    mine, others = await on_thread(tell, "all"), await on_thread(tell, f"user:{ben.pk}")
    async with connected(ann) as client:
        request = NotificationsRead(ids=[mine.pk, others.pk])
        assert await consumers.read_notifications(client.socket, request) == {"marked": 1}
        assert await consumers.read_notifications(client.socket, request) == {"marked": 0}


async def test_what_has_arrived_is_acknowledged_by_position_or_one_by_one(member: Member, tell: Tell) -> None:
    ann, ben = await on_thread(member, "ann"), await on_thread(member, "ben")
    rows = [await on_thread(tell, "all", f"n{number}") for number in range(2)]
    others = await on_thread(tell, f"user:{ben.pk}")
    async with connected(ann) as client:

        async def ack(**fields: Any) -> Any:
            return await consumers.acknowledge_notifications(client.socket, NotificationsAck(**fields))

        assert await ack(stream="all", seq=2) == {"acknowledged": 1}
        assert await ack(stream="all", seq=1) == {"acknowledged": 0}
        assert await ack(ids=[rows[0].pk, others.pk]) == {"acknowledged": 1}
        for wrong in ({}, {"stream": "all"}, {"seq": 1}):
            with pytest.raises(Invalid):
                await ack(**wrong)
        with pytest.raises(StreamForbidden):
            await ack(stream=f"user:{ben.pk}", seq=1)
    assert await on_thread(Receipt.objects.get) is not None


async def test_the_flat_dialect_has_the_title_at_the_top_and_no_greeting(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    async with connected(ann, Flat()) as client:
        await subscribe_inbox(client.socket)
        row = await on_thread(tell, "all", "Hello", type="trade_signal", data={"a": 1})
        await client.until(lambda: len(client.sent) == 1)
    message = client.sent[0]
    assert (message["title"], message["type"], message["id"]) == ("Hello", "trade_signal", str(row.pk))
    assert (message["stream"], message["seq"], message["event_id"]) == ("all", 1, row.pk.hex)
    assert (message["data"], message["read"], message["symbol"]) == ({"a": 1}, False, None)


async def test_the_typed_dialect_has_the_notification_s_own_type(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    async with connected(ann, Typed()) as client:
        await subscribe_inbox(client.socket)
        await on_thread(services.join_stream, user_id=ann.pk, stream_name="formula:1")
        await client.quiet()
        row = await on_thread(tell, "formula:1", "BUY", type="trade_signal")
        await client.until(lambda: len(client.sent) == 1)
    message = client.sent[0]
    assert list(message) == ["type", "data", "timestamp"]
    assert message["type"] == "trade_signal"
    assert (message["data"]["id"], message["timestamp"]) == (str(row.pk), clock.isoformat(row.created_at))


async def test_what_i_do_on_one_screen_shows_on_the_others(member: Member, tell: Tell) -> None:
    ann, ben = await on_thread(member, "ann"), await on_thread(member, "ben")
    rows = [await on_thread(tell, f"user:{ann.pk}", f"n{number}") for number in range(3)]
    async with connected(ann) as desk, connected(ann) as phone, connected(ben) as other:
        for client in (desk, phone, other):
            await client.subscribe()
        await on_thread(services.mark_read, user=ann, notification_ids=[rows[0].pk])
        await on_thread(services.respond, user=ann, notification=rows[1], response="accept")
        await on_thread(services.mark_unread, user=ann, notification=rows[0])
        await on_thread(services.hide, user=ann, notification=rows[2])
        await on_thread(services.mark_all_read, user=ann)
        await on_thread(services.clear_inbox, user=ann)
        first, second, third = (str(row.pk) for row in rows)
        for client in (desk, phone):
            await client.until(lambda client=client: client.types().count("notifications.changed") == 6)
            told = [m["payload"] for m in client.sent if m["type"] == "notifications.changed"]
            assert [(one["change"], one["ids"]) for one in told] == [
                ("read", [first]), ("responded", [second]), ("unread", [first]), ("hidden", [third]),
                ("read", []), ("hidden", []),
            ]  # fmt: skip
            assert told[1]["response"] == "accept"
        assert "notifications.changed" not in other.types()
