"""The clients of docs/clients.md: each notification once and in order, whatever the line and the server do."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.peer import EPOCH, STREAM, Line, Peer
from tests.clients.running import Client, extract_python
from tests.server import Caller, LiveServer

KINDS = [pytest.param("typescript", marks=pytest.mark.node), "python"]
MakeClient = Callable[..., Client]

WRITTEN = """
import json
from notifications.models import Notification
rows = Notification.objects.filter(stream__name__in=["user:%(id)d", "all"]).order_by("seq")
print(json.dumps([[row.stream.name, row.seq, row.title] for row in rows.select_related("stream")]))
"""
WHILE_DEAD = """
import json
from accounts.models import User
from notifications.services import broadcast, notify_user
sender = User.objects.get(pk=%(id)d)
for number in range(3):
    notify_user(user_id=%(id)d, type="info", title=f"while dead {number}", message="", source="test")
    broadcast(sender=sender, stream_name="all", type="info", title=f"to all {number}", message="")
print(json.dumps("told"))
"""


@pytest.fixture
def make_client(request: Any, kind: str, tmp_path: Path) -> MakeClient:
    """A maker of clients of the test's `kind`; all of one test share their positions."""
    code = request.getfixturevalue("typescript") if kind == "typescript" else extract_python(tmp_path)

    def make(url: str, **environment: str) -> Client:
        return Client(kind, code, url, tmp_path / "positions.json", **environment)

    return make


@pytest.fixture(params=KINDS)
def kind(request: Any) -> str:
    return str(request.param)


async def told(client: Client, *numbers: int) -> None:
    """Wait for the last of `numbers`; these and no others have been told, in this order."""
    wanted = [f"number {number}" for number in numbers]
    while len(client.titles()) < len(wanted):
        await client.tells("notification")
    assert client.titles() == wanted


async def test_what_comes_twice_is_told_once(make_client: MakeClient) -> None:
    async with Peer() as peer, make_client(peer.url) as client:
        line = await peer.subscribed(last=0)
        for seq in (1, 1, 2, 1, 2, 3):
            await line.notify(seq)
        await told(client, 1, 2, 3)


async def test_a_gap_is_asked_for_again_and_told_in_order(make_client: MakeClient) -> None:
    async with Peer() as peer, make_client(peer.url) as client:
        line = await peer.subscribed(last=0)
        for seq in (1, 3, 4):
            await line.notify(seq)
        leaving = await line.asked("notifications.unsubscribe")
        await line.notify(5)
        await line.answer(leaving)
        assert await line.go_live(5, 2, 3, 4, 5) == {STREAM: {"epoch": EPOCH, "seq": 1}}
        await line.notify(6)
        await told(client, 1, 2, 3, 4, 5, 6)


async def test_numbers_left_out_on_purpose_are_not_asked_for_for_ever(
    make_client: MakeClient,
) -> None:
    async with Peer() as peer, make_client(peer.url) as client:
        line = await peer.subscribed(last=0)
        await line.notify(1)
        await line.notify(9)
        await line.answer(await line.asked("notifications.unsubscribe"))
        await line.go_live(9, 9)
        await line.notify(10)
        await told(client, 1, 9, 10)


async def test_the_heads_show_that_the_last_one_was_lost(make_client: MakeClient) -> None:
    async with Peer() as peer, make_client(peer.url) as client:
        line = await peer.subscribed(last=0)
        await line.notify(1)
        await line.say("notifications.heads", {"streams": {STREAM: {"epoch": EPOCH, "seq": 1}}})
        await line.say("notifications.heads", {"streams": {STREAM: {"epoch": EPOCH, "seq": 2}}})
        await line.answer(await line.asked("notifications.unsubscribe"))
        await line.go_live(2, 2)
        await told(client, 1, 2)


async def test_another_history_is_told_of_and_begins_anew(make_client: MakeClient) -> None:
    async with Peer() as peer, make_client(peer.url) as client:
        line = await peer.subscribed(last=7)
        await client.tells("state", "live")
        await line.close(4012)
        line = await peer.accepted()
        request = await line.asked("notifications.subscribe")
        assert request["payload"]["streams"][STREAM]["seq"] == 7
        await line.say("reset", {"streams": [STREAM]})
        assert (await client.tells("reset"))["reset"] == [STREAM]
        await line.close(4012)
        line = await peer.accepted()
        # A stream that is not named would be sent from its beginning.
        assert list(await line.go_live(2, epoch="second")) == [STREAM]
        await line.notify(3, epoch="second")
        await told(client, 3)


