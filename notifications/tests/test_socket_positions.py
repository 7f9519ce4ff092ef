"""Where a reader of notifications goes on: positions, what they are good for, and streams joined and left."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from accounts.models import Company, User
from kernel import clock
from kernel.background import on_thread
from kernel.realtime import streams
from kernel.realtime.dialects import Flat
from notifications import consumers, following, handlers, services
from notifications.errors import StreamForbidden
from notifications.messages import (
    NotificationsSubscribe,
)
from notifications.models import Notification
from notifications.services import memberships
from notifications.tests.far_end import connected

pytestmark = pytest.mark.django_db(transaction=True)

Member = Callable[..., User]
Tell = Callable[..., Notification]


async def test_naming_a_stream_of_others_is_refused_and_brings_nothing(member: Member, tell: Tell) -> None:
    ann, ben = await on_thread(member, "ann"), await on_thread(member, "ben")
    await on_thread(Company.objects.create, slug="acme", name="Acme")
    existing = (f"user:{ben.pk}", "company:acme", "role:admin", "formula:1", "company:acme/role:user")
    rows = await on_thread(lambda: {name: tell(name, "not for ann") for name in existing})
    async with connected(ann) as client:
        for name in (*existing, "*", "../all", "ALL", "", f"user:{ann.pk}/", "x" * 300):
            epoch = rows[name].stream.epoch if name in rows else "unknown"
            with pytest.raises(StreamForbidden) as refusal:
                await client.subscribe(positions={name: (epoch, 0)})
            assert (refusal.value.code, refusal.value.status) == ("forbidden", 403)
        await client.subscribe()
        await on_thread(tell, f"user:{ben.pk}", "nor this")
        await client.quiet()
        assert client.titles() == []


@pytest.mark.parametrize(("epoch", "seq"), [("other", 1), ("same", 4), ("same", 2**62)])
async def test_a_position_that_means_nothing_is_reset_and_goes_on_live(
    member: Member, tell: Tell, epoch: str, seq: int
) -> None:
    ann = await on_thread(member, "ann")
    row = await on_thread(tell, "all", "one")
    await on_thread(tell, "all", "two")
    named = row.stream.epoch if epoch == "same" else epoch
    async with connected(ann) as client:
        messages = await client.subscribe(positions={"all": (named, seq)})
        assert [m["type"] for m in messages] == ["reset", "notifications.live"]
        assert messages[0]["payload"] == {"streams": ["all"]}
        assert client.live()["all"] == (row.stream.epoch, 2)
        await on_thread(tell, "all", "three")
        await client.until(lambda: client.titles() == ["three"])


async def test_a_position_older_than_the_window_is_reset_without_a_partial_replay(
    member: Member, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "RESUME_WINDOW", 3)
    ann = await on_thread(member, "ann")
    rows = await on_thread(lambda: [tell("all", f"n{number}") for number in range(5)])
    epoch = rows[0].stream.epoch
    async with connected(ann) as client:
        assert (await client.subscribe(positions={"all": (epoch, 1)}))[0]["type"] == "reset"
        assert client.titles() == []
    async with connected(ann) as client:
        await client.subscribe(positions={"all": (epoch, 2)})
        assert client.titles() == ["n2", "n3", "n4"]


async def test_only_my_part_of_a_stream_is_sent_when_i_resume(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")

    def history() -> str:
        row = tell("formula:1", "before I came")
        services.join_stream(user_id=ann.pk, stream_name="formula:1")
        tell("formula:1", "first stay")
        services.leave_stream(user_id=ann.pk, stream_name="formula:1")
        tell("formula:1", "while away")
        services.join_stream(user_id=ann.pk, stream_name="formula:1")
        tell("formula:1", "second stay")
        services.leave_stream(user_id=ann.pk, stream_name="formula:1")
        tell("formula:1", "after I left")
        return row.stream.epoch

    epoch = await on_thread(history)
    async with connected(ann) as client:
        await client.subscribe(positions={"formula:1": (epoch, 0)})
        assert client.titles() == ["first stay", "second stay"]
        assert client.live()["formula:1"] == (epoch, 4)
        await on_thread(tell, "formula:1", "long after")
        await client.quiet()
        assert client.titles() == ["first stay", "second stay"]


async def test_a_stream_joined_while_away_is_sent_from_where_it_was_joined(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    async with connected(ann) as client:
        await client.subscribe()
        positions = client.live()
    await on_thread(tell, "formula:1", "too early")
    await on_thread(services.join_stream, user_id=ann.pk, stream_name="formula:1")
    await on_thread(tell, "formula:1", "mine")
    async with connected(ann) as client:
        await client.subscribe(positions=positions)
        assert client.titles() == ["mine"]


async def test_an_open_socket_follows_me_into_a_stream_and_out_of_it(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    async with connected(ann) as client:
        await client.subscribe()
        await on_thread(services.join_stream, user_id=ann.pk, stream_name="formula:1")
        await client.until(lambda: "formula:1" in client.live())
        await on_thread(tell, "formula:1", "in")
        await client.until(lambda: client.titles() == ["in"])
        await on_thread(services.leave_stream, user_id=ann.pk, stream_name="formula:1")
        await client.until(lambda: client.types()[-1] == "notifications.live")
        await on_thread(tell, "formula:1", "out")
        await on_thread(tell, "all", "still here")
        await client.until(lambda: "still here" in client.titles())
        assert client.titles() == ["in", "still here"]


async def test_what_was_told_before_i_left_arrives_though_the_socket_was_late(
    member: Member, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "wake_stream", lambda stream, *row: None)
    monkeypatch.setattr(streams, "LOOK_EVERY", 60)
    ann = await on_thread(member, "ann")
    await on_thread(services.join_stream, user_id=ann.pk, stream_name="formula:1")
    async with connected(ann) as client:
        await client.subscribe()
        await on_thread(tell, "formula:1", "unheard")
        await on_thread(services.leave_stream, user_id=ann.pk, stream_name="formula:1")
        await client.until(lambda: "unheard" in client.titles())


async def test_a_position_before_what_is_kept_is_reset(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    rows = [await on_thread(tell, "all", f"n{number}") for number in range(4)]
    stream = rows[0].stream
    moment = rows[2].created_at
    assert await on_thread(services.forget_before, stream_id=stream.pk, moment=moment) == 2
    async with connected(ann) as client:
        assert (await client.subscribe(positions={"all": (stream.epoch, 1)}))[0]["type"] == "reset"
        assert client.titles() == []
    async with connected(ann) as client:
        await client.subscribe(positions={"all": (stream.epoch, 2)})
        assert client.titles() == ["n2", "n3"]


async def test_an_account_made_without_a_word_has_its_streams_when_it_connects() -> None:
    ann = await on_thread(User.objects.create_user, "ann", "ann@example.com")
    async with connected(ann) as client:
        await client.subscribe()
        assert set(client.live()) == {f"user:{ann.pk}", "all", "role:user"}


def test_positions_are_whole_numbers_in_range() -> None:
    for seq in ("-1", '"1"', str(2**70), "1.5", "null"):
        body = '{"streams": {"all": {"epoch": "x", "seq": ' + seq + "}}}"
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(body, type=NotificationsSubscribe)


async def test_a_stream_left_before_i_connected_is_not_sent_when_i_come_back(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")

    def history() -> None:
        services.join_stream(user_id=ann.pk, stream_name="formula:1")
        tell("formula:1", "long ago")
        services.leave_stream(user_id=ann.pk, stream_name="formula:1")

    await on_thread(history)
    async with connected(ann) as client:
        await client.subscribe()
        positions = client.live()
    async with connected(ann) as client:
        await client.subscribe(positions=positions)
        assert client.types() == ["notifications.live"]


async def test_what_was_left_and_forgotten_is_no_reason_to_begin_anew(member: Member, tell: Tell) -> None:
    ann = await on_thread(member, "ann")
    await on_thread(services.join_stream, user_id=ann.pk, stream_name="formula:1")
    row = await on_thread(tell, "formula:1", "long ago")
    await on_thread(services.leave_stream, user_id=ann.pk, stream_name="formula:1")
    later = clock.now() + timedelta(days=1)
    assert await on_thread(services.forget_before, stream_id=row.stream_id, moment=later) == 1
    async with connected(ann) as client:
        await client.subscribe()
        positions = client.live()
    assert "formula:1" not in positions
    async with connected(ann) as client:
        await client.subscribe(positions=positions)
        assert client.types() == ["notifications.live"]


async def test_a_change_that_nobody_told_of_is_noticed(
    member: Member, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Redis away, for one."""
    monkeypatch.setattr(memberships, "refresh_sockets", lambda topic: None)
    ann = await on_thread(member, "ann")
    async with connected(ann) as client, connected(ann, Flat()) as old:
        await client.subscribe()
        await consumers.subscribe_inbox(old.socket)
        await on_thread(services.join_stream, user_id=ann.pk, stream_name="formula:1")
        await on_thread(tell, "formula:1", "mine")
        await following.look_after_inboxes()
        await client.until(lambda: client.titles() == ["mine"])
        await old.until(lambda: [message["title"] for message in old.sent] == ["mine"])


async def test_asking_again_for_less_on_one_connection_doubles_nothing(member: Member, tell: Tell) -> None:
    ann, names = await on_thread(member, "ann"), [f"formula:{number}" for number in range(8)]
    await on_thread(lambda: [services.join_stream(user_id=ann.pk, stream_name=name) for name in names])
    async with connected(ann) as client:
        await client.subscribe()
        writing = asyncio.create_task(on_thread(lambda: [tell(names[-1], f"n{number}") for number in range(60)]))
        while not writing.done():
            await client.subscribe(min_priority="info")
        await writing
        await client.until(lambda: 60 in client.seqs(names[-1]))
        assert client.seqs(names[-1]) == list(range(1, 61))