async def test_a_stream_of_somebody_else_is_forgotten_and_the_others_resume(make_client: MakeClient) -> None:
    async with Peer() as peer, make_client(peer.url) as client:
        line = await peer.accepted()
        await line.asked("notifications.subscribe")
        both = {STREAM: {"epoch": EPOCH, "seq": 4}, "formula:8": {"epoch": "other", "seq": 1}}
        await line.say("notifications.live", {"streams": both})
        await client.tells("state", "live")
        await line.close(4012)
        line = await peer.accepted()
        request = await line.asked("notifications.subscribe")
        assert request["payload"]["streams"] == both
        problem = {"code": "forbidden", "detail": "", "errors": {"streams": ["formula:8 is not addressed to you"]}}
        await line.say("error", problem, id=request["id"])
        assert await line.go_live(5, 5) == {STREAM: both[STREAM]}
        await told(client, 5)


async def test_a_client_that_starts_again_goes_on_where_it_was(make_client: MakeClient) -> None:
    async with Peer() as peer:
        async with make_client(peer.url) as client:
            line = await peer.subscribed(last=0)
            await line.notify(1)
            await told(client, 1)
            # Its position is kept before it is acknowledged.
            assert await acknowledged(line) == 1
        await line.closed()
        async with make_client(peer.url) as client:
            line = await peer.accepted()
            assert await line.go_live(2, 2) == {STREAM: {"epoch": EPOCH, "seq": 1}}
            await told(client, 2)


async def test_positions_are_not_named_before_all_are_known(make_client: MakeClient) -> None:
    """Else the server would send all there ever was in the streams that are not named."""
    async with Peer() as peer, make_client(peer.url) as client:
        line = await peer.accepted()
        await line.asked("notifications.subscribe")
        await line.notify(5)
        await told(client, 5)
        await line.close(4012)
        assert await (await peer.accepted()).go_live(5) == {}


@pytest.mark.parametrize("code", [4400, 4403])
async def test_a_refusal_for_good_ends_the_client(make_client: MakeClient, code: int) -> None:
    async with Peer() as peer, make_client(peer.url) as client:
        line = await peer.subscribed(last=0)
        await line.close(code)
        assert (await client.tells("state", "stopped"))["code"] == code
        assert await asyncio.wait_for(client.process.wait(), 10) == 0


@pytest.mark.parametrize("code", [4008, 4012, 1000])
async def test_any_other_close_brings_the_client_back_to_resume(make_client: MakeClient, code: int) -> None:
    async with Peer() as peer, make_client(peer.url) as client:
        line = await peer.subscribed(last=3)
        await client.tells("state", "live")
        await line.close(code)
        assert 0.5 <= (await client.tells("state", "waiting"))["seconds"] <= 1
        line = await peer.accepted()
        assert line.token == "a-token"
        assert await line.go_live(3) == {STREAM: {"epoch": EPOCH, "seq": 3}}


async def test_a_refused_token_is_renewed(make_client: MakeClient) -> None:
    async with Peer() as peer, make_client(peer.url):
        line = await peer.accepted()
        assert line.token == "a-token"
        await line.close(4401)
        assert (await peer.accepted()).token == "a-fresh-token"


async def test_a_token_that_ends_soon_is_renewed_on_the_open_line(make_client: MakeClient) -> None:
    async with Peer() as peer, make_client(peer.url):
        line = await peer.subscribed(last=0)
        await line.say("auth.expiring", {"expires_at": "2026-01-01T00:00:00Z"})
        assert (await line.asked("auth"))["payload"] == {"token": "a-fresh-token"}


async def test_whoever_was_too_much_waits_half_a_minute(make_client: MakeClient) -> None:
    async with Peer() as peer, make_client(peer.url) as client:
        await (await peer.accepted()).close(4429)
        assert 30.5 <= (await client.tells("state", "waiting"))["seconds"] <= 31


async def test_a_server_that_is_not_there_is_asked_more_and_more_rarely(make_client: MakeClient) -> None:
    async with Peer() as peer:
        url = peer.url
    async with make_client(url) as client:
        for ceiling in (1, 2, 4):
            assert 0.5 <= (await client.tells("state", "waiting"))["seconds"] <= ceiling


async def test_a_line_that_is_dead_is_left(make_client: MakeClient) -> None:
    async with Peer() as peer, make_client(peer.url, PING_EVERY="0.3", SILENCE="0.9") as client:
        line = await peer.subscribed(last=0)
        await client.tells("state", "live")
        line.go_deaf()
        await client.tells("state", "waiting")
        await peer.accepted()


async def test_what_has_arrived_is_acknowledged_by_its_last(make_client: MakeClient) -> None:
    async with Peer() as peer, make_client(peer.url) as client:
        line = await peer.subscribed(last=0)
        for seq in (1, 2, 3):
            await line.notify(seq)
        await told(client, 1, 2, 3)
        last = 0
        while last < 3:
            last = await acknowledged(line)


async def acknowledged(line: Line) -> int:
    """The next position that the client says it has; what the server tells meanwhile wakes those that need it."""
    asking = asyncio.create_task(line.asked("notifications.ack"))
    while not asking.done():
        await line.say("notifications.heads", {"streams": {}})
        await asyncio.wait({asking}, timeout=0.2)
    request = asking.result()
    assert request["payload"]["stream"] == STREAM
    return int(request["payload"]["seq"])


@pytest.mark.live
@pytest.mark.node
async def test_a_ticket_opens_the_line_to_other_subscriptions_too(
    live: LiveServer, typescript: Path, tmp_path: Path
) -> None:
    bob = await asyncio.to_thread(live.register, "ticket_bob")
    url, tickets = f"{live.sockets}/api/v1/ws", f"{live.site}/api/v1/auth/ws-ticket"
    series = '{"symbol": "IBM", "resolution": "1D"}'
    environment = {"TOKEN": bob.token, "TICKETS": tickets, "SERIES": series}
    async with Client("typescript", typescript, url, tmp_path / "positions.json", **environment) as client:
        await client.tells("state", "live")
        assert (await client.tells("bar"))["bar"]["time"] > 0


@pytest.mark.live
async def test_a_server_that_is_killed_costs_nothing_and_doubles_nothing(
    make_server: Callable[..., LiveServer], make_client: MakeClient
) -> None:
    server = make_server(BAR_BROADCASTER_ENABLED="false")
    await asyncio.to_thread(server.start)
    bob = await asyncio.to_thread(server.register, "bob")
    async with make_client(f"{server.sockets}/api/v1/ws", TOKEN=bob.token, FRESH_TOKEN=bob.token) as client:
        await client.tells("state", "live")
        await kill_while_writing(server, bob)
        await asyncio.to_thread(bob.post, "/notifications/", titled("the end"))
        while "the end" not in client.titles():
            await client.tells("notification")
    written = await asyncio.to_thread(server.shell, WRITTEN % {"id": bob.id})
    heard = [line["notification"] for line in client.told if "notification" in line]
    for stream in (f"user:{bob.id}", "all"):
        rows = [(seq, title) for name, seq, title in written if name == stream]
        assert [(one["seq"], one["title"]) for one in heard if one["stream"] == stream] == rows
        assert len(rows) >= 3


def titled(title: str) -> dict[str, str]:
    return {"type": "info", "priority": "info", "title": title, "message": title, "source": "test"}


async def kill_while_writing(server: LiveServer, bob: Caller) -> None:
    """SIGKILL in the middle of Bob's writing, more that is written meanwhile, and a start on the same port."""
    writing = asyncio.create_task(asyncio.to_thread(write_until_dead, bob))
    await asyncio.sleep(random.uniform(0.3, 0.8))
    server.kill()
    await writing
    await asyncio.to_thread(server.shell, WHILE_DEAD % {"id": bob.id})
    await asyncio.to_thread(server.start)


def write_until_dead(bob: Caller) -> None:
    with contextlib.suppress(httpx.TransportError):
        for number in range(10_000):
            bob.post("/notifications/", titled(f"while writing {number}"))
